// What can be asked: a model or an endpoint, each with its call, its form, its answers and its counts.

import { drawPayload, drawPrediction } from "./answers.js";
import { endpointInput, modelInput } from "./inputs.js";
import { call, stream } from "./server.js";

/** Make a subject of a model; `reference` is what it is asked as, its name or name:version. */
export async function modelSubject(reference) {
  const { model } = await call("ModelService/GetModel", { model: reference });
  return {
    kind: "model",
    name: model.name,
    model,
    method: "PredictionService/Predict",
    input: () => modelInput(model),
    request: (input) => ({ model: reference, ...input }),
    draw: ({ prediction }, picture) => drawPrediction(prediction, model, picture),
    by: ({ prediction }) => `version ${prediction.version}`,
    counts: () => countsOfModel(model),
  };
}

/** Make a subject of an endpoint. */
export async function endpointSubject(name) {
  const { endpoints } = await call("EndpointService/ListEndpoints", {});
  const endpoint = endpoints.find((one) => one.name === name);
  if (!endpoint) return null;
  return {
    kind: "endpoint",
    name,
    endpoint,
    method: endpoint.streaming ? "EndpointService/CallStream" : "EndpointService/Call",
    input: () => endpointInput(endpoint),
    request: (input) => ({ endpoint: name, ...input }),
    draw: ({ output }, picture) => drawPayload(output, picture),
    by: () => endpoint.service,
    counts: () => countsOfEndpoint(name),
  };
}

/** Ask a subject; gives its answers, one or, of an endpoint that streams, several. */
export async function* answersOf(subject, request, signal) {
  if (subject.endpoint?.streaming) yield* stream(subject.method, request, signal);
  else yield await call(subject.method, request, signal);
}

async function countsOfModel({ name, version }) {
  const { statistics } = await call("ModelService/GetServerStatistics", {});
  const one = statistics.models.find((model) => model.model === name && model.version === version);
  if (!one) return null;
  return {
    time: Date.parse(statistics.readTime) / 1000,
    answered: Number(one.predicted),
    waiting: Number(one.waiting),
    seconds: one.callSeconds,
    batches: one.batchItems,
  };
}

async function countsOfEndpoint(endpoint) {
  const { statistics } = await call("EndpointService/GetEndpointStatistics", { endpoint });
  return {
    time: Date.now() / 1000,
    answered: Number(statistics.answered),
    waiting: Number(statistics.inFlight),
    seconds: statistics.seconds,
    batches: null,
  };
}
