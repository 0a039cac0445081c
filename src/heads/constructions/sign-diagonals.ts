import { usageError } from '../../core/errors.ts';
import {
  evenForms,
  expandFormWords,
  formWordsOf,
  largestFormExponent,
  oddForms,
  type FormSet,
} from './quadratic-forms.ts';

export { expandFormWords } from './quadratic-forms.ts';
export { coherenceRisk, randomDiagonals } from './random-diagonals.ts';

/** The families of sign diagonals, from one basis to as many as are wanted. */
export type DiagonalFamily = 'identity' | 'kerdock' | 'gold' | 'delsarte-goethals' | 'random';

/** ±1 diagonals D₀ = identity, D₁, … of order N: the rows of H·D_a, H Sylvester's matrix, make `bases` orthogonal bases. */
export interface SignDiagonals {
  readonly family: DiagonalFamily;
  readonly order: number;
  /** How many there are. */
  readonly bases: number;
  /** Largest |cos| between a row of H·D_a and a row of H·D_b, a ≠ b (0 where there is one basis). */
  readonly coherence: number;
  /** Whether the coherence is proved; else it holds with probability ≥ 1 − 10⁻⁶ over the seeds. */
  readonly certain: boolean;
  /** Whether entry `index` of D_basis is −1. @throws a usage error outside the ranges 0 … bases−1, 0 … order−1. */
  readonly negative: (basis: number, index: number) => boolean;
  /** A diagonal as ⌈order/8⌉ bytes of its own: bit index mod 8 (least significant first) of byte index div 8 is set where the entry is −1. */
  readonly packed: (basis: number) => Uint8Array;
  /**
   * A diagonal as m = log₂(order) words R₀ … R_{m−1}, where its entries are (−1)^Q(x) of a quadratic form Q; else undefined.
   * Q(0) = 0, and for j = 0 … m−1 and x < 2^j, Q(x + 2^j) = Q(x) + parity(x AND R_j) + bit j of R_j (modulo 2);
   * `expandFormWords` does this.
   */
  readonly formWords: ((basis: number) => Uint32Array) | undefined;
}

/** What a family offers at one order. */
export type DiagonalFamilySummary = Pick<SignDiagonals, 'family' | 'bases' | 'coherence'>;

/** The argument, where it is a basis. */
export function checkedBasis(basis: number, bases: number): number {
  if (Number.isSafeInteger(basis) && basis >= 0 && basis < bases) return basis;
  throw usageError('no such basis', { expected: `an integer from 0 to ${bases - 1}`, received: String(basis) });
}

/** The argument, where it is the index of an entry. */
export function checkedIndex(index: number, order: number): number {
  if (Number.isSafeInteger(index) && index >= 0 && index < order) return index;
  throw usageError('no such entry of a diagonal', {
    expected: `an integer from 0 to ${order - 1}`,
    received: String(index),
  });
}

function identity(order: number): SignDiagonals {
  const exponent = Math.log2(order);
  return Object.freeze({
    family: 'identity',
    order,
    bases: 1,
    coherence: 0,
    certain: true,
    negative: (basis, index) => {
      checkedBasis(basis, 1);
      checkedIndex(index, order);
      return false;
    },
    packed: (basis) => new Uint8Array(Math.ceil(order / 8) + 0 * checkedBasis(basis, 1)),
    formWords: Number.isInteger(exponent)
      ? (basis) => new Uint32Array(exponent + 0 * checkedBasis(basis, 1))
      : undefined,
  } satisfies SignDiagonals);
}

function fromForms(family: DiagonalFamily, forms: FormSet): SignDiagonals {
  const { exponent, count, coherence, isOne } = forms;
  const order = 2 ** exponent;
  const formWords = (basis: number): Uint32Array => formWordsOf(forms, checkedBasis(basis, count));
  return Object.freeze({
    family,
    order,
    bases: count,
    coherence,
    certain: true,
    negative: (basis, index) => isOne(checkedBasis(basis, count), checkedIndex(index, order)),
    packed: (basis) => expandFormWords(formWords(basis)),
    formWords,
  } satisfies SignDiagonals);
}

/** All families at one order, by ascending coherence and number of bases. */
function* families(order: number): Generator<SignDiagonals> {
  if (!Number.isSafeInteger(order) || order < 1) {
    throw usageError('not a possible order of diagonals', {
      expected: 'a positive integer',
      received: String(order),
    });
  }
  yield identity(order);
  const exponent = Math.log2(order);
  if (!Number.isInteger(exponent) || exponent > largestFormExponent) return;
  const even = exponent % 2 === 0;
  for (let depth = 1; depth <= Math.floor((even ? exponent : exponent - 1) / 2); depth++) {
    const forms = even ? evenForms(exponent, depth) : oddForms(exponent, depth);
    // Class numbers, basis·order + row, stay exact integers.
    if (forms.count * order > Number.MAX_SAFE_INTEGER) return;
    yield fromForms(depth > 1 ? 'delsarte-goethals' : even ? 'kerdock' : 'gold', forms);
  }
}

/**
 * What there is at this order: one basis at any order; for powers of two from 4 to 2^16 also Kerdock (4^k) or Gold (2·4^k) and the
 * Delsarte–Goethals sets above them.
 *
 * @throws a usage error where the order is not a positive integer.
 */
export function signDiagonalFamilies(order: number): readonly DiagonalFamilySummary[] {
  return Object.freeze(
    [...families(order)].map(({ family, bases, coherence }) => Object.freeze({ family, bases, coherence })),
  );
}

/**
 * The family of least coherence with at least `bases` diagonals of this order:
 *
 * | order N | family | bases | coherence |
 * |---|---|---|---|
 * | any | identity | 1 | 0 |
 * | 4^k | Kerdock | N/2 | 1/√N |
 * | 2·4^k ≥ 8 | Gold | N | √(2/N) |
 * | 4^k, 2 ≤ r ≤ k | Delsarte–Goethals | (N/2)^r | 2^(r−1)/√N |
 * | 2·4^k, 2 ≤ r ≤ k | Delsarte–Goethals | N^r | √(2^(2r−1)/N) |
 *
 * @throws a usage error where no family has so many; `randomDiagonals` takes any number.
 */
export function signDiagonals(order: number, bases: number): SignDiagonals {
  if (!Number.isSafeInteger(bases) || bases < 1) {
    throw usageError('not a possible number of bases', { expected: 'a positive integer', received: String(bases) });
  }
  let largest = 1;
  for (const candidate of families(order)) {
    if (candidate.bases >= bases) return candidate;
    largest = candidate.bases;
  }
  throw usageError(`too many bases of order ${order}`, {
    expected: `at most ${largest}`,
    received: String(bases),
    hint:
      largest === 1
        ? 'sets of bases are known for powers of two from 4 to 65536; random diagonals exist for every order'
        : 'a larger order has more; random diagonals take any number',
  });
}
