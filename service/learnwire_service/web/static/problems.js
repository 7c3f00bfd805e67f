// Why something failed, in words, and at the fields that were wrong.

import { el } from "./dom.js";
import { CallError } from "./server.js";

/** Say why something failed; problems that `mark` shows at a field are not said again. */
export function drawProblem(error, mark = () => false) {
  if (!(error instanceof CallError))
    return problem("The page failed", [String(error.message ?? error)]);
  const elsewhere = error.violations.filter(({ field, description }) => !mark(field, description));
  const marked = error.violations.length - elsewhere.length;
  const told = elsewhere.map(({ field, description }) =>
    field ? `${field}: ${description}` : description,
  );
  if (!error.violations.length) told.push(error.message);
  if (marked)
    told.unshift(`${marked === 1 ? "One field is" : `${marked} fields are`} wrong: see the form.`);
  return problem(error.title, told);
}

function problem(title, told) {
  return el(
    "div",
    { class: "error", role: "alert" },
    el("p", {}, el("strong", {}, title)),
    ...told.map((one) => el("p", {}, one)),
  );
}
