// Asks models by their own contracts, with Connect: `node dist/src/typed-connect.js HOW HOST:PORT`.
// grpc is for the gRPC port; the others speak HTTP/1.1 to the port of --http-port.

import type { Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { ask, jsonOptions } from "./typed-asks.js";

function transportOf(how: string, target: string): Transport {
  const common = { baseUrl: `http://${target}`, defaultTimeoutMs: 30_000 };
  const http = { ...common, httpVersion: "1.1" as const };
  switch (how) {
    case "grpc": return createGrpcTransport(common);
    case "connect": return createConnectTransport({ ...http, useBinaryFormat: true });
    case "connect-json": return createConnectTransport({ ...http, useBinaryFormat: false, jsonOptions });
    case "grpc-web": return createGrpcWebTransport(http);
    default: throw new Error(`unknown transport ${how}`);
  }
}

const [how, target] = process.argv.slice(2);
await ask(transportOf(how, target));
