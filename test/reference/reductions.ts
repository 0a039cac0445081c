import { normalizeAxis } from '../../src/core/shape.ts';
import type { reductionsOps } from '../../src/graph/ops/reductions.ts';
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

const min = (values: readonly number[]): number => -max(values.map((value) => -value));
const squares = (values: readonly number[]): number => sum(values.map((value) => value * value));

/** log Σ exp, shifted by the maximum. */
function logSumExp(values: readonly number[]): number {
  const shift = max(values);
  return shift + Math.log(sum(values.map((value) => Math.exp(value - shift))));
}

/** Each element of x combined with what a fold gives for its row along one axis. */
function withRow(
  x: NdArray,
  axis: number,
  fold: (values: readonly number[]) => number,
  combine: (value: number, folded: number) => number,
): NdArray {
  const along = normalizeAxis(axis, x.shape.length, 'reference');
  const folded = reduce(x, [along], 1, fold);
  let offset = 0;
  return generate(x.shape, (index) => {
    const row = index.map((entry, k) => (k === along ? 0 : entry));
    return combine(item(x.data, offset++), at(folded, row));
  });
}

const logSoftmax = (x: NdArray, axis: number): NdArray => withRow(x, axis, logSumExp, (value, total) => value - total);

/** At each place the sum of the entries before it (after it if reversed), its own included unless exclusive. */
function runningSums(x: NdArray, given: number, exclusive: number, reverse: number): NdArray {
  const axis = normalizeAxis(given, x.shape.length, 'reference');
  return generate(x.shape, (index) => {
    const own = item(index, axis);
    let total = 0;
    for (let place = 0; place < item(x.shape, axis); place++) {
      const counted = place === own ? exclusive === 0 : reverse === 1 ? place > own : place < own;
      if (counted) {
        total += at(
          x,
          index.map((entry, k) => (k === axis ? place : entry)),
        );
      }
    }
    return total;
  });
}

/** The places of the k best entries of a row: a stable sort, so that the first of equal ones comes first. */
function bestPlaces(values: readonly number[], k: number, largest: number): readonly number[] {
  const order = values.map((_, place) => place);
  order.sort((a, b) => (largest === 1 ? item(values, b) - item(values, a) : item(values, a) - item(values, b)));
  return order.slice(0, k);
}

export const reductions: EvaluateTable<keyof typeof reductionsOps> = {
  ReduceSum: reduction(sum),
  ReduceMean: reduction((values) => sum(values) / values.length),
  ReduceMax: reduction(max),
  ReduceMin: reduction(min),
  ReduceProd: reduction((values) => values.reduce((product, value) => product * value, 1)),
  ReduceL1: reduction((values) => sum(values.map(Math.abs))),
  ReduceL2: reduction((values) => Math.sqrt(squares(values))),
  ReduceSumSquare: reduction(squares),
  ReduceLogSum: reduction((values) => Math.log(sum(values))),
  ReduceLogSumExp: reduction(logSumExp),
  CumSum: ({ input, attributes: { exclusive, reverse } }) => [
    runningSums(input(0), item(input(1).data, 0), exclusive, reverse),
  ],
  // The first of equal maxima (select_last_index = 0).
  ArgMax: ({ input, attributes: { axis, keepdims } }) => [
    reduce(input(0), [axis], keepdims, (values) => values.indexOf(max(values))),
  ],
  ArgMin: ({ input, attributes: { axis, keepdims } }) => [
    reduce(input(0), [axis], keepdims, (values) => values.indexOf(min(values))),
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
  Hardmax: ({ input, attributes: { axis } }) => {
    const x = input(0);
    const along = normalizeAxis(axis, x.shape.length, 'reference');
    const first = reduce(x, [along], 1, (values) => values.indexOf(max(values)));
    return [
      generate(x.shape, (index) => {
        const row = index.map((entry, k) => (k === along ? 0 : entry));
        return at(first, row) === item(index, along) ? 1 : 0;
      }),
    ];
  },
  LpNormalization: ({ input, attributes: { axis, p } }) => [
    withRow(
      input(0),
      axis,
      (values) => (p === 1 ? sum(values.map(Math.abs)) : Math.sqrt(squares(values))),
      (value, norm) => (norm === 0 ? 0 : value / norm),
    ),
  ],
};
