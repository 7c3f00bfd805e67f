// A request as programs write it: its JSON, where files are read, and where the server is.

import { FileBytes, FileSize } from "./picture.js";

const GRPC_PORT = 50051;
// What nobody types by chance.
const MARK = `mark${Math.random()}`;
const MARKS = new RegExp(`"${MARK} (data|size) (\\d+)"`, "g");

/** Tell whether the calls to copy go over TLS, as the page came. */
export function isSafe() {
  return location.protocol === "https:";
}

/** Give where gRPC is taken to be. */
export function grpcTarget() {
  return `${location.hostname}:${GRPC_PORT}`;
}

/** Name a call's service, method and the file of its stubs, of "PredictionService/Predict". */
export function callOf({ method }) {
  const [service, name] = method.split("/");
  const file = service.replace(/(?<=[a-z])[A-Z]/g, "_$&").toLowerCase();
  return { service, method: name, file };
}

/**
 * Write a request as JSON.
 *
 * Each file is read by what `data(index, name)` and `size(index, name)` give: its bytes as a string
 * of JSON, with its quotes, and their number. `text` writes what is between.
 */
export function writtenJson(request, { data, size, text = (json) => json }) {
  const files = filesOf(request);
  const json = JSON.stringify(request, function (name, value) {
    const one = this[name];
    if (one instanceof FileBytes) return `${MARK} data ${files.indexOf(one)}`;
    return one instanceof FileSize ? `${MARK} size ${files.indexOf(one.file)}` : value;
  });
  const found = (_, kind, at) => (kind === "data" ? data : size)(Number(at), files[at].name);
  return text(json).replace(MARKS, found);
}

/** Give the files that are read for a request. */
export function filesOf(value) {
  if (value instanceof FileBytes) return [value];
  return value instanceof FileSize || typeof value !== "object" || value === null
    ? []
    : Object.values(value).flatMap(filesOf);
}
