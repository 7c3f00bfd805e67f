// A chart of one or two lines over the last minute.

import { el, svg } from "./dom.js";

const [WIDTH, HEIGHT] = [240, 60];
const MOST = 60;

/** Make a chart; `add(values, told)` puts a point on each line, null is a gap. */
export function chart(title, names) {
  const lines = names.map((_, at) => svg("path", { class: `line line${at}`, fill: "none" }));
  const now = el("p", { class: "now" }, "–");
  const top = el("span", { class: "hint" }, "");
  const drawing = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    ...lines,
  );
  const points = names.map(() => []);
  const add = (values, told, scale) => {
    values.forEach((value, at) => {
      points[at].push(value);
      if (points[at].length > MOST) points[at].shift();
    });
    const most = Math.max(...points.flat().filter((one) => one !== null), 0);
    lines.forEach((line, at) => line.setAttribute("d", pathOf(points[at], most)));
    now.textContent = told;
    top.textContent = most ? `up to ${scale(most)}` : "";
  };
  const node = el("div", { class: "chart" }, el("h3", {}, title), now, drawing, top);
  return { node, add };
}

function pathOf(values, most) {
  let pen = "M";
  return values
    .map((value, at) => {
      if (value === null) {
        pen = "M";
        return "";
      }
      const x = WIDTH - (values.length - 1 - at) * (WIDTH / (MOST - 1));
      const step = `${pen}${x.toFixed(1)} ${(HEIGHT - 2 - (most ? value / most : 0) * (HEIGHT - 4)).toFixed(1)}`;
      pen = "L";
      return step;
    })
    .join("");
}
