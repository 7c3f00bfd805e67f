// Ask it many items: rows of a spreadsheet, a file of CSV, or several images.

import { answerNames, answersIn } from "./columns.js";
import { el, newId, table } from "./dom.js";
import { inputsOf, itemsOfFile, itemsOfFiles, itemsOfSheet } from "./items.js";
import { drawProblem } from "./problems.js";
import { stream } from "./server.js";
import { csvOf, harmless, save } from "./sheet.js";
import { plain } from "./words.js";

const SHOWN = 100;
// What goes into a request: so many items, or so many characters of JSON.
const MOST_ITEMS = 500;
const MOST_CHARACTERS = 2_000_000;

/** Make the part of the page that asks a model many items. */
export function drawMany(subject) {
  const place = el("div", { class: "answers", "aria-live": "polite" });
  let stop = new AbortController();
  const start = async (reading) => {
    stop.abort();
    stop = new AbortController();
    try {
      const sheet = await reading;
      if (sheet.items.length) await run(subject, sheet, place, stop);
      else place.replaceChildren(el("p", { class: "warning" }, "There are no rows in it."));
    } catch (error) {
      place.replaceChildren(drawProblem(error));
    }
  };
  const form = subject.model.array ? filesForm(start) : sheetForm(subject.model, start);
  return el("div", {}, form, place);
}

function filesForm(start) {
  const id = newId();
  const files = el("input", { id, type: "file", accept: "image/*", multiple: true });
  files.addEventListener("change", () => start(itemsOfFiles(files.files)));
  return el("form", { class: "many" }, el("label", { for: id }, "Images"), files);
}

function sheetForm(model, start) {
  const [sheetId, fileId] = [newId(), newId()];
  const sheet = el("textarea", {
    id: sheetId,
    rows: 5,
    class: "code",
    spellcheck: "false",
    wrap: "off",
  });
  const file = el("input", { id: fileId, type: "file", accept: ".csv,.tsv,.txt,text/csv" });
  file.addEventListener("change", () => file.files[0] && start(itemsOfFile(file.files[0], model)));
  const ask = (event) => {
    event.preventDefault();
    start(itemsOfSheet(sheet.value, model));
  };
  const hint = model.text
    ? "Or rows copied from a spreadsheet."
    : `Columns: ${model.tabular.columns.map((one) => one.name).join(", ")}. Empty cells are null.`;
  return el(
    "form",
    { class: "many", onsubmit: ask },
    el(
      "label",
      { for: sheetId },
      model.text ? "Texts, one a line" : "Rows copied from a spreadsheet, or CSV",
    ),
    sheet,
    el("p", { class: "hint" }, hint),
    el("button", { class: "main" }, "Ask all"),
    el("label", { for: fileId }, "or a file of CSV"),
    file,
  );
}

async function run(subject, { headings, items, notes }, place, stop) {
  const answers = [];
  const bar = el("progress", {
    max: items.length,
    value: 0,
    "aria-label": "Items that are answered",
  });
  const count = el("p", { class: "hint" }, `0 of ${items.length}`);
  const button = el("button", { type: "button", onclick: () => stop.abort() }, "Stop");
  const shown = el("div", {});
  place.replaceChildren(
    ...notes.map((one) => el("p", { class: "hint" }, one)),
    bar,
    count,
    button,
    shown,
  );
  const problem = await askAll(subject, items, stop.signal, (part) => {
    answers.push(...part);
    // Nobody looks at them any more.
    if (!bar.isConnected) stop.abort();
    bar.value = answers.length;
    count.textContent = `${answers.length} of ${items.length}`;
  });
  const failed = answers.filter((one) => one.problem).length;
  count.textContent = `${answers.length} of ${items.length} answered${failed ? `, ${failed} of them with an error` : ""}.`;
  const rows = answers.map((one) => [
    ...cellsBeside(items[one.index].cells, headings),
    ...one.cells,
    one.warning,
    one.problem,
  ]);
  const names = [...headings, ...answerNames(subject.model), "warnings", "error"];
  const download = el("button", { type: "button" }, "Download as CSV");
  download.addEventListener("click", () =>
    save(
      `${subject.name}.csv`,
      csvOf([names, ...rows].map((row) => guarded(row, headings.length))),
    ),
  );
  button.replaceWith(download);
  shown.append(...(problem ? [drawProblem(problem)] : []), drawAnswers(names, rows));
}

/** Ask request by request; gives what went wrong, where that ended it. */
async function askAll(subject, items, signal, take) {
  try {
    let first = 0;
    for (const some of batches(items)) {
      const request = subject.request(inputsOf(some, subject.model));
      for await (const part of stream("PredictionService/PredictMany", request, signal)) {
        const from = first;
        take(answersIn(part, subject.model).map((one) => ({ ...one, index: from + one.index })));
      }
      first += some.length;
    }
  } catch (error) {
    if (!signal.aborted) return error;
  }
  return null;
}

function* batches(items) {
  let [some, size] = [[], 0];
  for (const one of items) {
    const length = JSON.stringify(one.item).length;
    if (some.length && (some.length === MOST_ITEMS || size + length > MOST_CHARACTERS)) {
      yield some;
      [some, size] = [[], 0];
    }
    some.push(one);
    size += length;
  }
  if (some.length) yield some;
}

function cellsBeside(cells, headings) {
  return headings.map((_, at) => cells[at] ?? "");
}

function drawAnswers(names, rows) {
  const shown = rows.slice(0, SHOWN).map((row, at) => [String(at + 1), ...row.map(plain)]);
  const caption =
    rows.length > SHOWN
      ? `The first ${SHOWN} of ${rows.length}; the download has all`
      : "The answers";
  return table(caption, ["row", ...names], shown, "sheet");
}

// The sheet's own cells stay as they are; what the server says of them is not run.
function guarded(row, own) {
  return row.map((cell, at) => (at >= own && typeof cell === "string" ? harmless(cell) : cell));
}
