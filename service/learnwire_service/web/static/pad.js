// A small pad to draw an image on, pixel by pixel as large as the model's own.

import { el } from "./dom.js";

const LARGEST = 64;

/** Tell whether a model's images are small and grey, so that people can draw them. */
export function isDrawable({ axes = [], typicalShape = [] }) {
  return (
    axes.length === 2 &&
    typicalShape.length === 2 &&
    typicalShape.every((one) => Number(one) <= LARGEST)
  );
}

/** Make a pad; `take` gets each drawing as a file. */
export function drawPad({ typicalShape }, take) {
  const [height, width] = typicalShape.map(Number);
  const canvas = el("canvas", {
    class: "pad",
    width,
    height,
    role: "img",
    "aria-label": `A pad of ${width} × ${height} pixels, to draw on with a pointer`,
  });
  const context = canvas.getContext("2d");
  const isDark = el("input", { type: "checkbox" });
  let last = null;

  const clear = () => {
    context.fillStyle = isDark.checked ? "#fff" : "#000";
    context.fillRect(0, 0, width, height);
  };
  const draw = (event) => {
    const here = pixelOf(event, canvas);
    context.strokeStyle = isDark.checked ? "#000" : "#fff";
    context.lineWidth = Math.max(1.2, height / 12);
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(...(last ?? here));
    context.lineTo(...here);
    context.stroke();
    last = here;
  };
  const end = () => {
    if (!last) return;
    last = null;
    canvas.toBlob((blob) => take(new File([blob], "drawing.png")));
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    draw(event);
  });
  canvas.addEventListener("pointermove", (event) => last && draw(event));
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  isDark.addEventListener("change", clear);
  clear();
  const tools = el(
    "div",
    { class: "tools" },
    el("button", { type: "button", onclick: clear }, "Clear the pad"),
    el("label", { class: "none" }, isDark, "black on white"),
  );
  return el("div", {}, "or draw it here", canvas, tools);
}

function pixelOf(event, canvas) {
  const box = canvas.getBoundingClientRect();
  return [
    ((event.clientX - box.left) / box.width) * canvas.width,
    ((event.clientY - box.top) / box.height) * canvas.height,
  ];
}
