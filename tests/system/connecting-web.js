// The same for a page in a browser.

import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { ends } from "./connecting.js";

export const ask = (how, asked) =>
  ends(how === "connect" ? createConnectTransport : createGrpcWebTransport, asked);
