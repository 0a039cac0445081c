import type { DType } from '../core/tensor.ts';

/** Whether values of this type can carry a gradient. */
export function isFloat(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16';
}
