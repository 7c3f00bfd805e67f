// Numbers, shapes and signatures as people read them.

const TYPES = {
  COLUMN_TYPE_STRING: "text",
  COLUMN_TYPE_INTEGER: "whole number",
  COLUMN_TYPE_FLOAT: "number",
  COLUMN_TYPE_BOOL: "true or false",
  COLUMN_TYPE_TIMESTAMP: "date and time",
};

/** Write a number with four digits that count, a whole one with all of its own. */
export function number(value) {
  if (typeof value === "bigint" || Number.isInteger(value)) return value.toString();
  return Number.isFinite(value) ? Number(value.toPrecision(4)).toString() : String(value);
}

/** Write a share of one as percents. */
export function percent(share) {
  return `${(100 * share).toFixed(1)}\u00a0%`;
}

/** Write seconds. */
export function seconds(value) {
  return value < 1
    ? `${number(Number((1000 * value).toFixed(1)))}\u00a0ms`
    : `${number(value)}\u00a0s`;
}

/** Write any value of JSON, or of an array. */
export function plain(value) {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "bigint"
    ? number(value)
    : JSON.stringify(value);
}

/** Write a time. */
export function time(told) {
  return told ? new Date(told).toLocaleString() : "";
}

/** Name the type of a column. */
export function columnType(type) {
  return TYPES[type] ?? "anything";
}

/** Tell in a few words what a model takes. */
export function taken(model) {
  if (model.text) return "a text";
  if (model.tabular) return counted(model.tabular.columns.length, "column");
  if (model.array) return model.array.encoded ? "an image" : arrayWords(model.array);
  if (model.severalArrays) return model.severalArrays.arrays.map(arrayWords).join(" and ");
  return "";
}

/** Tell in a few words what a model answers. */
export function answered(model) {
  if (model.singleLabel) return `one of ${counted(model.singleLabel.classes.length, "class")}`;
  if (model.multiLabel) return `any of ${counted(model.multiLabel.classes.length, "class")}`;
  if (model.regression) return listed(model.regression.targets);
  if (model.arrays) return `arrays: ${listed(model.arrays.names)}`;
  if (model.several) return model.several.outputs.map(answered).join(", and ");
  return "";
}

/** Tell in a word what an endpoint takes or answers. */
export function kindOf(io) {
  const [kind] = Object.keys(io);
  return (
    { row: "a row", table: "rows", flag: "yes or no" }[kind] ??
    `${kind === "array" || kind === "image" ? "an" : "a"} ${kind}`
  );
}

/** Tell what an array is. */
export function arrayWords(array) {
  const shape = (array.shape?.dimensions ?? array.shape ?? []).map((one) =>
    Number(one) < 0 ? "any" : one,
  );
  const type = (array.dataType ?? "").replace("DATA_TYPE_", "").toLowerCase();
  const size = shape.length ? ` of ${shape.join(" × ")}` : "";
  return `an array${size}${type && type !== "unspecified" ? `, ${type}` : ""}`;
}

/** Write names, of many only the first. */
export function listed(names, most = 12) {
  const rest = names.length - most;
  return names.slice(0, most).map(plain).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

function counted(count, noun) {
  const many = noun.endsWith("s") ? `${noun}es` : `${noun}s`;
  return `${count} ${count === 1 ? noun : many}`;
}
