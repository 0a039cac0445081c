import { internalError } from '../../src/core/errors.ts';
import { sizeOf, type StaticShape } from '../../src/core/shape.ts';
import type { AttributesOf, Op } from '../../src/graph/ops.ts';

/** A float64 array, row-major. `bool` is 0 or 1, integers are numbers. */
export interface NdArray {
  readonly shape: StaticShape;
  readonly data: Float64Array;
}

/** What the evaluation of one node sees. */
export interface EvaluateContext<K extends Op> {
  readonly inputs: readonly (NdArray | undefined)[];
  readonly input: (index: number) => NdArray;
  readonly attributes: AttributesOf<K>;
}

export type Evaluate<K extends Op> = (context: EvaluateContext<K>) => readonly NdArray[];

/** The evaluations of a family of operators. */
export type EvaluateTable<K extends Op> = { readonly [O in K]: Evaluate<O> };

/** The entry of a list whose length the operator fixes. */
export function item(list: ArrayLike<number>, index: number): number {
  const value = list[index];
  if (value === undefined) throw internalError(`entry ${index} of ${list.length} is missing`);
  return value;
}

export function zeros(shape: StaticShape): NdArray {
  return { shape, data: new Float64Array(sizeOf(shape)) };
}

/** Row-major offset of an index that has one entry per axis. */
export function offsetOf(shape: StaticShape, index: readonly number[]): number {
  return shape.reduce((offset, size, axis) => offset * size + item(index, axis), 0);
}

/** All indices of a shape, in row-major order. */
export function* indicesOf(shape: StaticShape): Generator<readonly number[]> {
  const [size, ...rest] = shape;
  if (size === undefined) {
    yield [];
    return;
  }
  for (let first = 0; first < size; first++) for (const tail of indicesOf(rest)) yield [first, ...tail];
}

/** The array whose element at each index is `element(index)`. */
export function generate(shape: StaticShape, element: (index: readonly number[]) => number): NdArray {
  const result = zeros(shape);
  let offset = 0;
  for (const index of indicesOf(shape)) result.data[offset++] = element(index);
  return result;
}

export function at(x: NdArray, index: readonly number[]): number {
  return item(x.data, offsetOf(x.shape, index));
}

/** The element of x that broadcasting to `index` reads: aligned at the last axis, axes of size 1 repeat. */
export function atBroadcast(x: NdArray, index: readonly number[]): number {
  const skipped = index.length - x.shape.length;
  return at(
    x,
    x.shape.map((size, axis) => (size === 1 ? 0 : item(index, axis + skipped))),
  );
}

/** Adds to one element of an array under construction. */
export function accumulate(x: NdArray, offset: number, value: number): void {
  x.data[offset] = item(x.data, offset) + value;
}
