import { usageError } from '../../core/errors.ts';

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

/** The argument, where it is a positive integer. */
export function checkedPositive(value: number, what: string): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw usageError(`not a possible ${what}`, { expected: 'a positive integer', received: String(value) });
}
