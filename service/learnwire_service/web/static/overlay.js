// Masks and points, drawn over the image that was asked about.

import { el } from "./dom.js";

const LARGEST = 512;
// Colours that people with any sight tell apart (Okabe and Ito).
const COLOURS = [
  "#e69f00",
  "#56b4e9",
  "#009e73",
  "#f0e442",
  "#0072b2",
  "#d55e00",
  "#cc79a7",
  "#000000",
];

/** Draw the class of each pixel over the image, with a legend; the first class is left clear. */
export function masked(picture, { shape: [height, width], elements }, classes) {
  const layer = canvas(width, height);
  const pixels = layer.getContext("2d").createImageData(width, height);
  const counts = new Map();
  elements.forEach((one, at) => {
    counts.set(one, (counts.get(one) ?? 0) + 1);
    if (one > 0) pixels.data.set([...channels(colour(one)), 150], 4 * at);
  });
  layer.getContext("2d").putImageData(pixels, 0, 0);
  const drawn = under(picture, width, height);
  const context = drawn.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(layer, 0, 0, drawn.width, drawn.height);
  const shares = [...counts]
    .sort(([a], [b]) => a - b)
    .map(([one, count]) => [one, classes[one] ?? String(one), count / elements.length]);
  const told = shares.map(([, name, share]) => `${name} ${Math.round(100 * share)} %`).join(", ");
  drawn.setAttribute("aria-label", `The image with its mask: ${told}`);
  const legend = shares.map(([one, name, share]) => {
    const mark = el("span", { class: "mark" });
    if (one > 0) mark.style.background = colour(one);
    return el("li", {}, mark, `${name} ${Math.round(100 * share)} %`);
  });
  return el("figure", {}, drawn, el("figcaption", {}, el("ul", { class: "legend" }, ...legend)));
}

/** Draw points over the image as the model resized it. */
export function pointed(picture, points, typicalShape) {
  const [height, width] = typicalShape.map(Number);
  const drawn = under(picture, width || picture.naturalWidth, height || picture.naturalHeight);
  const scale = drawn.width / (width || picture.naturalWidth);
  const context = drawn.getContext("2d");
  for (const [x, y] of points) {
    for (const [style, line] of [
      ["#fff", 5],
      [COLOURS[5], 2.5],
    ]) {
      context.beginPath();
      context.arc(x * scale, y * scale, 7, 0, 2 * Math.PI);
      [context.strokeStyle, context.lineWidth] = [style, line];
      context.stroke();
    }
  }
  const told = points.map(([x, y]) => `(${x.toFixed(1)}, ${y.toFixed(1)})`).join(", ");
  drawn.setAttribute("aria-label", `The image with points at ${told}`);
  const size = width ? ` of ${width} × ${height} pixels, as the model resized it` : "";
  return el("figure", {}, drawn, el("figcaption", {}, `x and y in the image${size}: ${told}`));
}

function under(picture, width, height) {
  const scale = LARGEST / Math.max(width, height);
  const drawn = canvas(Math.round(width * scale), Math.round(height * scale));
  drawn.setAttribute("role", "img");
  const context = drawn.getContext("2d");
  // The pixels of a small image are told apart.
  context.imageSmoothingEnabled = scale < 1;
  context.drawImage(picture, 0, 0, drawn.width, drawn.height);
  return drawn;
}

function canvas(width, height) {
  return el("canvas", { width, height });
}

function colour(index) {
  return COLOURS[(Number(index) - 1) % COLOURS.length];
}

function channels(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}
