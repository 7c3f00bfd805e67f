// The same call for a shell or a program, to copy.

import { el, newId, opened } from "./dom.js";
import { go } from "./golang.js";
import { python } from "./python.js";
import { curl, grpcurl } from "./shells.js";
import { javascript, typescript } from "./typescript.js";
import { grpcTarget } from "./written.js";

const LANGUAGES = {
  curl,
  grpcurl,
  Python: python,
  JavaScript: javascript,
  TypeScript: typescript,
  Go: go,
};
const HINT = [
  `gRPC is taken to be at ${grpcTarget()}, and the token to be in the variable LEARNWIRE_TOKEN.`,
  "TypeScript and Go call code that is generated from the .proto files of learnwire.v1.",
].join(" ");

/** Make a box of the same call in several languages. */
export function drawSnippets(subject, request) {
  return opened("The same call to copy: curl, grpcurl, Python, TypeScript, Go", () => {
    const parts = Object.entries(LANGUAGES).map(([name, write]) =>
      drawOne(name, write(subject, request)),
    );
    return el("div", {}, el("p", { class: "hint" }, HINT), ...parts);
  });
}

function drawOne(name, code) {
  const id = newId();
  const copy = el("button", { type: "button", "aria-describedby": id }, "Copy");
  copy.addEventListener("click", async () => {
    // Browsers allow it only on this machine, or over TLS.
    if (!navigator.clipboard) return getSelection().selectAllChildren(shown);
    await navigator.clipboard.writeText(code);
    copy.textContent = "Copied";
    setTimeout(() => {
      copy.textContent = "Copy";
    }, 2000);
  });
  const shown = el(
    "pre",
    { tabindex: 0, role: "region", "aria-label": `The call in ${name}` },
    el("code", {}, code),
  );
  return el("div", { class: "snippet" }, el("h3", { id }, name), copy, shown);
}
