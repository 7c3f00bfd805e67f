// An image that somebody picks, drops or pastes: its bytes go to the server as they are.

import { base64Of } from "./arrays.js";
import { el } from "./dom.js";
import { labelled, Unreadable } from "./fields.js";
import { drawPad, isDrawable } from "./pad.js";

/** The bytes of a file; in JSON they are base64. */
export class FileBytes {
  constructor(name, bytes) {
    this.name = name;
    this.bytes = bytes;
  }

  toJSON() {
    return base64Of(this.bytes);
  }
}

/** How many bytes a file has; in JSON that is a number. */
export class FileSize {
  constructor(file) {
    this.file = file;
  }

  toJSON() {
    return this.file.bytes.length;
  }
}

/** Read a file that was picked. */
export async function fileBytes(file) {
  return new FileBytes(file.name, new Uint8Array(await file.arrayBuffer()));
}

/** Write a file as a model takes an encoded image. */
export function encoded(file) {
  return { shape: [new FileSize(file)], dataType: "DATA_TYPE_UINT8", data: file };
}

/**
 * A field for an image, whose `shown()` gives the picture that was chosen.
 *
 * `wrap` makes its part of the request; `array` is what the model takes, if it is one.
 */
export function pictureField(name, path, wrap, array = {}) {
  const control = el("input", { type: "file", accept: "image/*" });
  const preview = el("img", { alt: "The image that is asked about", hidden: true });
  const place = el("div", { class: "drop" }, "or drop it here, or paste it", preview);
  const field = labelled(name, control, "BMP, GIF, JPEG, PNG, TIFF or WebP.", path, place);
  let picked = null;
  const take = async (file) => {
    if (!file) return;
    picked = await fileBytes(file);
    URL.revokeObjectURL(preview.src);
    preview.src = URL.createObjectURL(file);
    preview.hidden = false;
    field.clear();
  };
  if (isDrawable(array)) place.append(drawPad(array, take));
  control.addEventListener("change", () => take(control.files[0]));
  field.node.addEventListener("dragover", (event) => event.preventDefault());
  field.node.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
  listenToPastes(field.node, take);
  const read = () => {
    if (picked) return wrap(picked);
    field.mark(path, "Choose an image first.");
    throw new Unreadable();
  };
  return { ...field, read, shown: () => (preview.hidden ? null : preview) };
}

// Pastes go to whatever has the focus, so the whole page listens, while the field is in it.
function listenToPastes(node, take) {
  const paste = (event) => {
    if (node.isConnected) take(event.clipboardData.files[0]);
    else document.removeEventListener("paste", paste);
  };
  document.addEventListener("paste", paste);
}
