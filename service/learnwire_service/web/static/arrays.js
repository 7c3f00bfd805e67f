// Arrays as they come from the server, and bytes as JSON has them.

// How a type is read, and how many bytes an element has.
const TYPES = {
  DATA_TYPE_BOOL: [1, (view, at) => view.getUint8(at) !== 0],
  DATA_TYPE_INT8: [1, (view, at) => view.getInt8(at)],
  DATA_TYPE_INT16: [2, (view, at) => view.getInt16(at, true)],
  DATA_TYPE_INT32: [4, (view, at) => view.getInt32(at, true)],
  DATA_TYPE_INT64: [8, (view, at) => smallest(view.getBigInt64(at, true))],
  DATA_TYPE_UINT8: [1, (view, at) => view.getUint8(at)],
  DATA_TYPE_UINT16: [2, (view, at) => view.getUint16(at, true)],
  DATA_TYPE_UINT32: [4, (view, at) => view.getUint32(at, true)],
  DATA_TYPE_UINT64: [8, (view, at) => smallest(view.getBigUint64(at, true))],
  DATA_TYPE_FLOAT16: [2, (view, at) => half(view.getUint16(at, true))],
  DATA_TYPE_FLOAT32: [4, (view, at) => view.getFloat32(at, true)],
  DATA_TYPE_FLOAT64: [8, (view, at) => view.getFloat64(at, true)],
};

/** Read an NdArray: its shape, the name of its type, and its elements in one list. */
export function arrayOf(told) {
  const shape = (told.shape ?? []).map(Number);
  const type = (told.dataType ?? "").replace("DATA_TYPE_", "").toLowerCase();
  return { shape, type, elements: elementsOf(told) };
}

/** Give the rows of an array of two dimensions; of one, a row for each element. */
export function rowsOf({ shape, elements }) {
  const size = shape[1] ?? 1;
  return Array.from({ length: shape[0] ?? 1 }, (_, row) =>
    elements.slice(row * size, (row + 1) * size),
  );
}

/** Read base64. */
export function bytesOf(base64) {
  return Uint8Array.from(atob(base64 ?? ""), (one) => one.charCodeAt(0));
}

/** Write bytes as base64. */
export function base64Of(bytes) {
  let text = "";
  // Larger pieces are more arguments than a call may have.
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

function elementsOf(told) {
  if (told.values) return told.values.flat(Infinity);
  const bytes = bytesOf(told.data);
  if (told.dataType === "DATA_TYPE_STRING") return textsOf(bytes);
  const [size, read] = TYPES[told.dataType] ?? TYPES.DATA_TYPE_UINT8;
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / size }, (_, index) => read(view, index * size));
}

function textsOf(bytes) {
  const view = new DataView(bytes.buffer);
  const texts = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + view.getUint32(at, true);
    texts.push(new TextDecoder().decode(bytes.subarray(at + 4, end)));
    at = end;
  }
  return texts;
}

// What a number of JavaScript would round stays as it is.
function smallest(big) {
  return Number.isSafeInteger(Number(big)) ? Number(big) : big;
}

function half(bits) {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return (
    sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024))
  );
}
