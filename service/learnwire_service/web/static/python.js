// The same call for Python, with Learnwire's own client, which reads LEARNWIRE_TOKEN.

import { FileBytes } from "./picture.js";
import { filesOf, grpcTarget, isSafe } from "./written.js";

/** Write a call for Python. */
export function python(subject, request) {
  const args = subject.kind === "model" ? [itemOf(request)] : inputsOf(request);
  const method = subject.kind === "model" ? "predict" : "call";
  const told = [JSON.stringify(request.model ?? request.endpoint), ...args].join(", ");
  const shown = subject.endpoint?.streaming
    ? `    for answer in client.stream(${told}):\n        print(answer)`
    : `    print(client.${method}(${told}))`;
  const paths = filesOf(request).length ? "from pathlib import Path\n\n" : "";
  const options = isSafe() ? ", options=ChannelOptions(tls=True)" : "";
  const imports = `from learnwire_client import ${isSafe() ? "ChannelOptions, Client" : "Client"}`;
  return `${paths}${imports}\n\nwith Client(${JSON.stringify(grpcTarget())}${options}) as client:\n${shown}`;
}

function itemOf({ text, row, array, arrays }) {
  if (text) return valueOf(text.content);
  if (row) return valueOf(row.cells);
  return array ? arrayOf(array) : `(${arrays.arrays.map(arrayOf).join(", ")})`;
}

function inputsOf({ input, inputs }) {
  if (input) return [payloadOf(input)];
  const all = Object.entries(inputs).map(
    ([name, one]) => `${JSON.stringify(name)}: ${payloadOf(one)}`,
  );
  return [`inputs={${all.join(", ")}}`];
}

function payloadOf({ text, row, rows, array, image, integer, number, flag, prediction }) {
  if (text) return valueOf(text.content);
  if (row) return valueOf(row.cells);
  if (rows) return valueOf(rows.rows.map((one) => one.cells));
  if (array) return arrayOf(array);
  if (image) return valueOf(image.data);
  return integer ?? valueOf(number ?? flag ?? prediction);
}

function arrayOf(array) {
  return valueOf(array.data ?? array.values);
}

function valueOf(value) {
  if (value instanceof FileBytes) return `Path(${JSON.stringify(value.name)})`;
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(valueOf).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, one]) => `${JSON.stringify(name)}: ${valueOf(one)}`)
    .join(", ")}}`;
}
