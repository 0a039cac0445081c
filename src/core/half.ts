/** The number that 16 bits of IEEE 754 half precision stand for: 1 sign bit, 5 bits of exponent with bias 15, 10 of fraction. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The 16 bits of each number in half precision: rounded to nearest, ties to even; beyond ±65504 (from 65520 on) infinite. */
export function toHalf(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(words, (word, index) => {
    const sign = (word >>> 16) & 0x8000;
    const size = word & 0x7fffffff;
    if (size > 0x7f800000) return sign | 0x7e00;
    // 65520 is halfway between the largest half and the next power of two.
    if (size >= 0x477ff000) return sign | 0x7c00;
    if (size < 0x38800000) return sign | roundToEven(Math.abs(values[index] ?? 0) * 2 ** 24);
    // A carry out of the fraction rightly raises the exponent; 0x38000000 is the difference of the biases, 127 − 15.
    return sign | ((size + 0xfff + ((size >>> 13) & 1) - 0x38000000) >>> 13);
  });
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
