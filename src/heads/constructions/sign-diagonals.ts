import { usageError } from '../../core/errors.ts';
import {
  checkedBasis,
  checkedIndex,
  checkedPositive,
  type DiagonalFamily,
  type DiagonalFamilySummary,
  type SignDiagonals,
} from './diagonal-set.ts';
import {
  evenForms,
  expandFormWords,
  formWordsOf,
  largestFormExponent,
  oddForms,
  type FormSet,
} from './quadratic-forms.ts';

export type { DiagonalFamily, DiagonalFamilySummary, SignDiagonals } from './diagonal-set.ts';
export { blockDiagonals } from './block-diagonals.ts';
export { expandFormWords } from './quadratic-forms.ts';
export { coherenceRisk, randomDiagonals } from './random-diagonals.ts';

/**
 * D₀ = identity alone: one basis of any order.
 *
 * @throws a usage error where the order is not a positive integer.
 */
export function identityDiagonal(order: number): SignDiagonals {
  const exponent = Math.log2(checkedPositive(order, 'order of diagonals'));
  const zeros = <T>(basis: number, make: () => T): T => {
    checkedBasis(basis, 1);
    return make();
  };
  return Object.freeze({
    family: 'identity',
    order,
    bases: 1,
    coherence: 0,
    certain: true,
    negative: (basis, index) => zeros(basis, () => checkedIndex(index, order) < 0),
    packed: (basis) => zeros(basis, () => new Uint8Array(Math.ceil(order / 8))),
    formWords: Number.isInteger(exponent) ? (basis) => zeros(basis, () => new Uint32Array(exponent)) : undefined,
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
  yield identityDiagonal(order);
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
  checkedPositive(bases, 'number of bases');
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
