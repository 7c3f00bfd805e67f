// The same call for a shell.

import { hasToken, pathOf } from "./server.js";
import { filesOf, grpcTarget, isSafe, writtenJson } from "./written.js";

/** Write a call for curl. */
export function curl(subject, request) {
  const { data, behind } = shell(request, "@-");
  const url = `${location.origin}${pathOf(subject.method)}`;
  return `curl -H 'content-type: application/json'${token()} \\\n  -d ${data} ${url}${behind}`;
}

/** Write a call for grpcurl. */
export function grpcurl(subject, request) {
  const { data, behind } = shell(request, "@");
  const plain = isSafe() ? "" : " -plaintext";
  const method = `learnwire.v1.${subject.method}`;
  return `grpcurl${plain}${token()} -d ${data} \\\n  ${grpcTarget()} ${method}${behind}`;
}

function token() {
  return hasToken() ? ' -H "authorization: Bearer $LEARNWIRE_TOKEN"' : "";
}

/** Write a request: the argument, and what is behind the command, where the shell reads files. */
function shell(request, input) {
  const json = writtenJson(request, {
    data: (_, name) => `"$(base64 < ${quoted(name)} | tr -d '\\n')"`,
    size: (_, name) => `$(wc -c < ${quoted(name)})`,
    text: (plain) =>
      filesOf(request).length ? plain.replace(/[\\$`]/g, String.raw`\$&`) : quoted(plain),
  });
  return filesOf(request).length
    ? { data: input, behind: ` <<END\n${json}\nEND` }
    : { data: json, behind: "" };
}

function quoted(text) {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
