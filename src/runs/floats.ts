import type { HostTensor } from '../core/tensor.ts';

/** An IEEE half-precision number: 1 sign bit, 5 bits of exponent with bias 15, 10 of fraction. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The numbers of a floating-point tensor as float32; `undefined` for integers and others. */
export function floatsOf(tensor: HostTensor): Float32Array | undefined {
  if (tensor.dtype === 'float32') return tensor.data;
  if (tensor.dtype === 'float64') return Float32Array.from(tensor.data);
  if (tensor.dtype === 'float16') return Float32Array.from(tensor.data, halfToNumber);
  // A bfloat16 is the upper half of a float32.
  if (tensor.dtype === 'bfloat16')
    return new Float32Array(Uint32Array.from(tensor.data, (bits) => bits * 2 ** 16).buffer);
  return undefined;
}
