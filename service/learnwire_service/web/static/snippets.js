// The same call for a shell or a program, to copy.

import { el, newId, opened } from "./dom.js";
import { FileBytes, FileSize } from "./picture.js";
import { hasToken, pathOf } from "./server.js";

const GRPC_PORT = 50051;
// What nobody types by chance.
const MARK = `mark${Math.random()}`;

/** Make a box of the same call in several languages. */
export function drawSnippets(subject, request) {
  return opened("The same call as curl, grpcurl, Python, JavaScript", () =>
    drawAll(subject, request),
  );
}

function drawAll(subject, request) {
  const all = {
    curl: curl(subject, request),
    grpcurl: grpcurl(subject, request),
    Python: python(subject, request),
    JavaScript: javascript(subject, request),
  };
  const hint = `gRPC's port is taken to be ${GRPC_PORT}, and the token to be in the variable LEARNWIRE_TOKEN.`;
  const parts = Object.entries(all).map(([name, code]) => drawOne(name, code));
  return el("div", {}, el("p", { class: "hint" }, hint), ...parts);
}

function drawOne(name, code) {
  const id = newId();
  const copy = el("button", { type: "button", "aria-describedby": id }, "Copy");
  copy.addEventListener("click", async () => {
    // Browsers allow it only on this machine, or over TLS.
    if (!navigator.clipboard) return getSelection().selectAllChildren(shown);
    await navigator.clipboard.writeText(code);
    copy.textContent = "Copied";
    setTimeout(() => {
      copy.textContent = "Copy";
    }, 2000);
  });
  const shown = el(
    "pre",
    { tabindex: 0, role: "region", "aria-label": `The call in ${name}` },
    el("code", {}, code),
  );
  return el("div", { class: "snippet" }, el("h3", { id }, name), copy, shown);
}

function curl(subject, request) {
  const token = hasToken() ? ' -H "authorization: Bearer $LEARNWIRE_TOKEN"' : "";
  const { data, behind } = shell(request, "@-");
  return `curl -H 'content-type: application/json'${token} \\\n  -d ${data} ${location.origin}${pathOf(subject.method)}${behind}`;
}

function grpcurl(subject, request) {
  const safe = location.protocol === "https:" ? "" : " -plaintext";
  const token = hasToken() ? ' -H "authorization: Bearer $LEARNWIRE_TOKEN"' : "";
  const { data, behind } = shell(request, "@");
  return `grpcurl${safe}${token} -d ${data} \\\n  ${target()} learnwire.v1.${subject.method}${behind}`;
}

function target() {
  return `${location.hostname}:${GRPC_PORT}`;
}

/** Write a request for a shell: the argument and what is behind the command, which reads files itself. */
function shell(request, input) {
  const { json, files } = marked(request);
  if (!files.length) return { data: quoted(json), behind: "" };
  const read = unmarked(
    json.replace(/[\\$`]/g, String.raw`\$&`),
    files,
    (name) => `"$(base64 < ${quoted(name)} | tr -d '\\n')"`,
    (name) => `$(wc -c < ${quoted(name)})`,
  );
  return { data: input, behind: ` <<END\n${read}\nEND` };
}

function quoted(text) {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function python(subject, request) {
  const args = subject.kind === "model" ? [pythonItem(request)] : pythonInputs(request);
  const method = subject.kind === "model" ? "predict" : "call";
  const name = JSON.stringify(request.model ?? request.endpoint);
  const told = [name, ...args].join(", ");
  const shown = subject.endpoint?.streaming
    ? `    for answer in client.stream(${told}):\n        print(answer)`
    : `    print(client.${method}(${told}))`;
  const paths = filesOf(request).length ? "from pathlib import Path\n\n" : "";
  const isSafe = location.protocol === "https:";
  const options = isSafe ? ", options=ChannelOptions(tls=True)" : "";
  const imports = `from learnwire_client import ${isSafe ? "ChannelOptions, Client" : "Client"}`;
  return `${paths}${imports}\n\nwith Client(${JSON.stringify(target())}${options}) as client:\n${shown}`;
}

function pythonItem({ text, row, array, arrays }) {
  if (text) return pythonOf(text.content);
  if (row) return pythonOf(row.cells);
  if (array) return pythonArray(array);
  return `(${arrays.arrays.map(pythonArray).join(", ")})`;
}

function pythonInputs({ input, inputs }) {
  if (input) return [pythonPayload(input)];
  const all = Object.entries(inputs).map(
    ([name, one]) => `${JSON.stringify(name)}: ${pythonPayload(one)}`,
  );
  return [`inputs={${all.join(", ")}}`];
}

function pythonPayload({ text, row, rows, array, image, integer, number, flag, prediction }) {
  if (text) return pythonOf(text.content);
  if (row) return pythonOf(row.cells);
  if (rows) return pythonOf(rows.rows.map((one) => one.cells));
  if (array) return pythonArray(array);
  if (image) return pythonOf(image.data);
  if (integer !== undefined) return integer;
  return pythonOf(number ?? flag ?? prediction);
}

function pythonArray(array) {
  return pythonOf(array.data ?? array.values);
}

function pythonOf(value) {
  if (value instanceof FileBytes) return `Path(${JSON.stringify(value.name)})`;
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(pythonOf).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, one]) => `${JSON.stringify(name)}: ${pythonOf(one)}`)
    .join(", ")}}`;
}

/** Write a request for JavaScript, as Node and browsers have it; in Node files are read. */
function javascript(subject, request) {
  const { json, files } = marked(request);
  const read = unmarked(
    json,
    files,
    (name) => `readFileSync(${JSON.stringify(name)}).toString("base64")`,
    (name) => `readFileSync(${JSON.stringify(name)}).length`,
  );
  const imports = files.length ? 'import { readFileSync } from "node:fs";\n\n' : "";
  const token = hasToken() ? ", authorization: `Bearer ${process.env.LEARNWIRE_TOKEN}`" : "";
  const shown = subject.endpoint?.streaming ? "await answer.text()" : "await answer.json()";
  return `${imports}const answer = await fetch("${location.origin}${pathOf(subject.method)}", {
  method: "POST",
  headers: { "content-type": "application/json"${token} },
  body: JSON.stringify(${read}),
});
console.log(${shown});`;
}

/** Write a request as JSON with marks where a file's bytes and their number are to be. */
function marked(request) {
  const files = filesOf(request);
  const json = JSON.stringify(request, function (name, value) {
    const one = this[name];
    if (one instanceof FileBytes) return `${MARK} data ${files.indexOf(one)}`;
    return one instanceof FileSize ? `${MARK} size ${files.indexOf(one.file)}` : value;
  });
  return { json, files };
}

function unmarked(json, files, data, size) {
  const found = new RegExp(`"${MARK} (data|size) (\\d+)"`, "g");
  return json.replace(found, (_, kind, at) => (kind === "data" ? data : size)(files[at].name));
}

function filesOf(value) {
  if (value instanceof FileBytes) return [value];
  return value instanceof FileSize || typeof value !== "object" || value === null
    ? []
    : Object.values(value).flatMap(filesOf);
}
