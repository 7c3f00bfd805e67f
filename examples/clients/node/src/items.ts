// What the models of the demo are asked about, and how the answers are printed.

export const TEXT = "A warm and funny film.";

export const ROW = {
  island: "Torgersen",
  sex: null,
  year: 2008,
  bill_length_mm: 39.1,
  bill_depth_mm: 18.7,
  flipper_length_mm: 181,
  body_mass_g: 3750,
};

// A handwritten 3: eight rows of eight grey values from 0 to 255.
export const IMAGE = bytesOf(
  "00008fffcf5f0000" + "00005f4fffff0000" + "0000007fef4f0000" + "0000004fdf2f0000" +
  "000000008fef1f00" + "0000000000afbf00" + "00003f7fafefbf00" + "0000afdfbf7f0000");

export type Cell = string | number | boolean | null;

// Prints one line of JSON; codes are gRPC's numbers, such as 3 for INVALID_ARGUMENT.
export function tell(step: string, found: object): void {
  console.log(JSON.stringify({ step, ...found }));
}

function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g)!, (byte) => parseInt(byte, 16));
}
