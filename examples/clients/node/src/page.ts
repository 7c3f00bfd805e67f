// Runs in a browser: asks over HTTP, and posts what it would print to where the page came from.

import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { ask, jsonOptions } from "./typed-asks.js";

const query = new URLSearchParams(location.search);
const options = { baseUrl: `http://${query.get("target")}`, defaultTimeoutMs: 30_000, jsonOptions };
const make = query.get("how") === "grpc-web" ? createGrpcWebTransport : createConnectTransport;

const lines: string[] = [];
console.log = (line: string) => lines.push(line);
try {
  await ask(make(options));
} catch (error) {
  lines.push(String(error));
}
await fetch("/lines", { method: "POST", body: lines.join("\n") });
