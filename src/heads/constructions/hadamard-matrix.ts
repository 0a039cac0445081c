import { defined, usageError } from '../../core/errors.ts';
import { fourCirculantMatrix, isFourCirculantOrder } from './four-circulants.ts';
import { primePower } from './galois.ts';
import { kronecker, paleyOne, paleyTwo, sylvesterMatrix, type SignMatrix } from './sign-matrix.ts';

export type { SignMatrix } from './sign-matrix.ts';

/**
 * A normalised Hadamard matrix H = outer ⊗ inner of order N, so that a product with it is two small ones: with x as a matrix
 * X `[outer.order, inner.order]` (row-major), H·x = outer·X·innerᵀ.
 */
export interface HadamardMatrix {
  readonly order: number;
  readonly construction: string;
  readonly outer: SignMatrix;
  readonly inner: SignMatrix;
  /** The same matrix in its smallest pieces, outermost first: H is their Kronecker product. */
  readonly factors: readonly SignMatrix[];
  /** sign(r, c) = outer.sign(r div b, c div b)·inner.sign(r mod b, c mod b), b = inner.order. Row 0 and column 0 are +1. */
  readonly sign: (row: number, column: number) => 1 | -1;
}

/** The largest order that is built or searched. */
export const largestHadamardOrder = 2 ** 30;

/** A product of matrices that are not split further: Sylvester 2^log2 and then the dense ones, by ascending order. */
interface Plan {
  readonly log2: number;
  readonly dense: readonly (() => SignMatrix)[];
  /** Multiply-adds a feature when every piece is applied on its own: log₂ for Sylvester's matrix, the order for others. */
  readonly cost: number;
}

const plans = new Map<number, Plan | undefined>();

/** The cheapest product of known matrices that has this order. */
function planOf(order: number): Plan | undefined {
  if (plans.has(order)) return plans.get(order);
  const plan = makePlan(order);
  plans.set(order, plan);
  return plan;
}

function makePlan(order: number): Plan | undefined {
  const log2 = Math.log2(order);
  if (Number.isInteger(log2)) return { log2, dense: [], cost: log2 };
  if (order % 4 !== 0) return undefined;
  let best: Plan | undefined;
  for (const piece of divisors(order)) {
    const make = denseMatrix(piece);
    const rest = make === undefined ? undefined : planOf(order / piece);
    if (rest === undefined || make === undefined) continue;
    const cost = rest.cost + piece;
    if (best === undefined || cost < best.cost) best = { log2: rest.log2, dense: [...rest.dense, make], cost };
  }
  return best;
}

/** A construction that is no Kronecker product and has this order, or undefined. */
function denseMatrix(order: number): (() => SignMatrix) | undefined {
  if (order % 4 !== 0 || Number.isInteger(Math.log2(order))) return undefined;
  if (primePower(order - 1) !== undefined) return () => paleyOne(order - 1);
  const q = order / 2 - 1;
  if (q % 4 === 1 && primePower(q) !== undefined) return () => paleyTwo(q);
  return isFourCirculantOrder(order) ? () => fourCirculantMatrix(order) : undefined;
}

function divisors(n: number): readonly number[] {
  const small: number[] = [];
  for (let d = 1; d * d <= n; d++) if (n % d === 0) small.push(d);
  const large = small.map((d) => n / d).reverse();
  return small[small.length - 1] === large[0] ? [...small, ...large.slice(1)] : [...small, ...large];
}

function pieces(plan: Plan): readonly SignMatrix[] {
  const dense = plan.dense.map((make) => make()).sort((a, b) => a.order - b.order);
  return plan.log2 > 0 ? [sylvesterMatrix(plan.log2), ...dense] : dense;
}

const product = (factors: readonly SignMatrix[]): SignMatrix => factors.reduce(kronecker, sylvesterMatrix(0));

/** The orders of outer and inner: those whose sum, the multiply-adds a feature of two dense products, is smallest. */
function split(order: number): { readonly outer: Plan; readonly inner: Plan } {
  let best: { readonly outer: Plan; readonly inner: Plan; readonly key: readonly number[] } | undefined;
  for (const a of divisors(order)) {
    const b = order / a;
    const [outer, inner] = [planOf(a), planOf(b)];
    if (outer === undefined || inner === undefined) continue;
    // Equal sums: cheaper pieces, then Sylvester's matrix outside (its butterflies then run over contiguous lanes).
    const key = [a + b, outer.cost + inner.cost, outer.dense.length > 0 ? 1 : 0, a > b ? 1 : 0];
    if (best === undefined || lessThan(key, best.key)) best = { outer, inner, key };
  }
  return defined(best, `a split of order ${order}`);
}

function lessThan(a: readonly number[], b: readonly number[]): boolean {
  const first = a.findIndex((value, i) => value !== b[i]);
  return first >= 0 && (a[first] ?? 0) < (b[first] ?? 0);
}

/**
 * A Hadamard matrix of the given order: Sylvester's matrix in natural order for powers of two (inner.order = 2^⌈log₂(N)/2⌉),
 * else the Kronecker product of Sylvester, Paley I, Paley II and four-circulant matrices for which outer.order + inner.order is
 * smallest. Entries are functions of (row, column); tables are made when an entry is first read.
 *
 * @throws a usage error that names the nearest orders where no construction is known here.
 */
export function hadamardMatrix(order: number): HadamardMatrix {
  if (!isHadamardOrder(order)) {
    if (!Number.isSafeInteger(order) || order < 1 || order > largestHadamardOrder) {
      throw usageError('not the order of a Hadamard matrix', {
        expected: `an integer from 1 to ${largestHadamardOrder}`,
        received: String(order),
      });
    }
    const { below, above } = nearestHadamardOrders(order);
    throw usageError(`no Hadamard matrix of order ${order} ${order % 4 === 0 ? 'is known here' : 'exists'}`, {
      expected: '1, 2 or a multiple of 4 that a construction reaches',
      received: String(order),
      hint: `the nearest orders are ${below} and ${above}`,
    });
  }
  const { outer, inner } = split(order);
  const [outerMatrix, innerMatrix] = [product(pieces(outer)), product(pieces(inner))];
  const whole = kronecker(outerMatrix, innerMatrix);
  const factors = [...pieces(outer), ...pieces(inner)].reduce<readonly SignMatrix[]>((merged, factor) => {
    const last = merged[merged.length - 1];
    return last?.sylvester === true && factor.sylvester
      ? [...merged.slice(0, -1), kronecker(last, factor)]
      : [...merged, factor];
  }, []);
  return Object.freeze({
    order,
    construction: product(factors).construction,
    outer: outerMatrix,
    inner: innerMatrix,
    factors: Object.freeze(factors),
    sign: whole.sign,
  } satisfies HadamardMatrix);
}

/** Whether `hadamardMatrix` can make this order. */
export function isHadamardOrder(order: number): boolean {
  if (!Number.isSafeInteger(order) || order < 1 || order > largestHadamardOrder) return false;
  return planOf(order) !== undefined;
}

/** All orders up to and including the limit that `hadamardMatrix` can make, ascending. */
export function hadamardOrders(limit: number): readonly number[] {
  const orders = [1, 2].filter((order) => order <= limit);
  for (let order = 4; order <= Math.min(limit, largestHadamardOrder); order += 4) {
    if (isHadamardOrder(order)) orders.push(order);
  }
  return Object.freeze(orders);
}

/**
 * The largest order ≤ n and the smallest order ≥ n that `hadamardMatrix` can make (both n where it can make n).
 *
 * @throws a usage error where n is not an integer from 1 to 2^30.
 */
export function nearestHadamardOrders(n: number): { readonly below: number; readonly above: number } {
  if (!Number.isSafeInteger(n) || n < 1 || n > largestHadamardOrder) {
    throw usageError('no orders of Hadamard matrices near this number', {
      expected: `an integer from 1 to ${largestHadamardOrder}`,
      received: String(n),
    });
  }
  let below = n;
  while (!isHadamardOrder(below)) below--;
  let above = n;
  while (!isHadamardOrder(above)) above++;
  return Object.freeze({ below, above });
}
