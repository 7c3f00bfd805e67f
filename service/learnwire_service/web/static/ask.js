// Ask it: a form, the answer beside it, and the same call to copy.

import { el } from "./dom.js";
import { Unreadable } from "./fields.js";
import { drawProblem } from "./problems.js";
import { CallError } from "./server.js";
import { drawSnippets } from "./snippets.js";
import { answersOf } from "./subjects.js";
import { seconds } from "./words.js";

/** Make the part of the page that asks a subject. */
export function drawAsk(subject) {
  const input = subject.input();
  const place = el(
    "div",
    { class: "answers", "aria-live": "polite" },
    el("p", { class: "hint" }, "The answer comes here."),
  );
  const copies = el("div", { class: "copies" });
  let asking = new AbortController();

  const ask = async (event) => {
    event.preventDefault();
    input.clear();
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    try {
      const request = subject.request(input.read());
      copies.replaceChildren(drawSnippets(subject, request));
      place.replaceChildren(el("p", { class: "hint" }, "Asking…"));
      await showAnswers(subject, request, input.shown?.() ?? null, place, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Unreadable) place.replaceChildren();
      else place.replaceChildren(drawProblem(error, input.mark));
      form.querySelector("[aria-invalid]")?.focus();
      if (!(error instanceof CallError || error instanceof Unreadable)) console.error(error);
    }
  };
  const form = el(
    "form",
    { novalidate: true, onsubmit: ask },
    input.node,
    el("button", { class: "main" }, "Ask"),
  );
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  return el(
    "section",
    { class: "ask" },
    el("h2", {}, "Ask it"),
    el("div", { class: "beside" }, form, place),
    copies,
  );
}

async function showAnswers(subject, request, picture, place, signal) {
  const start = performance.now();
  let count = 0;
  for await (const answer of answersOf(subject, request, signal)) {
    if (!count) place.replaceChildren();
    count += 1;
    place.append(subject.draw(answer, picture));
    if (!subject.endpoint?.streaming) place.append(took(start, subject.by(answer)));
  }
  if (!count) place.replaceChildren();
  if (subject.endpoint?.streaming) place.append(took(start, `${count} answers`));
}

function took(start, by) {
  return el(
    "p",
    { class: "hint" },
    `${seconds((performance.now() - start) / 1000)} to this page and back; ${by}`,
  );
}
