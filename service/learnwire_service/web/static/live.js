// What a model or an endpoint does now: charts that grow once a second while they are looked at.

import { chart } from "./chart.js";
import { el } from "./dom.js";
import { drawProblem } from "./problems.js";
import { number, seconds } from "./words.js";

const EVERY = 1000;

/** Make the charts of a subject; they end when they leave the page. */
export function drawLive(subject) {
  const charts = {
    rate: chart("Answers a second", ["rate"]),
    latency: chart("Latency: half, 99 %", ["p50", "p99"]),
    batch: subject.kind === "model" ? chart("Items in a batch", ["mean"]) : null,
    waiting: chart(subject.kind === "model" ? "Waiting" : "Being answered", ["waiting"]),
  };
  const told = el("div", {});
  const node = el(
    "div",
    {},
    told,
    el(
      "div",
      { class: "charts" },
      ...Object.values(charts)
        .filter(Boolean)
        .map((one) => one.node),
    ),
  );
  follow(node, subject, charts, told);
  return node;
}

async function follow(node, subject, charts, told) {
  let before = null;
  for (let isNew = true; isNew || node.isConnected; isNew = false) {
    if (!document.hidden && (isNew || node.closest("details").open)) {
      try {
        const counts = await subject.counts();
        if (counts) show(charts, counts, before);
        before = counts;
        told.replaceChildren(
          ...(counts
            ? []
            : [el("p", { class: "warning" }, "This version is not served any more.")]),
        );
      } catch (error) {
        told.replaceChildren(drawProblem(error));
        if (error.code !== "unavailable") return;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
}

function show({ rate, latency, batch, waiting }, counts, before) {
  waiting.add([counts.waiting], number(counts.waiting), number);
  // Another version, or one that was loaded again, counts from nothing.
  if (!before || counts.answered < before.answered || counts.time <= before.time) return;
  const perSecond = (counts.answered - before.answered) / (counts.time - before.time);
  rate.add([perSecond], number(Number(perSecond.toFixed(1))), number);
  const took = lately(counts.seconds, before.seconds);
  const [half, most] = [0.5, 0.99].map((share) => took.quantile(share));
  latency.add([half, most], half === null ? "–" : `${seconds(half)}, ${seconds(most)}`, seconds);
  if (!batch) return;
  const { mean } = lately(counts.batches, before.batches);
  batch.add([mean], mean === null ? "–" : number(Number(mean.toFixed(1))), number);
}

/** Give how the values lie that came in between two readings of a distribution. */
function lately(now, before) {
  const counted = new Map(before.buckets.map((one) => [Number(one.upperBound), Number(one.count)]));
  const buckets = now.buckets.map(({ upperBound, count }) => [
    Number(upperBound),
    Number(count) - (counted.get(Number(upperBound)) ?? 0),
  ]);
  const count = Number(now.count) - Number(before.count);
  const quantile = (share) => {
    let sum = 0;
    return count > 0
      ? (buckets.find(([, one]) => (sum += one) >= share * count)?.[0] ?? null)
      : null;
  };
  return { quantile, mean: count > 0 ? (now.sum - before.sum) / count : null };
}
