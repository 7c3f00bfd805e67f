// The models and endpoints that this server tells of.

import { el, table } from "./dom.js";
import { drawProblem } from "./problems.js";
import { call, CallError } from "./server.js";
import { answered, kindOf, plain, taken } from "./words.js";

const STATES = { MODEL_STATE_LOADING: "is loading", MODEL_STATE_FAILED: "could not be loaded" };
// So many models are asked for what they are; of more, only the names are told.
const DESCRIBED = 50;
// How a saver calls what a model is good for, in its metadata.
const SCORES = /accuracy|f1|auc|error|loss|rmse|mae|dice|score/i;

/** Read what is served: `models` and `endpoints`. */
export async function catalogue() {
  const [models, { endpoints }] = await Promise.all([
    allModels(),
    call("EndpointService/ListEndpoints", {}),
  ]);
  return { models, endpoints };
}

/** Give the address of a model or an endpoint within this page. */
export function addressOf(kind, name) {
  return `#/${kind}/${encodeURIComponent(name)}`;
}

/** Make the list of what is served, for the side of the page. */
export function drawMenu({ models, endpoints }) {
  return [
    ["Models", "model", models],
    ["Endpoints", "endpoint", endpoints],
  ]
    .filter(([, , all]) => all.length)
    .flatMap(([title, kind, all]) => [
      el("h2", {}, title),
      el(
        "ul",
        {},
        ...all.map(({ name }) => el("li", {}, el("a", { href: addressOf(kind, name) }, name))),
      ),
    ]);
}

/** Make the first page: a row for each model and each endpoint. */
export async function drawCatalogue({ models, endpoints }) {
  const told = await Promise.all(models.map((one, at) => rowOf(one, at < DESCRIBED)));
  return [
    el("h1", {}, "What is served here"),
    models.length
      ? drawModels(told)
      : el("p", {}, "No models."),
    endpoints.length
      ? table("Endpoints", ["endpoint", "takes", "answers", "service"], endpoints.map(endpointRow))
      : null,
  ].filter(Boolean);
}

function drawModels(told) {
  const headings = ["model", "takes", "answers", "score", "version"];
  const hasScores = told.some(([, , , score]) => score);
  const kept = (row) => row.filter((_, at) => hasScores || headings[at] !== "score");
  return table("Models", kept(headings), told.map(kept));
}

/** Make a field that leads to a model by its name, for those who may ask but not list. */
export function drawByName() {
  const name = el("input", { id: "by-name", autocomplete: "off", required: true });
  const go = (event) => {
    event.preventDefault();
    location.hash = addressOf("model", name.value.trim());
  };
  return el(
    "form",
    { class: "by-name", onsubmit: go },
    el("label", { for: "by-name" }, "Name a model that you may ask"),
    name,
    el("button", {}, "Go"),
  );
}

async function allModels() {
  const all = [];
  for (let pageToken = ""; ;) {
    const page = await call("ModelService/ListModels", { pageSize: 1000, pageToken });
    all.push(...page.models);
    pageToken = page.nextPageToken;
    if (!pageToken) return all;
  }
}

async function rowOf({ name, version, versions }, isDescribed) {
  const link = el("a", { href: addressOf("model", name) }, name);
  const others = versions.length > 1 ? ` and ${versions.length - 1} more` : "";
  if (!version)
    return [link, STATES[versions[0]?.state] ?? "is not ready", "", "", versions[0]?.version ?? ""];
  if (!isDescribed) return [link, "", "", "", version + others];
  try {
    const { model } = await call("ModelService/GetModel", { model: name });
    return [link, taken(model), answered(model), scoreOf(model), version + others];
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    return [link, drawProblem(error), "", "", version + others];
  }
}

function scoreOf({ provenance }) {
  const [found] = Object.entries(provenance?.metadata ?? {}).filter(
    ([name, value]) => SCORES.test(name) && typeof value === "number",
  );
  return found ? `${found[0]} ${plain(found[1])}` : "";
}

function endpointRow({ name, inputs, output, service }) {
  const takes = inputs
    .map((one) => (one.name ? `${one.name}: ${kindOf(one.io)}` : kindOf(one.io)))
    .join(", ");
  return [el("a", { href: addressOf("endpoint", name) }, name), takes, kindOf(output), service];
}
