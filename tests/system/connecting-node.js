// Reads what is asked as JSON: `node connecting-node.js connect|grpc-web`, and prints the ends.

import { text } from "node:stream/consumers";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { ends } from "./connecting.js";

const make = process.argv[2] === "connect" ? createConnectTransport : createGrpcWebTransport;
const asked = JSON.parse(await text(process.stdin));
console.log(JSON.stringify(await ends((one) => make({ ...one, httpVersion: "1.1" }), asked)));
