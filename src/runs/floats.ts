import { halfToNumber } from '../core/half.ts';
import type { HostTensor } from '../core/tensor.ts';

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
