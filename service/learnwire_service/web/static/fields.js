// Fields of a form. Each has a `node`, `read()` for its part of the request, and
// `mark(path, problem)`, which shows a problem whose path leads to it, and tells whether it does.

import { el, newId } from "./dom.js";
import { columnType, plain } from "./words.js";

const FEW = 40;
const OTHER = "another value…";

/** Put a label, a hint and a place for a problem around a control. */
export function labelled(name, control, hint, path, beside = null) {
  const [id, hintId, problemId] = [newId(), newId(), newId()];
  const problem = el("p", { class: "problem", id: problemId });
  control.id = id;
  control.setAttribute("aria-describedby", `${hintId} ${problemId}`);
  const node = el(
    "div",
    { class: "field" },
    el("label", { for: id }, name),
    control,
    beside,
    el("p", { class: "hint", id: hintId }, hint ?? ""),
    problem,
  );
  const say = (told) => {
    problem.textContent = told;
    if (told) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  };
  return { node, clear: () => say(""), mark: (at, told) => leads(at, path) && (say(told), true) };
}

/** A text of several lines. */
export function textField(name, { maxChars }, path) {
  const most = Number(maxChars ?? 0);
  const control = el("textarea", { rows: 4 });
  const hint = most ? `At most ${most.toLocaleString()} characters.` : "";
  return {
    ...labelled(name, control, hint, path),
    read: () => ({ text: { content: control.value } }),
  };
}

/** Any value of JSON, such as an array of numbers. */
export function jsonField(name, hint, path, wrap, example = "") {
  const control = el("textarea", { rows: 4, class: "code", spellcheck: "false" });
  control.value = example;
  const field = labelled(name, control, hint, path);
  const read = () => {
    try {
      return wrap(JSON.parse(control.value));
    } catch (error) {
      field.mark(path, `This is no JSON: ${error.message}`);
      throw new Unreadable();
    }
  };
  return { ...field, read };
}

/** A number of an endpoint. */
export function numberField(name, { integral, minimum, maximum }, path) {
  const control = el("input", { inputmode: integral ? "numeric" : "decimal", autocomplete: "off" });
  const bounds = [minimum != null && `from ${minimum}`, maximum != null && `to ${maximum}`].filter(
    Boolean,
  );
  const hint = [integral ? "A whole number" : "A number", ...bounds].join(" ");
  const kind = integral ? "integer" : "number";
  // What is no number goes to the server, which says so.
  const read = () => ({ [kind]: integral ? control.value.trim() : numberOf(control.value, false) });
  return { ...labelled(name, control, `${hint}.`, path), read };
}

/** A yes or no. */
export function flagField(name, path) {
  const control = el(
    "select",
    {},
    el("option", { value: "" }, "no"),
    el("option", { value: "true" }, "yes"),
  );
  return { ...labelled(name, control, "", path), read: () => ({ flag: control.value !== "" }) };
}

/** One cell of a row, as its column asks. */
export function cellField(column, path) {
  const choices = choicesOf(column);
  const { control, beside, read } = choices.length ? choice(choices, column) : typed(column);
  return { ...labelled(column.name, control, hintOf(column), path, beside), read };
}

/** Read a cell that was typed or pasted; what does not fit stays text, which the server refuses. */
export function cellOf(text, column) {
  if (text === "") return null;
  const known = (column.categories ?? []).find((one) => plain(one) === text);
  if (known !== undefined) return known;
  switch (column.type) {
    case "COLUMN_TYPE_INTEGER":
      return numberOf(text, true);
    case "COLUMN_TYPE_FLOAT":
      return numberOf(text, false);
    case "COLUMN_TYPE_BOOL":
      return { true: true, false: false }[text.trim().toLowerCase()] ?? text;
    case "COLUMN_TYPE_STRING":
    case "COLUMN_TYPE_TIMESTAMP":
      return text;
    default:
      return numberOf(text, false);
  }
}

/** A field that cannot be read; what is wrong stands at it. */
export class Unreadable extends Error {}

function leads(at, path) {
  const next = at[path.length];
  return at.startsWith(path) && (next === undefined || next === "." || next === "[");
}

function numberOf(text, integral) {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) return text;
  return integral && Number.isInteger(value) && !Number.isSafeInteger(value) ? text : value;
}

function choicesOf(column) {
  if (column.type === "COLUMN_TYPE_BOOL" && !column.categories?.length) return [true, false];
  return column.categories ?? [];
}

function choice(choices, column) {
  return choices.length > FEW ? suggested(choices, column) : selected(choices, column);
}

function selected(choices, column) {
  const values = column.nullable ? [...choices, null] : choices;
  const start = values.indexOf(column.example);
  const options = values.map((one, index) =>
    el(
      "option",
      { value: index, selected: index === start },
      one === null ? "no value (null)" : plain(one),
    ),
  );
  const select = el("select", {}, ...options);
  if (column.type === "COLUMN_TYPE_BOOL")
    return { control: select, read: () => values[Number(select.value)] };
  const typing = el("input", {
    "aria-label": `${column.name}: ${OTHER}`,
    hidden: true,
    autocomplete: "off",
  });
  select.append(el("option", { value: "" }, OTHER));
  select.addEventListener("change", () => {
    typing.hidden = select.value !== "";
    if (!typing.hidden) typing.focus();
  });
  const read = () =>
    select.value === "" ? cellOf(typing.value, column) : values[Number(select.value)];
  return { control: select, beside: typing, read };
}

function suggested(choices, column) {
  const list = el(
    "datalist",
    { id: newId() },
    ...choices.map((one) => el("option", { value: plain(one) })),
  );
  const control = el("input", { list: list.id, autocomplete: "off" });
  if (column.example != null) control.value = plain(column.example);
  return { control, beside: list, read: () => cellOf(control.value, column) };
}

function typed(column) {
  const isText = column.type === "COLUMN_TYPE_STRING";
  const control = el("input", {
    autocomplete: "off",
    inputmode: isText ? "text" : modeOf(column.type),
  });
  if (column.example != null) control.value = plain(column.example);
  // A number that is left out has one meaning, a text that is empty has two.
  if (!isText || !column.nullable)
    return { control, read: () => (isText ? control.value : cellOf(control.value, column)) };
  const none = el("input", { type: "checkbox" });
  none.addEventListener("change", () => {
    control.disabled = none.checked;
  });
  const beside = el("label", { class: "none" }, none, "no value (null)");
  return { control, beside, read: () => (none.checked ? null : control.value) };
}

function modeOf(type) {
  return { COLUMN_TYPE_INTEGER: "numeric", COLUMN_TYPE_FLOAT: "decimal" }[type] ?? "text";
}

function hintOf(column) {
  const range = column.typicalMin != null && column.typicalMax != null;
  return [
    !choicesOf(column).length && columnType(column.type),
    range && `typically ${plain(column.typicalMin)} to ${plain(column.typicalMax)}`,
    column.type === "COLUMN_TYPE_TIMESTAMP" && "such as 2024-05-31T12:00:00",
    column.private && "what training saw is private",
    column.nullable && column.type !== "COLUMN_TYPE_STRING" && "empty is null",
  ]
    .filter(Boolean)
    .join("; ");
}
