// Asks Learnwire with grpc-js and proto-loader: `node dist/src/grpc-js.js HOST:PORT`.

import * as grpc from "@grpc/grpc-js";
import { loadSync, type MessageTypeDefinition } from "@grpc/proto-loader";
import type { BadRequest__Output } from "../gen/grpc-js/google/rpc/BadRequest.js";
import type { Status__Output } from "../gen/grpc-js/google/rpc/Status.js";
import type { PredictRequest } from "../gen/grpc-js/learnwire/v1/PredictRequest.js";
import type { PredictResponse__Output } from "../gen/grpc-js/learnwire/v1/PredictResponse.js";
import type { PredictStreamResponse__Output } from "../gen/grpc-js/learnwire/v1/PredictStreamResponse.js";
import type { Prediction__Output } from "../gen/grpc-js/learnwire/v1/Prediction.js";
import type { ProtoGrpcType } from "../gen/grpc-js/prediction_service.js";
import type { PredictionServiceClient } from "../gen/grpc-js/learnwire/v1/PredictionService.js";
import { type Cell, IMAGE, ROW, TEXT, tell } from "./items.js";

// error_details.proto is loaded to read the details of errors. Without `defaults`, fields that
// are zero, such as the index of the first class, would be undefined.
const definition = loadSync(
  ["learnwire/v1/prediction_service.proto", "google/rpc/error_details.proto"],
  { includeDirs: ["protos"], defaults: true, enums: String, oneofs: true },
);
const { learnwire } = grpc.loadPackageDefinition(definition) as unknown as ProtoGrpcType;

async function main(target: string): Promise<void> {
  // One client serves the whole process. Credentials are createSsl() where the server has TLS.
  const client = new learnwire.v1.PredictionService(target, grpc.credentials.createInsecure());
  await predictEach(client);
  await breakACell(client);
  await runOutOfTime(client);
  await stream(client);
  client.close();
}

// Calls Predict as a promise; always with a deadline.
function predict(client: PredictionServiceClient, request: PredictRequest, milliseconds = 30_000) {
  return new Promise<Prediction__Output>((resolve, reject) => {
    const deadline = Date.now() + milliseconds;
    client.predict(request, { deadline }, (error, response) =>
      error ? reject(error) : resolve(response!.prediction!));
  });
}

// Asks each model for one prediction.
async function predictEach(client: PredictionServiceClient): Promise<void> {
  const requests = { text: aText(), row: aRow(), array: anArray() };
  for (const [step, request] of Object.entries(requests)) {
    say(step, await predict(client, request));
  }
}

// Sends a string where a number belongs, and reads which field was wrong.
async function breakACell(client: PredictionServiceClient): Promise<void> {
  try {
    await predict(client, aRow({ bill_length_mm: "long" }));
  } catch (thrown) {
    const error = thrown as grpc.ServiceError;
    for (const { field, description } of violationsOf(error)) {
      tell("violation", { code: error.code, field, description });
    }
  }
}

// The details are a google.rpc.Status in a binary trailer.
function violationsOf(error: grpc.ServiceError) {
  const [trailer] = error.metadata.get("grpc-status-details-bin");
  const { details } = decode<Status__Output>("google.rpc.Status", trailer as Buffer);
  return details
    .filter((detail) => detail.type_url.endsWith("/google.rpc.BadRequest"))
    .map((detail) => decode<BadRequest__Output>("google.rpc.BadRequest", detail.value))
    .flatMap((badRequest) => badRequest.fieldViolations);
}

function decode<T>(type: string, data: Buffer): T {
  return (definition[type] as MessageTypeDefinition<object, object>).deserialize(data) as T;
}

// Gives a long text a millisecond.
async function runOutOfTime(client: PredictionServiceClient): Promise<void> {
  try {
    await predict(client, aText(TEXT.repeat(3000)), 1);
  } catch (thrown) {
    const { code } = thrown as grpc.ServiceError;
    if (code === grpc.status.DEADLINE_EXCEEDED) tell("deadline", { code });
  }
}

// Sends items of several models on one stream; a bad one fails alone.
async function stream(client: PredictionServiceClient): Promise<void> {
  const call = client.predictStream({ deadline: Date.now() + 30_000 });
  call.write({ id: "a text", request: aText() });
  call.write({ id: "a row", request: aRow() });
  call.write({ id: "a bad row", request: aRow({ year: "old" }) });
  call.end();
  // Answers come as they are ready, perhaps in another order.
  for await (const { id, prediction, status } of call as AsyncIterable<PredictStreamResponse__Output>) {
    if (prediction) say(`stream: ${id}`, prediction);
    if (status) tell(`stream: ${id}`, { code: status.code });
  }
}

function aText(content = TEXT): PredictRequest {
  return { model: "sentiment", text: { content } };
}

// Each cell is a google.protobuf.Value.
function aRow(changes: Record<string, Cell> = {}): PredictRequest {
  const entries = Object.entries<Cell>({ ...ROW, ...changes });
  const cells = Object.fromEntries(entries.map(([column, cell]) => [column, asValue(cell)]));
  return { model: "penguins", row: { cells } };
}

// An array as bytes; lists go in `values` instead.
function anArray(): PredictRequest {
  return { model: "digits", array: { shape: [8, 8], dataType: "DATA_TYPE_UINT8", data: IMAGE } };
}

function asValue(cell: Cell) {
  switch (typeof cell) {
    case "string": return { stringValue: cell };
    case "number": return { numberValue: cell };
    case "boolean": return { boolValue: cell };
    default: return { nullValue: "NULL_VALUE" as const };
  }
}

function say(step: string, prediction: Prediction__Output): void {
  const { label, index, probabilities } = prediction.singleLabel!;
  tell(step, { label, index, probabilities });
}

await main(process.argv[2]);
