import { usageError } from '../core/errors.ts';
import {
  evenForms,
  expandFormWords,
  formWordsOf,
  largestFormExponent,
  oddForms,
  type FormSet,
} from '../heads/constructions/quadratic-forms.ts';
import { lengthOf, type ResolvedDescription } from './description.ts';

/** Families of sign diagonals that are generated, not stored. */
export type SignFamily = 'identity' | 'kerdock' | 'gold' | 'delsarte-goethals';

/** The sign vectors of 128 entries: four words, one for each lane. */
const GROUP = 128;

/** Bytes of one diagonal in the form that the transform reads. */
export const signBytesOf = (order: number): number => (Math.ceil(order / GROUP) * GROUP) / 8;

/**
 * Packed signs (least significant bit first) of `order` entries as sign vectors: entry i = 128g + 4j + l is bit 31 − j of word 4g + l, so
 * that one shift and one AND give the sign bits of four neighbours. Adds them to `words`, which are 0.
 */
function addSignVectors(packed: Uint8Array, order: number, words: Uint32Array): void {
  for (let i = 0; i < order; i++) {
    if ((((packed[i >> 3] ?? 0) >> (i & 7)) & 1) === 0) continue;
    const at = ((i >> 7) << 2) | (i & 3);
    words[at] = (words[at] ?? 0) | (0x80000000 >>> ((i >> 2) & 31));
  }
}

/** The orders at which a family has diagonals, for people and as a test of log₂(order). */
const familyOrders = {
  kerdock: { words: 'a power of 4 up to 65536', has: (exponent: number) => exponent % 2 === 0 && exponent >= 2 },
  gold: { words: '2·4^k from 8 to 32768', has: (exponent: number) => exponent % 2 === 1 && exponent >= 3 },
  'delsarte-goethals': { words: 'a power of 2 from 16 to 65536', has: (exponent: number) => exponent >= 4 },
} as const;

const legalDiagonals = ['identity', ...Object.keys(familyOrders), 'given'];

/** The forms of a family with at least so many diagonals. */
function formsOf(family: Exclude<SignFamily, 'identity'>, order: number, bases: number): FormSet {
  const exponent = Math.log2(order);
  const { words, has } = familyOrders[family];
  if (!Number.isInteger(exponent) || exponent > largestFormExponent || !has(exponent)) {
    throw usageError(`there are no ${family} diagonals of this order`, {
      where: 'order',
      expected: words,
      received: String(order),
      hint: 'diagonals given takes signs for any order',
    });
  }
  const even = exponent % 2 === 0;
  const deepest = family === 'delsarte-goethals' ? exponent >> 1 : 1;
  const forms = (depth: number): FormSet => (even ? evenForms(exponent, depth) : oddForms(exponent, depth));
  let depth = family === 'delsarte-goethals' ? 2 : 1;
  while (depth < deepest && forms(depth).count < bases) depth++;
  const set = forms(depth);
  if (set.count >= bases) return set;
  throw usageError(`too many ${family} diagonals`, {
    where: 'bases',
    expected: `at most ${set.count} of order ${order}`,
    received: String(bases),
    hint: family === 'delsarte-goethals' ? 'a larger order has more' : 'delsarte-goethals has more bases',
  });
}

/** The diagonals of a head, `signBytesOf(order)` bytes each. @throws a usage error where the family has too few. */
export function signVectors({ diagonals, order, bases, signs }: ResolvedDescription): Uint32Array {
  const wordsEach = signBytesOf(order) / 4;
  const all = new Uint32Array(bases * wordsEach);
  const each = (packedOf: (basis: number) => Uint8Array): Uint32Array => {
    for (let basis = 0; basis < bases; basis++)
      addSignVectors(packedOf(basis), order, all.subarray(basis * wordsEach, (basis + 1) * wordsEach));
    return all;
  };
  switch (diagonals) {
    case 'identity':
      return all;
    case 'given': {
      const bytes = Math.ceil(order / 8);
      if (!(signs instanceof Uint8Array) || signs.length !== bases * bytes) {
        throw usageError('wrong length', {
          where: 'signs',
          expected: `a Uint8Array of ${bases * bytes}: ${bases} bases of ${bytes} bytes`,
          received: lengthOf(signs),
        });
      }
      return each((basis) => signs.subarray(basis * bytes, (basis + 1) * bytes));
    }
    case 'kerdock':
    case 'gold':
    case 'delsarte-goethals': {
      const forms = formsOf(diagonals, order, bases);
      return each((basis) => expandFormWords(formWordsOf(forms, basis)));
    }
    default:
      diagonals satisfies never;
      throw usageError('unknown diagonals', {
        where: 'diagonals',
        received: String(diagonals),
        legal: legalDiagonals,
      });
  }
}
