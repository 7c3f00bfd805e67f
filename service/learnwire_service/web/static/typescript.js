// The same call for JavaScript, which needs nothing else, and for TypeScript, with Connect's stubs.

import { hasToken, pathOf } from "./server.js";
import { callOf, filesOf, writtenJson } from "./written.js";

const FILES = 'import { readFileSync } from "node:fs";\n';
const TOKEN = "authorization: `Bearer ${process.env.LEARNWIRE_TOKEN}`";

/** Write a call for JavaScript, as Node and browsers have it; in Node files are read. */
export function javascript(subject, request) {
  const token = hasToken() ? `, ${TOKEN}` : "";
  const shown = subject.endpoint?.streaming
    ? "console.log(await answer.text());"
    : "console.dir(await answer.json(), { depth: null });";
  const files = filesOf(request).length ? `${FILES}\n` : "";
  return `${files}const answer = await fetch("${location.origin}${pathOf(subject.method)}", {
  method: "POST",
  headers: { "content-type": "application/json"${token} },
  body: JSON.stringify(${literal(request)}),
});
${shown}`;
}

/** Write a call for TypeScript. */
export function typescript(subject, request) {
  const { service, method, file } = callOf(subject);
  const [asks, answers] = [`${method}RequestSchema`, `${method}ResponseSchema`];
  const files = filesOf(request).length ? FILES : "";
  const token = hasToken() ? `, { headers: { ${TOKEN} } }` : "";
  const call = `client.${method[0].toLowerCase()}${method.slice(1)}(request${token})`;
  const shown = subject.endpoint?.streaming
    ? `for await (const answer of ${call}) console.log(toJsonString(${answers}, answer));`
    : `console.log(toJsonString(${answers}, await ${call}));`;
  return `${files}import { fromJson, toJsonString } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node"; // in a browser: connect-web
import { ${service}, ${asks}, ${answers} } from "./gen/learnwire/v1/${file}_pb.js";

const transport = createConnectTransport({ baseUrl: "${location.origin}", httpVersion: "1.1" });
const client = createClient(${service}, transport);
const request = fromJson(${asks}, ${literal(request)});
${shown}`;
}

function literal(request) {
  return writtenJson(request, {
    data: (_, name) => `readFileSync(${JSON.stringify(name)}).toString("base64")`,
    size: (_, name) => `readFileSync(${JSON.stringify(name)}).length`,
  });
}
