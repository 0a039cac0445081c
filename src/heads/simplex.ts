import { defined, usageError } from '../core/errors.ts';
import type { Value } from '../graph/builder.ts';
import { add, concat, mul, neg, pad, reduceMean, reduceSum, slice, sub } from '../graph/functions.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import { oneHot } from '../nn/losses.ts';
import { isHadamardOrder, nearestHadamardOrders } from './constructions/hadamard-matrix.ts';
import { checkClass } from './dense.ts';
import {
  orthogonalCapacity,
  type BasisLayout,
  type Geometry,
  type GeometryRequest,
  type ProductCost,
} from './geometry.ts';
import { hadamardGeometry } from './hadamard.ts';

/** What distinguishes one way of making a simplex from another. */
interface SimplexForm {
  readonly construction: string;
  readonly order: number;
  readonly balanced: boolean;
  readonly cost: ProductCost;
  readonly layout?: BasisLayout;
  readonly product: (c: LayerContext, x: Value) => Value;
  readonly transposed: (c: LayerContext, weights: Value) => Value;
  readonly vector: (index: number) => Float32Array;
}

/** u − mean(u) over the last axis, times a factor, `[batch, n]`. */
function centred({ b }: LayerContext, u: Value, factor: number): Value {
  return mul(b, sub(b, u, reduceMean(b, u, [1], { keepdims: true })), factor);
}

/** x `[batch, n]` with zeros in front and behind. */
function padded({ b }: LayerContext, x: Value, before: number, after: number): Value {
  return before + after === 0 ? x : pad(b, x, [0, before, 0, after]);
}

/** √(C/(C − 1)): the length of a centred unit vector of C orthonormal ones is its reciprocal. */
const stretch = (classes: number): number => Math.sqrt(classes / (classes - 1));

/** The product and its transpose with all rows of one Hadamard matrix. */
function wholeBlock(geometry: Geometry): Pick<SimplexForm, 'product' | 'transposed'> {
  // One basis is never divided.
  const [block] = geometry.blocks(geometry.slots);
  return { product: geometry.product, transposed: defined(block, 'a block').transposed };
}

/** The layout of a geometry, with what a simplex changes of it. */
function layoutWith({ layout }: Geometry, change: Partial<BasisLayout>): Pick<SimplexForm, 'layout'> {
  return layout === undefined ? {} : { layout: Object.freeze({ ...layout, ...change }) };
}

/** q_i = √(C/(C − 1))·(h_i − (1/C) Σ_j h_j) with orthonormal rows h_i of a Hadamard matrix: inner products, then their mean off. */
function centredRows(request: GeometryRequest): SimplexForm {
  const rows = hadamardGeometry(request);
  const { classes, features } = request;
  const { product, transposed } = wholeBlock(rows);
  const factor = stretch(classes);
  let mean: Float64Array | undefined;
  const meanRow = (): Float64Array => {
    if (mean === undefined) {
      mean = new Float64Array(features);
      for (let index = 0; index < classes; index++)
        for (const [k, entry] of rows.vector(index).entries()) mean[k] = (mean[k] ?? 0) + entry / classes;
    }
    return mean;
  };
  return {
    construction: `centred rows of ${rows.construction}`,
    order: rows.order,
    balanced: rows.balanced,
    cost: withCentring(rows.cost, classes),
    ...layoutWith(rows, { centred: true }),
    product: (c, x) => centred(c, product(c, x), factor),
    // Centring is symmetric.
    transposed: (c, weights) => transposed(c, centred(c, weights, factor)),
    vector: (index) => rows.vector(index).map((entry, k) => factor * (entry - (meanRow()[k] ?? 0))),
  };
}

/** Rows of the Hadamard matrix of order C = N + 1 without their constant column, scaled by √(C/N): entries ±1/√N. */
function shortenedRows({ classes, features }: GeometryRequest): SimplexForm {
  const rows = hadamardGeometry({ classes, features: classes, sign: 'signed' });
  const { product, transposed } = wholeBlock(rows);
  const factor = stretch(classes);
  return {
    construction: `rows of ${rows.construction} without their constant column`,
    order: features,
    balanced: false,
    cost: { ...rows.cost, multiplies: rows.cost.multiplies + classes },
    ...layoutWith(rows, { firstColumn: 1 }),
    product: (c, x) => mul(c.b, product(c, padded(c, x, 1, 0)), factor),
    transposed: (c, weights) => slice(c.b, transposed(c, mul(c.b, weights, factor)), 1, 1, classes),
    vector: (index) =>
      rows
        .vector(index)
        .subarray(1)
        .map((entry) => factor * entry),
  };
}

/** q_i = √(C/(C − 1))·(e_i − (1/C)·(1, …, 1)) on the first C ≤ N features: the vertices of the standard simplex, centred. */
function centredAxes({ classes, features }: GeometryRequest): SimplexForm {
  const factor = stretch(classes);
  return {
    construction: classes === features ? 'centred axes' : `centred axes, on ${classes} of ${features} features`,
    order: classes,
    balanced: true,
    cost: withCentring({ adds: 0, multiplies: 0, constantBytes: 0 }, classes),
    product: (c, x) => centred(c, classes === features ? x : slice(c.b, x, 1, 0, classes), factor),
    transposed: (c, weights) => padded(c, centred(c, weights, factor), 0, features - classes),
    vector: (index) =>
      Float32Array.from({ length: features }, (_, k) =>
        k < classes ? factor * ((k === index ? 1 : 0) - 1 / classes) : 0,
      ),
  };
}

/**
 * N + 1 vertices in R^N: q_i = √(1 + 1/N)·e_i − N^(−3/2)·(√(N + 1) − 1)·(1, …, 1) for i ≤ N, and q_{N+1} = −N^(−1/2)·(1, …, 1)
 * (https://en.wikipedia.org/wiki/Simplex#Cartesian_coordinates_for_a_regular_n-dimensional_simplex_in_Rn).
 */
function closedForm({ classes, features }: GeometryRequest): SimplexForm {
  const own = Math.sqrt(1 + 1 / features);
  const shared = features ** -1.5 * (Math.sqrt(features + 1) - 1);
  const last = features ** -0.5;
  const sum = ({ b }: LayerContext, x: Value): Value => reduceSum(b, x, [1], { keepdims: true });
  return {
    construction: 'closed form',
    order: features,
    balanced: false,
    cost: { adds: 2 * features - 1, multiplies: features + 2, constantBytes: 0 },
    product: (c, x) => {
      const total = sum(c, x);
      const first = sub(c.b, mul(c.b, x, own), mul(c.b, total, shared));
      return concat(c.b, [first, mul(c.b, total, -last)], 1);
    },
    transposed: (c, weights) => {
      const first = slice(c.b, weights, 1, 0, features);
      const offset = add(
        c.b,
        mul(c.b, sum(c, first), shared),
        mul(c.b, slice(c.b, weights, 1, features, classes), last),
      );
      return add(c.b, mul(c.b, first, own), neg(c.b, offset));
    },
    vector: (index) =>
      Float32Array.from({ length: features }, (_, k) =>
        index === features ? -last : (index === k ? own : 0) - shared,
      ),
  };
}

/** With a mean over n numbers, its subtraction and a factor. */
function withCentring({ adds, multiplies, constantBytes }: ProductCost, n: number): ProductCost {
  return { adds: adds + 2 * n - 1, multiplies: multiplies + n + 1, constantBytes };
}

/** The first form that has room: see {@link simplexGeometry}. */
function simplexForm(request: GeometryRequest): SimplexForm {
  const { classes, features, sign } = request;
  if (classes > features) return isHadamardOrder(classes) ? shortenedRows(request) : closedForm(request);
  const { below } = nearestHadamardOrders(features);
  return classes <= orthogonalCapacity(below, sign) ? centredRows(request) : centredAxes(request);
}

/**
 * C ≤ N + 1 class vectors whose cosines are all −1/(C − 1), the smallest that the largest of C cosines can be. Nothing C·N is stored:
 *
 * 1. C ≤ n, the order of the largest known Hadamard matrix on N features (n − 1 for non-negative features): its rows, centred. Every
 *    feature that H has serves every class.
 * 2. C ≤ N: the axes of the first C features, centred. Every feature serves its own class most. They sum to zero, so non-negative
 *    features favour no class.
 * 3. C = N + 1: rows of the Hadamard matrix of order C without their constant column, or the closed form where there is none. They
 *    span all of R^N, the constant direction included.
 *
 * @throws a usage error for more than N + 1 classes.
 */
export function simplexGeometry(request: GeometryRequest): Geometry {
  const { classes, features } = request;
  const capacity = features + 1;
  if (classes > capacity) {
    throw usageError('more classes than a simplex has vertices', {
      expected: `at most ${capacity} classes for ${features} features`,
      received: `${classes} classes`,
      hint: `a hadamard, coset or random head takes more classes; a simplex head needs a backbone with at least ${classes - 1} features`,
    });
  }
  const { product, transposed, vector, ...form } = simplexForm(request);
  return Object.freeze({
    ...form,
    kind: 'simplex',
    features,
    classes,
    bases: 0,
    antipodal: classes === 2,
    capacity,
    coherence: classes === 2 ? 0 : 1 / (classes - 1),
    fixedParameters: 0,
    slots: classes,
    codes: undefined,
    product,
    // No more classes than features but one: their logits are no larger than the features themselves.
    blocks: () => [Object.freeze({ first: 0, count: classes, used: undefined, product, transposed })],
    rowsOf: (c: LayerContext, slots: Value) => transposed(c, oneHot(c.b, slots, classes)),
    vector: (index: number) => vector(checkClass(index, classes)),
  } satisfies Geometry);
}
