import { permutation, type RandomStream } from '../../src/core/random.ts';
import { sizeOf, type StaticShape } from '../../src/core/shape.ts';
import type { AttributesOf, Op } from '../../src/graph/ops.ts';
import type { NdArray } from '../reference/array.ts';

/** An input of a case: its element type and how its values are drawn. Floats are exact in float32. */
export interface CaseInput {
  readonly dtype: 'float32' | 'int64' | 'bool';
  readonly shape: StaticShape;
  readonly draw: (random: RandomStream) => NdArray;
  /** True for a float input that the rule treats as given. */
  readonly constant?: true;
}

/** One application of an operator. */
export interface OpCase<K extends Op> {
  readonly name: string;
  readonly inputs: readonly (CaseInput | undefined)[];
  readonly attributes: AttributesOf<K>;
  /** Number of leading outputs that a loss may use (default: all). */
  readonly outputs?: number;
  /** True where no input can have a gradient: the case checks the forward evaluation only. */
  readonly forwardOnly?: true;
}

/** Cases of an operator with a gradient rule, or why it has none and what to check its evaluation with. */
export type CasesOf<K extends Op> =
  readonly OpCase<K>[] | { readonly noGradient: string; readonly forward: readonly OpCase<K>[] };

export type CaseTable<K extends Op> = { readonly [O in K]: CasesOf<O> };

const float = (shape: StaticShape, value: (random: RandomStream) => number): CaseInput => ({
  dtype: 'float32',
  shape,
  draw: (random) => ({ shape, data: Float64Array.from({ length: sizeOf(shape) }, () => Math.fround(value(random))) }),
});

/** Uniform in [−1, 1). */
export const any = (shape: StaticShape): CaseInput => float(shape, (random) => 2 * random.uniform() - 1);

/** Uniform in [0.5, 1.5): away from the poles of Log, Sqrt and Reciprocal. */
export const positive = (shape: StaticShape): CaseInput => float(shape, (random) => 0.5 + random.uniform());

/** Magnitude uniform in [0.3, 1.3), any sign: away from 0. */
export const nonzero = (shape: StaticShape): CaseInput =>
  float(shape, (random) => (0.3 + random.uniform()) * (random.uniform() < 0.5 ? -1 : 1));

/**
 * A shuffled grid of spacing ¼ around `offset`: no two elements, and no elements of two inputs with offsets that differ by less
 * than a step, are close enough for a finite difference to change which one is larger.
 */
export const distinct = (shape: StaticShape, offset = 0): CaseInput => ({
  dtype: 'float32',
  shape,
  draw: (random) => {
    const size = sizeOf(shape);
    const order = permutation(size, random);
    return {
      shape,
      data: Float64Array.from(order, (rank) => Math.fround(offset + 0.25 * (rank - Math.floor(size / 2)))),
    };
  },
});

/** These values. */
export const values = (shape: StaticShape, data: readonly number[]): CaseInput => ({
  dtype: 'float32',
  shape,
  draw: () => ({ shape, data: Float64Array.from(data) }),
});

/** Magnitude uniform in [5, 25), any sign: where exponentials overflow or vanish if a formula is careless. */
export const far = (shape: StaticShape): CaseInput =>
  float(shape, (random) => (5 + 20 * random.uniform()) * (random.uniform() < 0.5 ? -1 : 1));

/** Few different values, so that equal ones occur. */
export const repeated = (shape: StaticShape): CaseInput => float(shape, (random) => random.integer(3) - 1);

export const integers = (shape: StaticShape, values: readonly number[]): CaseInput => ({
  dtype: 'int64',
  shape,
  draw: () => ({ shape, data: Float64Array.from(values) }),
});

export const booleans = (shape: StaticShape): CaseInput => ({
  dtype: 'bool',
  shape,
  draw: (random) => ({ shape, data: Float64Array.from({ length: sizeOf(shape) }, () => random.integer(2)) }),
});

/** Shapes of two operands that broadcast, and what repeats. */
export const broadcastPairs: readonly (readonly [name: string, a: StaticShape, b: StaticShape])[] = [
  ['same shape', [2, 3, 4], [2, 3, 4]],
  ['scalar left', [], [2, 3]],
  ['scalar right', [2, 3], []],
  ['row', [2, 3], [3]],
  ['column', [2, 3], [2, 1]],
  ['leading ones', [1, 1, 4], [2, 3, 4]],
  ['middle one', [2, 3, 4], [2, 1, 4]],
  ['rank difference', [3, 4], [2, 3, 4]],
  ['both repeat', [2, 1, 4], [1, 3, 1]],
];
