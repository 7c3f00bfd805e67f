// Asks models by their own contracts, with grpc-js: `node dist/src/typed-grpc-js.js HOST:PORT`.

import * as grpc from "@grpc/grpc-js";
import { loadSync, type MessageTypeDefinition } from "@grpc/proto-loader";
import type { BadRequest__Output } from "../gen/grpc-js/google/rpc/BadRequest.js";
import type { Status__Output } from "../gen/grpc-js/google/rpc/Status.js";
import type { PredictManyResponse__Output } from "../gen/grpc-js/learnwire/models/penguins/v1/PredictManyResponse.js";
import type { PredictRequest as Row } from "../gen/grpc-js/learnwire/models/penguins/v1/PredictRequest.js";
import type { PenguinsServiceClient } from "../gen/grpc-js/learnwire/models/penguins/v1/PenguinsService.js";
import type { SentimentServiceClient } from "../gen/grpc-js/learnwire/models/sentiment/v1/SentimentService.js";
import type { ProtoGrpcType as Digits } from "../gen/grpc-js/digits_service.js";
import type { ProtoGrpcType as Penguins } from "../gen/grpc-js/penguins_service.js";
import type { ProtoGrpcType as Sentiment } from "../gen/grpc-js/sentiment_service.js";
import { IMAGE, TEXT, tell } from "./items.js";

const definition = loadSync(
  [
    "learnwire/models/digits/v1/digits_service.proto",
    "learnwire/models/penguins/v1/penguins_service.proto",
    "learnwire/models/sentiment/v1/sentiment_service.proto",
    "google/rpc/error_details.proto",
  ],
  { includeDirs: ["protos"], defaults: true, enums: String, oneofs: true },
);
const { models } = (grpc.loadPackageDefinition(definition) as unknown as All).learnwire;
type All = { learnwire: { models: Models } };
type Models = Digits["learnwire"]["models"] & Penguins["learnwire"]["models"] & Sentiment["learnwire"]["models"];

// A field that is not set, here `sex`, is null.
const row: Row = {
  island: "Torgersen",
  year: 2008,
  billLengthMm: 39.1,
  billDepthMm: 18.7,
  flipperLengthMm: 181,
  bodyMassG: 3750,
};
const badRow: Row = { ...row, billLengthMm: NaN };

async function main(target: string): Promise<void> {
  const plain = grpc.credentials.createInsecure();
  const sentiments = new models.sentiment.v1.SentimentService(target, plain);
  const species = new models.penguins.v1.PenguinsService(target, plain);
  const numerals = new models.digits.v1.DigitsService(target, plain);

  say("text", await call((done) => sentiments.predict({ text: TEXT }, within(30_000), done)));
  say("row", await call((done) => species.predict(row, within(30_000), done)));
  const array = { shape: [8, 8], values: IMAGE };
  say("array", await call((done) => numerals.predict({ array }, within(30_000), done)));
  await breakAField(species);
  await runOutOfTime(sentiments);
  await predictMany(species);
}

function within(milliseconds: number): grpc.CallOptions {
  return { deadline: Date.now() + milliseconds };
}

// Makes a promise of a unary call.
function call<T>(start: (done: grpc.requestCallback<T>) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, response) => (error ? reject(error) : resolve(response!)));
  });
}

// Sends NaN, and reads which field was wrong.
async function breakAField(species: PenguinsServiceClient): Promise<void> {
  try {
    await call((done) => species.predict(badRow, within(30_000), done));
  } catch (thrown) {
    const error = thrown as grpc.ServiceError;
    const [trailer] = error.metadata.get("grpc-status-details-bin");
    const { details } = decode<Status__Output>("google.rpc.Status", trailer as Buffer);
    for (const { type_url, value } of details) {
      if (!type_url.endsWith("/google.rpc.BadRequest")) continue;
      const { fieldViolations } = decode<BadRequest__Output>("google.rpc.BadRequest", value);
      for (const { field, description } of fieldViolations) {
        tell("violation", { code: error.code, field, description });
      }
    }
  }
}

function decode<T>(type: string, data: Buffer): T {
  return (definition[type] as MessageTypeDefinition<object, object>).deserialize(data) as T;
}

// Gives a long text a millisecond.
async function runOutOfTime(sentiments: SentimentServiceClient): Promise<void> {
  try {
    await call((done) => sentiments.predict({ text: TEXT.repeat(3000) }, within(1), done));
  } catch (thrown) {
    const { code } = thrown as grpc.ServiceError;
    if (code === grpc.status.DEADLINE_EXCEEDED) tell("deadline", { code });
  }
}

// Sends many rows at once; answers come in order, and a bad one fails alone.
async function predictMany(species: PenguinsServiceClient): Promise<void> {
  const names = ["a row", "a bad row"];
  const chunks = species.predictMany({ requests: [row, badRow] }, within(30_000));
  for await (const { results } of chunks as AsyncIterable<PredictManyResponse__Output>) {
    for (const { response, status } of results) {
      const step = `stream: ${names.shift()}`;
      if (response) say(step, response);
      if (status) tell(step, { code: status.code });
    }
  }
}

interface Answer { category: string; label: string; index: number; probabilities: number[] }

function say(step: string, { category, label, index, probabilities }: Answer): void {
  tell(step, { category, label, index, probabilities });
}

await main(process.argv[2]);
