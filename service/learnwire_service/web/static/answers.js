// Answers, drawn: bars of probabilities, numbers, masks and points over the image, tables.

import { arrayOf, rowsOf } from "./arrays.js";
import { el, facts, opened, table } from "./dom.js";
import { masked, pointed } from "./overlay.js";
import { arrayWords, number, percent, plain } from "./words.js";

const MOST_BARS = 12;
const MOST_ELEMENTS = 60;
const MOST_ROWS = 200;

/** Draw a prediction. `model` tells its classes, `picture` is the image asked about, or null. */
export function drawPrediction(prediction, model, picture) {
  const warnings = (prediction.warnings ?? []).map((one) => el("p", { class: "warning" }, one));
  return el("div", {}, ...warnings, valueOf(prediction, model ?? {}, picture));
}

/** Draw what an endpoint answers. */
export function drawPayload(output, picture) {
  const [kind] = Object.keys(output ?? {});
  switch (kind) {
    case "text":
      return el("p", { class: "told" }, output.text.content);
    case "row":
      return facts(Object.entries(output.row.cells).map(([name, cell]) => [name, plain(cell)]));
    case "rows":
      return drawRows(output.rows.rows.map((one) => one.cells));
    case "table":
      return drawRows(rowsOfTable(output.table));
    case "array":
      return drawArray("array", output.array);
    case "image":
      return el("img", {
        class: "answer",
        alt: "The image that was answered",
        src: `data:image/png;base64,${output.image.data}`,
      });
    case "prediction":
      return drawPrediction(output.prediction, null, picture);
    case undefined:
      return el("p", {}, "Nothing.");
    default:
      return el("p", { class: "told" }, plain(output[kind]));
  }
}

function valueOf({ singleLabel, multiLabel, regression, arrays, outputs }, model, picture) {
  if (singleLabel) return drawLabel(singleLabel, model.singleLabel?.classes ?? []);
  if (multiLabel) return drawLabels(multiLabel, model.multiLabel ?? {});
  if (regression) return drawNumbers(regression.values, model.regression?.targets ?? []);
  if (outputs) return drawSeveral(outputs.outputs, model.several?.outputs ?? [], picture);
  return arrays ? drawArrays(arrays.arrays, model, picture) : el("p", {}, "Nothing.");
}

function drawLabel({ label, index, probabilities }, classes) {
  const sure = probabilities.length ? ` ${percent(probabilities[index])}` : "";
  const names = probabilities.map((_, at) => (at === index ? label : (classes[at] ?? String(at))));
  return el(
    "div",
    {},
    el("p", { class: "told" }, label, el("small", {}, sure)),
    bars(names, probabilities, (at) => at === index),
  );
}

function drawLabels({ labels, mask, probabilities }, { classes = [], threshold }) {
  const names = probabilities.map((_, at) => classes[at] ?? String(at));
  const above = threshold == null ? "" : ` above ${percent(threshold)}`;
  return el(
    "div",
    {},
    el("p", { class: "told" }, labels.join(", ") || "none of them", el("small", {}, above)),
    bars(names, probabilities, (at) => mask[at]),
  );
}

/** Draw a bar for each class, the most probable first. */
function bars(names, probabilities, isChosen) {
  const order = names.map((_, at) => at).sort((a, b) => probabilities[b] - probabilities[a]);
  const rows = order.slice(0, MOST_BARS).map((at) => {
    const bar = el("span", { class: "bar" });
    bar.style.width = `${100 * probabilities[at]}%`;
    return el(
      "tr",
      { class: isChosen(at) ? "chosen" : null },
      el("th", { scope: "row" }, names[at]),
      el("td", { class: "bars", "aria-hidden": "true" }, bar),
      el("td", {}, percent(probabilities[at])),
    );
  });
  const rest = order.length - MOST_BARS;
  return el(
    "table",
    { class: "probabilities" },
    el(
      "caption",
      {},
      rest > 0 ? `Probabilities; ${rest} smaller ones are left out` : "Probabilities",
    ),
    el("tbody", {}, ...rows),
  );
}

function drawNumbers(values, targets) {
  return facts(values.map((value, at) => [targets[at] ?? `value ${at}`, number(Number(value))]));
}

function drawSeveral(outputs, models, picture) {
  const parts = outputs.map((one, at) =>
    el("section", {}, el("h4", {}, `Output ${at + 1}`), valueOf(one, models[at] ?? {}, picture)),
  );
  return el("div", {}, ...parts);
}

function drawArrays(arrays, model, picture) {
  const read = Object.fromEntries(
    Object.entries(arrays).map(([name, one]) => [name, arrayOf(one)]),
  );
  const parts = [];
  if (read.mask && picture) parts.push(masked(picture, read.mask, model.arrays?.classes ?? []));
  if (read.points && picture)
    parts.push(pointed(picture, rowsOf(read.points), model.array?.typicalShape ?? []));
  const numbers = () =>
    el("div", {}, ...Object.entries(arrays).map(([name, one]) => drawArray(name, one)));
  return el("div", {}, ...parts, parts.length ? opened("The numbers", numbers) : numbers());
}

function drawArray(name, told) {
  const { shape, elements } = arrayOf(told);
  const rest = elements.length - MOST_ELEMENTS;
  const shown = elements.slice(0, MOST_ELEMENTS).map(plain).join(", ");
  const words = arrayWords({ shape, dataType: told.dataType });
  return facts([[`${name}: ${words}`, shown + (rest > 0 ? `, … and ${rest} more` : "")]]);
}

function rowsOfTable({ columns }) {
  const read = columns.map(({ name, values, valid }) => {
    const holds = valid ? arrayOf(valid).elements : null;
    return [name, arrayOf(values).elements.map((one, at) => (holds && !holds[at] ? null : one))];
  });
  const count = read[0]?.[1].length ?? 0;
  return Array.from({ length: count }, (_, at) =>
    Object.fromEntries(read.map(([name, cells]) => [name, cells[at]])),
  );
}

function drawRows(rows) {
  const names = Object.keys(rows[0] ?? {});
  const told = rows
    .slice(0, MOST_ROWS)
    .map((row, at) => [String(at), ...names.map((name) => plain(row[name] ?? null))]);
  const caption =
    rows.length > MOST_ROWS
      ? `The first ${MOST_ROWS} of ${rows.length} rows`
      : `${rows.length} rows`;
  return table(caption, ["row", ...names], told);
}
