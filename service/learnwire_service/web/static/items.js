// Many items for a model, out of a sheet or out of files.

import { cellOf } from "./fields.js";
import { encoded, fileBytes } from "./picture.js";
import { cellsOf } from "./sheet.js";

/** Tell whether many items of a model can be read here. */
export function takesMany(model) {
  return Boolean(model.text || model.tabular || model.array?.encoded);
}

/**
 * Read the items of a sheet that was pasted.
 *
 * Returns their headings, for each item its cells and the item itself, and what was noticed.
 */
export function itemsOfSheet(text, model) {
  // Texts have commas of their own.
  return model.text ? textsOf(cellsOf(text, ["\t"])) : rowsOf(cellsOf(text), model.tabular.columns);
}

/** Read the items of a file of CSV; see itemsOfSheet. */
export async function itemsOfFile(file, model) {
  const text = await file.text();
  return model.text && !file.name.endsWith(".txt")
    ? textsOf(cellsOf(text))
    : itemsOfSheet(text, model);
}

/** Read images as items; see itemsOfSheet. */
export async function itemsOfFiles(files) {
  const read = await Promise.all([...files].map(fileBytes));
  return {
    headings: ["file"],
    items: read.map((one) => ({ cells: [one.name], item: encoded(one) })),
    notes: [],
  };
}

/** Write items as the part of a request for many. */
export function inputsOf(items, model) {
  const all = items.map((one) => one.item);
  if (model.text) return { texts: { contents: all } };
  return model.tabular
    ? { rows: { rows: all.map((cells) => ({ cells })) } }
    : { arrays: { arrays: all } };
}

// The column that is called so, or else the one with the longest cells, which is no id.
function textsOf(rows) {
  const heading =
    rows[0]?.findIndex((one) => /^(text|content|review|comment|message)s?$/i.test(one.trim())) ??
    -1;
  const body = heading < 0 ? rows : rows.slice(1);
  const width = Math.max(0, ...body.slice(0, 100).map((row) => row.length));
  const size = (at) => body.slice(0, 100).reduce((sum, row) => sum + (row[at]?.length ?? 0), 0);
  const longest = Array.from({ length: width }, (_, at) => at).reduce(
    (best, at) => (size(at) > size(best) ? at : best),
    0,
  );
  const column = heading < 0 ? longest : heading;
  const notes =
    width > 1 ? [`Of ${width} columns, number ${column + 1} is taken for the text.`] : [];
  if (heading >= 0) notes.push("The first row is a heading.");
  return {
    headings: ["text"],
    items: body.map((row) => ({ cells: [row[column] ?? ""], item: row[column] ?? "" })),
    notes,
  };
}

function rowsOf(rows, columns) {
  const names = columns.map((one) => one.name);
  const first = (rows[0] ?? []).map((one) => one.trim());
  const hasHeadings = first.some((one) => names.includes(one));
  const headings = hasHeadings ? first : names;
  const items = rows
    .slice(hasHeadings ? 1 : 0)
    .map((cells) => ({ cells, item: itemOf(cells, headings, columns) }));
  return { headings, items, notes: notesOf(hasHeadings, headings, names) };
}

// A column that the sheet lacks stays away, so that the server says so.
function itemOf(cells, headings, columns) {
  const found = columns
    .map((column) => [column, headings.indexOf(column.name)])
    .filter(([, at]) => at >= 0 && at < cells.length);
  return Object.fromEntries(found.map(([column, at]) => [column.name, cellOf(cells[at], column)]));
}

function notesOf(hasHeadings, headings, names) {
  if (!hasHeadings)
    return [`The first row has no names of columns, so they are taken to be ${names.join(", ")}.`];
  const unused = headings.filter((one) => !names.includes(one));
  return unused.length ? [`Not asked about: ${unused.join(", ")}.`] : [];
}
