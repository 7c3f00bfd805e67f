// The console: what is served, and a page for each model and each endpoint.

import { drawEndpoint, drawModel } from "./about.js";
import { drawAsk } from "./ask.js";
import { addressOf, catalogue, drawByName, drawCatalogue, drawMenu } from "./catalogue.js";
import { el, opened } from "./dom.js";
import { drawDrift } from "./drift.js";
import { takesMany } from "./items.js";
import { drawLive } from "./live.js";
import { drawMany } from "./many.js";
import { drawProblem } from "./problems.js";
import { CallError, useToken } from "./server.js";
import { endpointSubject, modelSubject } from "./subjects.js";

const [main, menu, access, token] = ["main", "menu", "access", "token"].map((id) =>
  document.getElementById(id),
);
let visit = 0;

access.addEventListener("submit", (event) => {
  event.preventDefault();
  useToken(token.value);
  token.value = "";
  start();
});
addEventListener("hashchange", () => show(true));
start();

async function start() {
  menu.replaceChildren();
  await show(false);
  // The first page has made it.
  if (menu.childElementCount) return;
  try {
    await listed();
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
  }
}

/** Read what is served, and list it beside the page. */
async function listed() {
  const served = await catalogue();
  menu.replaceChildren(...drawMenu(served));
  mark();
  return served;
}

/** Show what the address asks for; where a link led there (`isLed`), the focus follows. */
async function show(isLed) {
  visit += 1;
  const own = visit;
  mark();
  let parts;
  try {
    parts = await pageOf(location.hash);
  } catch (error) {
    parts = refused(error);
  }
  // Somebody may have gone on meanwhile.
  if (own !== visit) return;
  main.replaceChildren(...parts);
  const title = main.querySelector("h1")?.textContent;
  document.title = title && location.hash.length > 2 ? `${title} · Learnwire` : "Learnwire";
  if (!isLed) return;
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
}

async function pageOf(hash) {
  const [, kind, encoded] = hash.split("/");
  if (!encoded) return drawCatalogue(await listed());
  const name = decodeURIComponent(encoded);
  const subject = kind === "endpoint" ? await endpointSubject(name) : await modelSubject(name);
  return subject
    ? pageFor(subject, name)
    : [el("h1", {}, name), el("p", {}, "There is no such endpoint here.")];
}

function pageFor(subject, reference) {
  const isModel = subject.kind === "model";
  return [
    el("h1", {}, subject.name),
    ...(isModel ? [versionsOf(subject.model)] : []),
    drawAsk(subject),
    ...(isModel && takesMany(subject.model)
      ? [opened("Ask it many", () => drawMany(subject))]
      : []),
    opened("What it does now", () => drawLive(subject)),
    ...(isModel ? [opened("Drift", () => drawDrift(reference))] : []),
    el(
      "section",
      {},
      el("h2", {}, "About it"),
      isModel ? drawModel(subject) : drawEndpoint(subject),
    ),
  ];
}

function versionsOf({ name, version, versions }) {
  const links = versions.map((one) =>
    one.version === version
      ? el("strong", {}, one.version)
      : el("a", { href: addressOf("model", `${name}:${one.version}`) }, one.version),
  );
  return el(
    "p",
    { class: "versions" },
    links.length > 1 ? "versions " : "version ",
    ...links.flatMap((one) => [one, " "]),
  );
}

function refused(error) {
  if (!(error instanceof CallError)) console.error(error);
  const parts = [el("h1", {}, "Learnwire"), drawProblem(error)];
  if (error.code === "unauthenticated") {
    access.hidden = false;
    token.focus();
  }
  if (error.code === "permission_denied") parts.push(drawByName());
  return parts;
}

function mark() {
  for (const link of menu.querySelectorAll("a")) {
    if (link.hash === location.hash) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}
