// Elements. What is shown is always text, never HTML, whatever it says.

const SVG = "http://www.w3.org/2000/svg";
let last = 0;

/** Make an element: `on...` are listeners, true is an empty attribute, false and null are none. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Make an element of a drawing; see el. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** Give an id that no other element of the page has. */
export function newId() {
  last += 1;
  return `c${last}`;
}

/** Make a table with a heading for each column; cells are text or elements. */
export function table(caption, headings, rows, kind = null) {
  const head = el("tr", {}, ...headings.map((one) => el("th", { scope: "col" }, one)));
  const body = rows.map(([first, ...others]) =>
    el("tr", {}, el("th", { scope: "row" }, first), ...others.map((one) => el("td", {}, one))),
  );
  const made = el(
    "table",
    { class: kind },
    el("caption", {}, el("span", {}, caption)),
    el("thead", {}, head),
    el("tbody", {}, ...body),
  );
  // It is wider than a telephone; the keyboard must reach what is beyond.
  return el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": caption }, made);
}

/** Make a list of terms and what they are. */
export function facts(pairs) {
  return el(
    "dl",
    {},
    ...pairs.map(([term, told]) => el("div", {}, el("dt", {}, term), el("dd", {}, told))),
  );
}

/** Make a part of the page that can be opened; `fill` makes what is in it, at the first time. */
export function opened(title, fill) {
  const box = el("details", {}, el("summary", {}, title));
  box.addEventListener("toggle", () => box.append(fill()), { once: true });
  return box;
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value != null)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((one) => one != null));
  return element;
}
