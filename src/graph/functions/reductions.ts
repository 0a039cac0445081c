import { normalizeAxis } from '../../core/shape.ts';
import { int64 } from '../../core/tensor.ts';
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

/** √Σx² over the given axes; its gradient at a vector of zeros is 0. */
export const reduceL2 = (
  b: Builder,
  x: Value,
  axes: readonly number[],
  { keepdims = false }: ReductionOptions = {},
): Value => b.op('ReduceL2', [x], { axes, keepdims: keepdims ? 1 : 0 });
/** log Σeˣ over the given axes, without overflow. */
export const reduceLogSumExp = (
  b: Builder,
  x: Value,
  axes: readonly number[],
  { keepdims = false }: ReductionOptions = {},
): Value => b.op('ReduceLogSumExp', [x], { axes, keepdims: keepdims ? 1 : 0 });

/** Running sums along one axis (default: the last): entry i is the sum of entries 0 to i. */
export const cumulativeSum = (b: Builder, x: Value, axis = -1): Value =>
  b.op('CumSum', [x, b.constant(int64([], [normalizeAxis(axis, x.type.shape.length, 'cumulativeSum')]), 'axis')], {
    exclusive: 0,
    reverse: 0,
  });

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
