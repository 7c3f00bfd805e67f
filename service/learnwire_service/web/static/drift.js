// How what a model is asked and answers differs from what training saw.

import { el, table } from "./dom.js";
import { drawProblem } from "./problems.js";
import { call } from "./server.js";
import { number, percent } from "./words.js";

const WORTH_A_LOOK = 0.1;

/** Make the table of a model's drift. */
export function drawDrift(reference) {
  const place = el("div", { "aria-live": "polite" });
  const look = async () => {
    try {
      const { drift } = await call("ModelService/GetModelDrift", { model: reference });
      place.replaceChildren(...drawn(drift));
    } catch (error) {
      place.replaceChildren(drawProblem(error));
    }
  };
  look();
  return el("div", {}, place, el("button", { type: "button", onclick: look }, "Look again"));
}

function drawn({ items, untold, sentences, features }) {
  const noun = Number(items) === 1 ? "item" : "items";
  const told = [el("p", {}, `Of the last ${Number(items).toLocaleString()} ${noun}.`)];
  if (untold) told.push(el("p", { class: "warning" }, untold));
  else if (!sentences.length && features.length) told.push(el("p", {}, nothing(features)));
  told.push(...sentences.map((one) => el("p", { class: "warning" }, one)));
  if (features.length) told.push(drawFeatures(features));
  return told;
}

function nothing(features) {
  return features.some((one) => one.stabilityIndex >= WORTH_A_LOOK)
    ? "Nothing has drifted further than so few items do by chance."
    : "Nothing has drifted.";
}

function drawFeatures(features) {
  const rows = features.map((one) => [
    one.name,
    kindOf(one.kind),
    String(one.count),
    one.stabilityIndex == null ? "" : number(one.stabilityIndex),
    percent(one.nullShare),
    percent(one.unknownShare),
    percent(one.outsideShare),
  ]);
  return table(
    "Population stability index: from 0.1 on worth a look, from 0.25 on serious",
    ["feature", "what", "values", "index", "null", "unknown", "outside"],
    rows,
  );
}

function kindOf(kind) {
  return kind.replace("FEATURE_KIND_", "").toLowerCase();
}
