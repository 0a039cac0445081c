import { normalizeAxis } from '../../core/shape.ts';
import type { Builder, Value } from '../builder.ts';

interface ReductionOptions {
  /** Keep reduced axes as size 1 (default false). */
  readonly keepdims?: boolean;
}

/** Sum over the given axes. */
export const reduceSum = (
  b: Builder,
  x: Value,
  axes: readonly number[],
  { keepdims = false }: ReductionOptions = {},
): Value => b.op('ReduceSum', [x], { axes, keepdims: keepdims ? 1 : 0 });
/** Mean over the given axes. */
export const reduceMean = (
  b: Builder,
  x: Value,
  axes: readonly number[],
  { keepdims = false }: ReductionOptions = {},
): Value => b.op('ReduceMean', [x], { axes, keepdims: keepdims ? 1 : 0 });
/** Maximum over the given axes. */
export const reduceMax = (
  b: Builder,
  x: Value,
  axes: readonly number[],
  { keepdims = false }: ReductionOptions = {},
): Value => b.op('ReduceMax', [x], { axes, keepdims: keepdims ? 1 : 0 });

/** The k largest entries along one axis (default: the last), largest first, and their int64 places; of equal ones the first. */
export function topK(b: Builder, x: Value, k: number, axis = -1): { readonly values: Value; readonly places: Value } {
  const along = normalizeAxis(axis, x.type.shape.length, 'topK');
  const [values, places] = b.node('TopK', [x], { k: [k], axis: along, largest: 1 });
  return { values, places };
}
/** eˣ/Σ eˣ along one axis (default: the last). */
export const softmax = (b: Builder, x: Value, axis = -1): Value =>
  b.op('Softmax', [x], { axis: normalizeAxis(axis, x.type.shape.length, 'softmax') });
/** x − log Σ eˣ along one axis (default: the last). */
export const logSoftmax = (b: Builder, x: Value, axis = -1): Value =>
  b.op('LogSoftmax', [x], { axis: normalizeAxis(axis, x.type.shape.length, 'logSoftmax') });
