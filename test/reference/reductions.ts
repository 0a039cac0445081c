import { normalizeAxis } from '../../src/core/shape.ts';
import {
  generate,
  indicesOf,
  item,
  offsetOf,
  type EvaluateContext,
  type EvaluateTable,
  type NdArray,
} from './array.ts';

/** Elements of x that share every coordinate but the reduced axes, in row-major order, folded to one number each. */
function reduce(
  x: NdArray,
  axes: readonly number[],
  keepdims: number,
  fold: (values: readonly number[]) => number,
): NdArray {
  const reduced = new Set(axes.map((axis) => normalizeAxis(axis, x.shape.length, 'reference')));
  const kept = x.shape.map((size, axis) => (reduced.has(axis) ? 1 : size));
  const groups = Array.from(indicesOf(kept), (): number[] => []);
  let offset = 0;
  for (const index of indicesOf(x.shape)) {
    const group = offsetOf(
      kept,
      index.map((entry, axis) => (reduced.has(axis) ? 0 : entry)),
    );
    groups[group]?.push(item(x.data, offset++));
  }
  const shape = keepdims === 1 ? kept : kept.filter((_, axis) => !reduced.has(axis));
  return { shape, data: Float64Array.from(groups, fold) };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const max = (values: readonly number[]): number => values.reduce((most, value) => Math.max(most, value), -Infinity);

const reduction =
  (fold: (values: readonly number[]) => number) =>
  ({ input, attributes }: EvaluateContext<'ReduceSum'>): readonly NdArray[] => [
    reduce(input(0), attributes.axes, attributes.keepdims, fold),
  ];

/** log Σ exp along one axis, shifted by the maximum, at every index of x; with `x − that`, the logarithm of softmax. */
function logSoftmax(x: NdArray, axis: number): NdArray {
  const along = normalizeAxis(axis, x.shape.length, 'reference');
  const logSum = reduce(x, [along], 1, (values) => {
    const shift = max(values);
    return shift + Math.log(sum(values.map((value) => Math.exp(value - shift))));
  });
  let offset = 0;
  return generate(x.shape, (index) => {
    const group = offsetOf(
      logSum.shape,
      index.map((entry, k) => (k === along ? 0 : entry)),
    );
    return item(x.data, offset++) - item(logSum.data, group);
  });
}

export const reductions: EvaluateTable<'ReduceSum' | 'ReduceMean' | 'ReduceMax' | 'ArgMax' | 'Softmax' | 'LogSoftmax'> =
  {
    ReduceSum: reduction(sum),
    ReduceMean: reduction((values) => sum(values) / values.length),
    ReduceMax: reduction(max),
    // The first of equal maxima (select_last_index = 0).
    ArgMax: ({ input, attributes: { axis, keepdims } }) => [
      reduce(input(0), [axis], keepdims, (values) => values.indexOf(max(values))),
    ],
    Softmax: ({ input, attributes: { axis } }) => {
      const { shape, data } = logSoftmax(input(0), axis);
      return [{ shape, data: data.map(Math.exp) }];
    },
    LogSoftmax: ({ input, attributes: { axis } }) => [logSoftmax(input(0), axis)],
  };
