// The answers to many items, as cells of a sheet.

import { arrayOf, rowsOf } from "./arrays.js";
import { plain } from "./words.js";

/** Give the names of the columns of a model's answers, as frames and files have them. */
export function answerNames(model) {
  const { classes = [] } = model.singleLabel ?? model.multiLabel ?? {};
  const probabilities = classes.map((one) => `p_${one}`);
  if (model.singleLabel) return ["label", ...probabilities];
  if (model.multiLabel) return [...classes.map((one) => `is_${one}`), ...probabilities];
  return model.regression ? model.regression.targets : ["answer"];
}

/** Give for each item of a part of the answers its cells, its problem and its warning. */
export function answersIn(part, model) {
  const cells = cellsIn(part, model);
  const problems = new Map(part.errors.map(({ index, status }) => [Number(index), status.message]));
  const warnings = new Map(
    part.warnings.map((one) => [Number(one.index), one.warnings.join("; ")]),
  );
  const first = Number(part.firstIndex);
  return cells.map((one, at) => ({
    index: first + at,
    problem: problems.get(first + at) ?? "",
    warning: warnings.get(first + at) ?? "",
    // A failed item keeps its place, with nothing in it.
    cells: problems.has(first + at) ? answerNames(model).map(() => "") : one,
  }));
}

function cellsIn({ singleLabels, multiLabels, regressions, predictions }) {
  if (singleLabels) {
    const probabilities = rowsOf(arrayOf(singleLabels.probabilities));
    return singleLabels.labels.map((label, at) => [label, ...probabilities[at]]);
  }
  if (multiLabels) {
    const [masks, probabilities] = [multiLabels.masks, multiLabels.probabilities].map((one) =>
      rowsOf(arrayOf(one)),
    );
    return masks.map((mask, at) => [...mask, ...probabilities[at]]);
  }
  if (regressions) return rowsOf(arrayOf(regressions.values));
  return (predictions?.predictions ?? []).map((one) => [answerOf(one)]);
}

function answerOf({ arrays, outputs }) {
  if (outputs)
    return outputs.outputs
      .map(
        (one) =>
          one.singleLabel?.label ??
          one.multiLabel?.labels.join(" ") ??
          plain(one.regression?.values ?? ""),
      )
      .join("; ");
  return Object.entries(arrays?.arrays ?? {})
    .map(([name, one]) => `${name}: ${brief(arrayOf(one))}`)
    .join("; ");
}

function brief({ shape, elements }) {
  return elements.length <= 20 ? elements.map(plain).join(" ") : shape.join(" × ");
}
