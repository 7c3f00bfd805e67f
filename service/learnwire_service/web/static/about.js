// What a model or an endpoint takes and answers, and where it comes from.

import { el, facts, table } from "./dom.js";
import {
  answered,
  arrayWords,
  columnType,
  kindOf,
  listed,
  number,
  plain,
  taken,
  time,
} from "./words.js";

/** Describe a model. */
export function drawModel({ model }) {
  const { provenance = {}, plan } = model;
  return el(
    "div",
    {},
    facts([
      ["Takes", taken(model)],
      ["Answers", `${answered(model)}${classesOf(model)}`],
      ["Version", model.version],
    ]),
    drawMetadata(provenance),
    model.tabular && drawColumns(model.tabular.columns),
    el(
      "details",
      {},
      el("summary", {}, "Where it comes from"),
      drawProvenance(provenance),
      plan && drawPlan(plan),
    ),
  );
}

/** Describe an endpoint. */
export function drawEndpoint({ endpoint }) {
  const rows = endpoint.inputs.map(({ name, io, optional }) => [
    name || "input",
    describe(io),
    optional ? "yes" : "no",
  ]);
  return el(
    "div",
    {},
    endpoint.description && el("p", {}, endpoint.description),
    facts([
      ["Service", endpoint.service],
      ["Answers", describe(endpoint.output) + (endpoint.streaming ? ", bit by bit" : "")],
    ]),
    table("What it takes", ["input", "what", "may be left out"], rows),
  );
}

function classesOf(model) {
  const { classes = [] } = model.singleLabel ?? model.multiLabel ?? model.arrays ?? {};
  return classes.length ? `: ${listed(classes)}` : "";
}

function drawMetadata({ metadata, labels }) {
  const told = [
    ...Object.entries(labels ?? {}),
    ...Object.entries(metadata ?? {}).map(([name, value]) => [name, plain(value)]),
  ];
  return told.length ? facts(told) : null;
}

function drawColumns(columns) {
  const rows = columns.map((one) => [
    one.name,
    columnType(one.type),
    valuesOf(one),
    one.nullable ? "yes" : "no",
  ]);
  return table("What it takes", ["column", "type", "categories or typical range", "null"], rows);
}

function valuesOf(column) {
  if (column.private) return "private";
  if (column.categories.length) return listed(column.categories);
  return column.typicalMin == null || column.typicalMax == null
    ? ""
    : `${number(column.typicalMin)} to ${number(column.typicalMax)}`;
}

function drawProvenance({ createTime, verified, libraryVersions }) {
  const libraries = Object.entries(libraryVersions ?? {})
    .sort()
    .map(([name, version]) => `${name} ${version}`);
  return facts([
    ["Saved", time(createTime)],
    ["Golden examples", verified ? "gave the answers that they gave at save" : "were not replayed"],
    ["Saved with", libraries.join(", ")],
  ]);
}

function drawPlan({ name, backend, bitIdentical, reasons }) {
  const same = { true: "yes", false: "no" }[bitIdentical] ?? "not tried";
  return facts([
    ["Predicts with", `${name}, ${backend}`],
    ["Same bits in any batch", same],
    ...reasons.map((one) => ["Why not faster", one]),
  ]);
}

function describe(io) {
  if (io.array) return arrayWords(io.array);
  const columns = io.row?.columns ?? io.table?.columns ?? [];
  const named = columns.map(({ name, type }) => `${name} (${columnType(type)})`).join(", ");
  return named ? `${kindOf(io)}: ${named}` : kindOf(io);
}
