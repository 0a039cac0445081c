import { sizeOf, type StaticShape } from '../../src/core/shape.ts';
import { float32, type HostTensor } from '../../src/core/tensor.ts';

/** Element i of the tensor of a name: a hash of both, uniform in [−1, 1). formula.py computes the same numbers and says how. */
export function uniform(name: string, size: number): Float64Array {
  let seed = 2166136261;
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 16777619);
  const values = new Float64Array(size);
  for (let index = 0; index < size; index++) {
    let z = (seed + Math.imul(index, 0x9e3779b9)) | 0;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    values[index] = ((z ^ (z >>> 16)) >>> 0) / 2 ** 31 - 1;
  }
  return values;
}

/** Element = offset + factor·u: filters and matrices of variance 2/fan in, norms about one, small biases and means. */
function scaling(last: string | undefined, shape: StaticShape): { readonly offset: number; readonly factor: number } {
  if (last === 'running_var') return { offset: 1, factor: 0.5 };
  if (last === 'class_token' || last === 'pos_embedding') return { offset: 0, factor: 0.5 };
  if (shape.length === 1) return last === 'weight' ? { offset: 1, factor: 0.25 } : { offset: 0, factor: 0.1 };
  return { offset: 0, factor: Math.sqrt(6 / sizeOf(shape.slice(1))) };
}

/** The parameter or buffer of that name, as formula.py gives it to PyTorch's module. */
export function formulaWeight({ name, shape }: { readonly name: string; readonly shape: StaticShape }): HostTensor {
  const { offset, factor } = scaling(name.split('.').at(-1), shape);
  const values = uniform(name, sizeOf(shape));
  for (let index = 0; index < values.length; index++) values[index] = offset + factor * (values[index] ?? 0);
  return float32(shape, Float32Array.from(values));
}
