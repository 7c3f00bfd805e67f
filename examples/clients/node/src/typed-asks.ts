// Asks models by their own contracts, over whichever transport: in Node and in browsers.

import { createRegistry, type MessageInitShape } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { BadRequestSchema, file_google_rpc_error_details } from "../gen/connect/google/rpc/error_details_pb.js";
import * as digits from "../gen/connect/learnwire/models/digits/v1/digits_service_pb.js";
import * as penguins from "../gen/connect/learnwire/models/penguins/v1/penguins_service_pb.js";
import * as sentiment from "../gen/connect/learnwire/models/sentiment/v1/sentiment_service_pb.js";
import { IMAGE, TEXT, tell } from "./items.js";

// What is in an Any has to be known where messages are JSON.
export const jsonOptions = { registry: createRegistry(file_google_rpc_error_details) };

type Row = MessageInitShape<typeof penguins.PredictRequestSchema>;

// A field that is not set, here `sex`, is null. Integers are bigint.
const row: Row = {
  island: "Torgersen",
  year: 2008n,
  billLengthMm: 39.1,
  billDepthMm: 18.7,
  flipperLengthMm: 181,
  bodyMassG: 3750,
};
const badRow: Row = { ...row, billLengthMm: NaN };

export async function ask(transport: Transport): Promise<void> {
  const sentiments = createClient(sentiment.SentimentService, transport);
  const species = createClient(penguins.PenguinsService, transport);
  const numerals = createClient(digits.DigitsService, transport);

  say("text", sentiment.Category, await sentiments.predict({ text: TEXT }));
  say("row", penguins.Category, await species.predict(row));
  const array = { shape: [8n, 8n], values: IMAGE };
  say("array", digits.Category, await numerals.predict({ array }));
  await breakAField(species);
  await runOutOfTime(sentiments);
  await predictMany(species);
}

// Sends NaN, and reads which field was wrong.
async function breakAField(species: Client<typeof penguins.PenguinsService>): Promise<void> {
  try {
    await species.predict(badRow);
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
async function runOutOfTime(sentiments: Client<typeof sentiment.SentimentService>): Promise<void> {
  try {
    await sentiments.predict({ text: TEXT.repeat(3000) }, { timeoutMs: 1 });
  } catch (thrown) {
    const { code } = ConnectError.from(thrown);
    if (code === Code.DeadlineExceeded) tell("deadline", { code });
  }
}

// Sends many rows at once; answers come in order, and a bad one fails alone.
async function predictMany(species: Client<typeof penguins.PenguinsService>): Promise<void> {
  const names = ["a row", "a bad row"];
  for await (const { results } of species.predictMany({ requests: [row, badRow] })) {
    for (const { result } of results) {
      const step = `stream: ${names.shift()}`;
      if (result.case === "response") say(step, penguins.Category, result.value);
      if (result.case === "status") tell(step, { code: result.value.code });
    }
  }
}

interface Answer { category: number; label: string; index: number; probabilities: number[] }

function say(step: string, categories: Record<number, string>, answer: Answer): void {
  const { label, index, probabilities } = answer;
  tell(step, { category: categories[answer.category], label, index, probabilities });
}
