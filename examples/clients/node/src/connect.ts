// Asks Learnwire with Connect, over gRPC: `node dist/src/connect.js HOST:PORT`.

import { create } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { BadRequestSchema } from "../gen/connect/google/rpc/error_details_pb.js";
import { DataType } from "../gen/connect/learnwire/v1/io_pb.js";
import type { Prediction } from "../gen/connect/learnwire/v1/prediction_pb.js";
import {
  PredictionService,
  type PredictRequest,
  PredictRequestSchema,
} from "../gen/connect/learnwire/v1/prediction_service_pb.js";
import { type Cell, IMAGE, ROW, TEXT, tell } from "./items.js";

type Predictions = Client<typeof PredictionService>;

// One transport serves the whole process. It is plain HTTP/2: https:// where the server has TLS.
// Every call has a deadline of 30 seconds unless it says otherwise.
async function main(target: string): Promise<void> {
  const transport = createGrpcTransport({ baseUrl: `http://${target}`, defaultTimeoutMs: 30_000 });
  const client = createClient(PredictionService, transport);
  await predictEach(client);
  await breakACell(client);
  await runOutOfTime(client);
  await stream(client);
}

// Asks each model for one prediction.
async function predictEach(client: Predictions): Promise<void> {
  const requests = { text: aText(), row: aRow(), array: anArray() };
  for (const [step, request] of Object.entries(requests)) {
    const { prediction } = await client.predict(request);
    say(step, prediction);
  }
}

// Sends a string where a number belongs, and reads which field was wrong.
async function breakACell(client: Predictions): Promise<void> {
  try {
    await client.predict(aRow({ bill_length_mm: "long" }));
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    for (const { fieldViolations } of error.findDetails(BadRequestSchema)) {
      for (const { field, description } of fieldViolations) {
        tell("violation", { code: error.code, field, description });
      }
    }
  }
}

// Gives a long text a millisecond.
async function runOutOfTime(client: Predictions): Promise<void> {
  try {
    await client.predict(aText(TEXT.repeat(3000)), { timeoutMs: 1 });
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    if (error.code === Code.DeadlineExceeded) tell("deadline", { code: error.code });
  }
}

// Sends items of several models on one stream; a bad one fails alone.
async function stream(client: Predictions): Promise<void> {
  async function* items() {
    yield { id: "a text", request: aText() };
    yield { id: "a row", request: aRow() };
    yield { id: "a bad row", request: aRow({ year: "old" }) };
  }
  // Answers come as they are ready, perhaps in another order.
  for await (const { id, result } of client.predictStream(items())) {
    if (result.case === "prediction") say(`stream: ${id}`, result.value);
    if (result.case === "status") tell(`stream: ${id}`, { code: result.value.code });
  }
}

function aText(content = TEXT): PredictRequest {
  const input = { case: "text" as const, value: { content } };
  return create(PredictRequestSchema, { model: "sentiment", input });
}

// Each cell is a google.protobuf.Value.
function aRow(changes: Record<string, Cell> = {}): PredictRequest {
  const entries = Object.entries<Cell>({ ...ROW, ...changes });
  const cells = Object.fromEntries(entries.map(([column, cell]) => [column, asValue(cell)]));
  const input = { case: "row" as const, value: { cells } };
  return create(PredictRequestSchema, { model: "penguins", input });
}

// An array as bytes; lists go in `values` instead.
function anArray(): PredictRequest {
  const value = { shape: [8n, 8n], dataType: DataType.UINT8, data: IMAGE };
  return create(PredictRequestSchema, { model: "digits", input: { case: "array", value } });
}

function asValue(cell: Cell) {
  switch (typeof cell) {
    case "string": return { kind: { case: "stringValue" as const, value: cell } };
    case "number": return { kind: { case: "numberValue" as const, value: cell } };
    case "boolean": return { kind: { case: "boolValue" as const, value: cell } };
    default: return { kind: { case: "nullValue" as const, value: 0 } };
  }
}

function say(step: string, prediction?: Prediction): void {
  if (prediction?.value.case !== "singleLabel") throw new Error("expected a single label");
  const { label, index, probabilities } = prediction.value.value;
  tell(step, { label, index, probabilities });
}

await main(process.argv[2]);
