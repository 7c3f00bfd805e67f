// Tables as spreadsheets and files of CSV have them.

const DELIMITERS = ["\t", ";", ","];

/** Read CSV, or what a spreadsheet puts on the clipboard, as rows of cells. */
export function cellsOf(text, delimiters = DELIMITERS) {
  const bare = text.replace(/^\ufeff/, "");
  const line = bare.slice(0, bare.search(/[\r\n]|$/));
  const delimiter = delimiters.find((one) => line.includes(one)) ?? delimiters.at(-1);
  const rows = [];
  let [row, cell, isQuoted] = [[], "", false];
  const endCell = () => {
    row.push(cell);
    cell = "";
  };
  const endRow = () => {
    endCell();
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  };
  for (let at = 0; at < bare.length; at += 1) {
    const one = bare[at];
    if (isQuoted) {
      if (one !== '"') cell += one;
      else if (bare[at + 1] === '"') [cell, at] = [`${cell}"`, at + 1];
      else isQuoted = false;
    } else if (one === '"' && cell === "") isQuoted = true;
    else if (one === delimiter) endCell();
    else if (one === "\n") endRow();
    else if (one !== "\r") cell += one;
  }
  endRow();
  return rows;
}

/** Write rows of cells as CSV. */
export function csvOf(rows) {
  return rows.map((row) => row.map(quoted).join(",")).join("\r\n");
}

/** Make what the server said harmless where a spreadsheet would run it as a formula. */
export function harmless(text) {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

/** Have the browser save a text as a file. */
export function save(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

function quoted(cell) {
  const text = cell == null ? "" : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
