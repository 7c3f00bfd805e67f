// What models and endpoints take, as fields of a form.

import { cellField, flagField, jsonField, numberField, textField } from "./fields.js";
import { el } from "./dom.js";
import { encoded, pictureField } from "./picture.js";
import { arrayWords } from "./words.js";

/** Give the fields for what a model takes; together they read as a part of its request. */
export function modelInput(model) {
  if (model.text) return textField("Text", model.text, "text");
  if (model.tabular) return rowField(model.tabular.columns, "row");
  if (model.array)
    return arrayInput(model.array.encoded ? "Image" : "Array", model.array, "array", (array) => ({
      array,
    }));
  return joined(
    model.severalArrays.arrays.map((one, index) =>
      arrayInput(`Input ${index + 1}`, one, `arrays.arrays[${index}]`, (array) => array),
    ),
    (arrays) => ({ arrays: { arrays } }),
  );
}

/** Give the fields for what an endpoint takes. */
export function endpointInput({ inputs }) {
  if (inputs.length === 1 && !inputs[0].name) {
    return joined([payload("Input", inputs[0].io, "input")], ([input]) => ({ input }));
  }
  const fields = inputs.map((one) =>
    optional(one, payload(one.name, one.io, `inputs.${one.name}`)),
  );
  return joined(fields, (values) => ({
    inputs: Object.fromEntries(
      inputs.map(({ name }, index) => [name, values[index]]).filter(([, value]) => value),
    ),
  }));
}

function payload(name, io, path) {
  if (io.text) return textField(name, io.text, path);
  if (io.number) return numberField(name, io.number, path);
  if (io.flag) return flagField(name, path);
  if (io.image) return pictureField(name, path, (data) => ({ image: { data } }));
  if (io.array) return numbers(name, io.array, path, (array) => ({ array }));
  if (io.prediction)
    return jsonField(name, "A prediction as JSON.", path, (prediction) => ({ prediction }));
  const columns = (io.row ?? io.table).columns;
  if (io.table) return rowsField(name, columns, path);
  if (columns.length) return grouped(name, rowField(columns, `${path}.row`));
  return jsonField(name, 'Cells by column as JSON, such as {"size": 2}.', path, (cells) => ({
    row: { cells },
  }));
}

function rowField(columns, path) {
  const fields = columns.map((one) => cellField(one, `${path}.cells["${one.name}"]`));
  return joined(fields, (cells) => ({
    row: { cells: Object.fromEntries(columns.map(({ name }, index) => [name, cells[index]])) },
  }));
}

function grouped(name, field) {
  return { ...field, node: el("fieldset", {}, el("legend", {}, name), field.node) };
}

function rowsField(name, columns, path) {
  const named = columns.map((one) => one.name).join(", ");
  const hint = `Rows as JSON, such as [{"size": 2}, {"size": 3}]${named && `; columns ${named}`}.`;
  const wrap = (rows) => ({ rows: { rows: [rows].flat().map((cells) => ({ cells })) } });
  return jsonField(name, hint, path, wrap);
}

function arrayInput(name, array, path, wrap) {
  if (array.encoded) return pictureField(name, path, (file) => wrap(encoded(file)), array);
  return numbers(name, array, path, wrap);
}

function numbers(name, array, path, wrap) {
  const sizes = (
    array.typicalShape?.length ? array.typicalShape : (array.shape?.dimensions ?? array.shape ?? [])
  ).map(Number);
  const few =
    sizes.length && sizes.every((one) => one > 0) && sizes.reduce((a, b) => a * b, 1) <= 64;
  const hint = `${arrayWords(array)}, as nested lists of numbers.`;
  return jsonField(
    name,
    hint,
    path,
    (values) => wrap({ values }),
    few ? JSON.stringify(zeros(sizes)) : "",
  );
}

function zeros([first, ...others]) {
  return first === undefined ? 0 : Array.from({ length: first }, () => zeros(others));
}

function optional({ optional: may }, field) {
  if (!may) return field;
  const leave = el("input", { type: "checkbox", checked: true });
  field.node.append(el("label", { class: "none" }, leave, "leave it out"));
  // Who fills it in means to send it.
  field.node.addEventListener("input", (event) => {
    if (event.target !== leave) leave.checked = false;
  });
  return { ...field, read: () => (leave.checked ? null : field.read()) };
}

function joined(fields, wrap) {
  return {
    node: el("div", { class: "fields" }, ...fields.map((one) => one.node)),
    read: () => wrap(fields.map((one) => one.read())),
    clear: () => fields.forEach((one) => one.clear()),
    mark: (at, told) => fields.some((one) => one.mark(at, told)),
    shown: () => fields.map((one) => one.shown?.()).find(Boolean) ?? null,
  };
}
