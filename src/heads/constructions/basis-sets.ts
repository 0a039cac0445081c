import { hadamardMatrix } from './hadamard-matrix.ts';
import {
  blockDiagonals,
  coherenceRisk,
  identityDiagonal,
  randomDiagonals,
  signDiagonalFamilies,
  signDiagonals,
  type SignDiagonals,
} from './sign-diagonals.ts';

/** Seed of random signs where no proven family does better: one fixed set, so that a head is the same everywhere. */
const SIGN_SEED = 0;

const isPowerOfTwo = (order: number): boolean => Number.isInteger(Math.log2(order));

/** The largest power of two that the matrix of this order begins with, as a Kronecker factor. */
function sylvesterPart(order: number): number {
  const [first] = hadamardMatrix(order).factors;
  return first?.sylvester === true ? first.order : 1;
}

/** How many random bases of an order differ with probability 1 − 10⁻⁶: as long as Hoeffding's bound on their coherence stays below 1. */
function mostRandom(order: number): number {
  const pairs = (Math.exp(order / 2) * coherenceRisk) / 2;
  return Math.max(1, Math.min(2 ** 31, Math.floor(Math.sqrt(2 * pairs) / order)));
}

/** The proven sets of bases of an order, least coherence first. Off the powers of two they are those of its Sylvester factor. */
export function provenSets(order: number): readonly { readonly bases: number; readonly coherence: number }[] {
  return signDiagonalFamilies(isPowerOfTwo(order) ? order : sylvesterPart(order)).filter(({ bases }) => bases > 1);
}

/** How many bases an order offers, by proven families or by random signs. */
export function mostBases(order: number): number {
  const proven = Math.max(1, ...provenSets(order).map(({ bases }) => bases));
  return isPowerOfTwo(order) ? proven : Math.max(proven, mostRandom(order));
}

/**
 * Sign diagonals for at least `bases` bases of an order, of the least coherence that we know: a family of its own for powers of two;
 * otherwise that of the Sylvester factor repeated, or random signs, whichever is smaller.
 */
export function basisSet(order: number, bases: number): SignDiagonals {
  if (bases === 1) return identityDiagonal(order);
  if (isPowerOfTwo(order)) return signDiagonals(order, bases);
  const part = sylvesterPart(order);
  const repeats = provenSets(order).some((set) => set.bases >= bases);
  const random = randomDiagonals(order, bases, SIGN_SEED);
  const repeated = repeats ? blockDiagonals(signDiagonals(part, bases), order / part) : undefined;
  return repeated !== undefined && repeated.coherence <= random.coherence ? repeated : random;
}
