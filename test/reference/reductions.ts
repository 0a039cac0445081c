import { normalizeAxis } from '../../src/core/shape.ts';
import {
  at,
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

/** The places of the k best entries of a row: a stable sort, so that the first of equal ones comes first. */
function bestPlaces(values: readonly number[], k: number, largest: number): readonly number[] {
  const order = values.map((_, place) => place);
  order.sort((a, b) => (largest === 1 ? item(values, b) - item(values, a) : item(values, a) - item(values, b)));
  return order.slice(0, k);
}

export const reductions: EvaluateTable<
  'ReduceSum' | 'ReduceMean' | 'ReduceMax' | 'ArgMax' | 'TopK' | 'Softmax' | 'LogSoftmax'
> = {
  ReduceSum: reduction(sum),
  ReduceMean: reduction((values) => sum(values) / values.length),
  ReduceMax: reduction(max),
  // The first of equal maxima (select_last_index = 0).
  ArgMax: ({ input, attributes: { axis, keepdims } }) => [
    reduce(input(0), [axis], keepdims, (values) => values.indexOf(max(values))),
  ],
  TopK: ({ input, attributes: { k, axis, largest } }) => {
    const x = input(0);
    const along = normalizeAxis(axis, x.shape.length, 'reference');
    const kept = x.shape.map((size, other) => (other === along ? item(k, 0) : size));
    const entry = (index: readonly number[], place: number) =>
      at(
        x,
        index.map((own, other) => (other === along ? place : own)),
      );
    const places = generate(kept, (index) => {
      const row = Array.from({ length: item(x.shape, along) }, (_, place) => entry(index, place));
      return item(bestPlaces(row, item(k, 0), largest), item(index, along));
    });
    return [generate(kept, (index) => entry(index, at(places, index))), places];
  },
  Softmax: ({ input, attributes: { axis } }) => {
    const { shape, data } = logSoftmax(input(0), axis);
    return [{ shape, data: data.map(Math.exp) }];
  },
  LogSoftmax: ({ input, attributes: { axis } }) => [logSoftmax(input(0), axis)],
};
