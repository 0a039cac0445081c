import { usageError } from '../core/errors.ts';
import { float32, int32, tensor, type HostTensor } from '../core/tensor.ts';
import type { Builder, Value } from '../graph/builder.ts';
import {
  cast,
  concat,
  gather,
  greater,
  matmul,
  mul,
  neg,
  pad,
  reduceSum,
  reshape,
  slice,
  sub,
} from '../graph/functions.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import type { HadamardMatrix, SignMatrix } from './constructions/hadamard-matrix.ts';
import type { SignDiagonals } from './constructions/sign-diagonals.ts';
import type { Geometry, ProductCost, SlotBlock } from './geometry.ts';

/** What of a set of sign diagonals the product needs. */
export type BasisSigns = Pick<SignDiagonals, 'family' | 'order' | 'negative' | 'packed'>;

/** Which signed Hadamard bases serve as class vectors, and how many classes take one. */
export interface SignedBases {
  readonly kind: 'rows' | 'biorthogonal' | 'coset';
  readonly construction: string;
  readonly features: number;
  readonly classes: number;
  readonly capacity: number;
  readonly coherence: number;
  /** H, of order n ≤ N. */
  readonly matrix: HadamardMatrix;
  /** D_a. */
  readonly diagonals: BasisSigns;
  /** Whether −q follows q. */
  readonly antipodal: boolean;
  /** 1 leaves the constant row out. */
  readonly firstRow: 0 | 1;
}

/** How slots are laid out: basis a holds slots a·size … (a + 1)·size − 1, first its rows, then, if antipodal, their negatives. */
interface Layout {
  readonly order: number;
  readonly rows: number;
  readonly size: number;
  readonly bases: number;
}

function layoutOf({ matrix: { order }, classes, antipodal, firstRow }: SignedBases): Layout {
  const rows = order - firstRow;
  const size = antipodal ? 2 * rows : rows;
  return { order, rows, size, bases: Math.ceil(classes / size) };
}

/** A ±1 matrix (its first `rows` rows) times `factor`, `[rows, order]`, or its transpose `[order, rows]`. */
function factorOf(matrix: SignMatrix, rows: number, factor: number, transposed: boolean): HostTensor<'float32'> {
  const { order } = matrix;
  const entries = Array.from({ length: rows * order }, (_, index) =>
    transposed
      ? factor * matrix.sign(index % rows, Math.floor(index / rows))
      : factor * matrix.sign(Math.floor(index / order), index % order),
  );
  return float32(transposed ? [order, rows] : [rows, order], entries);
}

/**
 * The ±1 diagonals of `count` bases from `first` on, `[count, order]`, stored as one bit a sign. The runtime unpacks them once, when
 * it loads the model: bit i of byte v is ⌊v/2^i⌋ mod 2.
 */
function unpackedDiagonals(b: Builder, diagonals: BasisSigns, first: number, count: number): Value {
  const bytes = Math.ceil(diagonals.order / 8);
  const packed = new Uint8Array(count * bytes);
  for (let basis = 0; basis < count; basis++) packed.set(diagonals.packed(first + basis), basis * bytes);
  return b.scoped('signs', () => {
    const stored = cast(b, b.constant(tensor('uint8', [count, bytes, 1], packed), 'packed'), 'int32');
    const powers = b.constant(
      int32(
        [8],
        Int32Array.from({ length: 8 }, (_, bit) => 2 ** bit),
      ),
      'powers',
    );
    const two = b.constant(int32([], [2]), 'two');
    const shifted = b.op('Div', [stored, powers], {});
    const bits = sub(b, shifted, mul(b, b.op('Div', [shifted, two], {}), two));
    const signs = sub(b, 1, mul(b, cast(b, bits, 'float32'), 2));
    return slice(b, reshape(b, signs, [count, bytes * 8]), 1, 0, diagonals.order);
  });
}

/** Additions of one fast transform of n numbers: n·log₂ m for a Sylvester factor of order m, n·(m − 1) for another ±1 factor. */
function transformAdds({ order, factors }: HadamardMatrix): number {
  const perNumber = factors.map((factor) => (factor.sylvester ? Math.log2(factor.order) : factor.order - 1));
  return order * perNumber.reduce((sum, adds) => sum + adds, 0);
}

/**
 * Class vectors ±D_a·H[j]/√n: rows j of Hadamard matrices whose columns are signed by diagonals D_a, a = 0, 1, …, D_0 = I, on the
 * first n of N features. Nothing is stored but one bit for each sign of D_a.
 *
 * The product is a fast transform in ordinary operators: with H = H_o ⊗ H_i (n = o·i) and D_a·x as a matrix X `[o, i]`,
 * H·D_a·x = H_o·X·H_iᵀ: two small products, n·(o + i) multiply-adds a basis instead of n².
 */
export function signedBasesGeometry(request: SignedBases): Geometry {
  const { features, classes, matrix, diagonals, antipodal, firstRow } = request;
  const layout = layoutOf(request);
  const { order, rows, size, bases } = layout;
  const { outer, inner } = matrix;
  const scale = 1 / Math.sqrt(order);
  // With one basis only the rows that classes take are computed; H_o needs its first blocks of them.
  const usedRows = bases > 1 ? order : firstRow + Math.min(rows, classes);
  const negatives = antipodal && classes > rows;
  const width = (negatives ? 2 : 1) * (usedRows - firstRow);
  const outerRows = Math.ceil(usedRows / inner.order);
  const reach = Math.min(order, outerRows * inner.order);
  const outerFactor = factorOf(outer, outerRows, scale, false);
  const innerFactor = factorOf(inner, inner.order, 1, true);
  const backward = {
    outer: factorOf(outer, outerRows, scale, true),
    inner: factorOf(inner, inner.order, 1, false),
  };
  const signs = new WeakMap<Builder, Map<number, Value>>();
  const signsOf = (b: Builder, first: number, count: number): Value => {
    const known = signs.get(b) ?? new Map<number, Value>();
    signs.set(b, known);
    const shared = known.get(first * (bases + 1) + count) ?? unpackedDiagonals(b, diagonals, first, count);
    known.set(first * (bases + 1) + count, shared);
    return shared;
  };
  // Basis 0 has no signs.
  const plain = bases === 1;

  /** Slots `first·size` … of `count` bases, the last one cut to `slots` slots in all. */
  const product = ({ b }: LayerContext, x: Value, first: number, count: number, slots: number): Value => {
    const used = features === order ? x : slice(b, x, 1, 0, order);
    const signed = plain ? used : mul(b, reshape(b, used, [-1, 1, order]), signsOf(b, first, count));
    const grid = reshape(b, signed, [-1, count, outer.order, inner.order]);
    const transformed = matmul(
      b,
      b.constant(outerFactor, 'H_outer'),
      matmul(b, grid, b.constant(innerFactor, 'H_inner')),
    );
    const all = reshape(b, transformed, [-1, count, reach]);
    const positive = firstRow === 0 && usedRows === reach ? all : slice(b, all, 2, firstRow, usedRows);
    const both = negatives ? concat(b, [positive, neg(b, positive)], 2) : positive;
    const flat = reshape(b, both, [-1, count * width]);
    return width * count === slots ? flat : slice(b, flat, 1, 0, slots);
  };

  const transposed = ({ b }: LayerContext, weights: Value, first: number, count: number, slots: number): Value => {
    const missing = count * width - slots;
    const padded = missing === 0 ? weights : pad(b, weights, [0, 0, 0, missing]);
    const cube = reshape(b, padded, [-1, count, width]);
    const half = usedRows - firstRow;
    const single = negatives ? sub(b, slice(b, cube, 2, 0, half), slice(b, cube, 2, half, width)) : cube;
    const [front, back] = [firstRow, reach - usedRows];
    const full = front + back === 0 ? single : pad(b, single, [0, 0, front, 0, 0, back]);
    const grid = reshape(b, full, [-1, count, outerRows, inner.order]);
    const spread = matmul(
      b,
      b.constant(backward.outer, 'H_outer_transposed'),
      matmul(b, grid, b.constant(backward.inner, 'H_inner_transposed')),
    );
    const summed = plain
      ? reshape(b, spread, [-1, order])
      : reduceSum(b, mul(b, reshape(b, spread, [-1, count, order]), signsOf(b, first, count)), [1]);
    return features === order ? summed : pad(b, summed, [0, 0, 0, features - order]);
  };

  const rowsOf = (c: LayerContext, slots: Value): Value => {
    const { b } = c;
    const whole = (value: number): Value => b.constant(int32([], [value]), 'whole');
    const basis = b.op('Div', [slots, whole(size)], {});
    const within = sub(b, slots, mul(b, basis, whole(size)));
    const negative = cast(b, greater(b, within, whole(rows - 1)), 'int32');
    const row = b.op('Add', [sub(b, within, mul(b, negative, whole(rows))), whole(firstRow)], {});
    const outerRow = b.op('Div', [row, whole(inner.order)], {});
    const innerRow = sub(b, row, mul(b, outerRow, whole(inner.order)));
    const left = gather(b, b.constant(outerFactor, 'H_outer'), outerRow, 0);
    const right = gather(b, b.constant(backward.inner, 'H_inner_transposed'), innerRow, 0);
    const grid = mul(b, reshape(b, left, [-1, outer.order, 1]), reshape(b, right, [-1, 1, inner.order]));
    const flat = reshape(b, grid, [-1, order]);
    const turned = plain ? flat : mul(b, flat, gather(b, signsOf(b, 0, bases), basis, 0));
    const signed = antipodal
      ? mul(b, turned, reshape(b, sub(b, 1, mul(b, cast(b, negative, 'float32'), 2)), [-1, 1]))
      : turned;
    return features === order ? signed : pad(b, signed, [0, 0, 0, features - order]);
  };

  const blocks = (wanted: number): readonly SlotBlock[] => {
    const perBlock = Math.max(1, Math.floor(wanted / size));
    return Array.from({ length: Math.ceil(bases / perBlock) }, (_, index) => {
      const first = index * perBlock;
      const count = Math.min(perBlock, bases - first);
      const slots = Math.min(count * size, classes - first * size);
      return Object.freeze({
        first: first * size,
        count: slots,
        used: undefined,
        product: (c: LayerContext, x: Value) => product(c, x, first, count, slots),
        transposed: (c: LayerContext, weights: Value) => transposed(c, weights, first, count, slots),
      });
    });
  };

  const cost: ProductCost = {
    adds: bases * transformAdds(matrix),
    multiplies: 0,
    constantBytes:
      outerFactor.data.byteLength + innerFactor.data.byteLength + (plain ? 0 : bases * Math.ceil(order / 8)),
  };
  return Object.freeze({
    kind: request.kind,
    construction: request.construction,
    features,
    classes,
    order,
    bases,
    antipodal,
    capacity: request.capacity,
    coherence: request.coherence,
    balanced: firstRow === 1 && bases === 1,
    cost,
    layout: Object.freeze({ order, bases, diagonals, antipodal, firstRow, firstColumn: 0, centred: false }),
    fixedParameters: 0,
    slots: classes,
    codes: undefined,
    product: (c: LayerContext, x: Value) => product(c, x, 0, bases, classes),
    blocks,
    rowsOf,
    vector: (index: number) => {
      if (!Number.isInteger(index) || index < 0 || index >= classes)
        throw usageError('no such class', { expected: `0 to ${classes - 1}`, received: String(index) });
      const basis = Math.floor(index / size);
      const within = index - basis * size;
      const row = firstRow + (within % rows);
      const sign = within < rows ? scale : -scale;
      return Float32Array.from({ length: features }, (_, k) =>
        k >= order ? 0 : (diagonals.negative(basis, k) ? -sign : sign) * matrix.sign(row, k),
      );
    },
  } satisfies Geometry);
}
