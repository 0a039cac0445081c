import { checkedBasis, checkedIndex, checkedPositive, type SignDiagonals } from './diagonal-set.ts';

/**
 * D_a ⊗ I: every entry of the diagonals repeated `block` times.
 *
 * With H = S ⊗ P, S Sylvester's matrix of the order of D_a and P any Hadamard matrix of order `block`, row (i, k) of H·(D_a ⊗ I) and row (j, l) of
 * H·(D_b ⊗ I) have the cosine of rows i of S·D_a and j of S·D_b where k = l, and 0 elsewhere: so the coherence of the D_a, proved, at orders that
 * are no power of two (768 = 64·12: 1/8).
 *
 * @throws a usage error where `block` is not a positive integer.
 */
export function blockDiagonals(diagonals: SignDiagonals, block: number): SignDiagonals {
  if (checkedPositive(block, 'block size') === 1) return diagonals;
  const { bases } = diagonals;
  const order = diagonals.order * block;
  return Object.freeze({
    ...diagonals,
    order,
    negative: (basis, index) =>
      diagonals.negative(checkedBasis(basis, bases), Math.floor(checkedIndex(index, order) / block)),
    packed: (basis) => {
      const short = diagonals.packed(basis);
      const bits = new Uint8Array(Math.ceil(order / 8));
      for (let i = 0; i < order; i++) {
        const from = Math.floor(i / block);
        const bit = ((short[from >> 3] ?? 0) >> (from & 7)) & 1;
        bits[i >> 3] = (bits[i >> 3] ?? 0) | (bit << (i & 7));
      }
      return bits;
    },
    formWords: undefined,
  } satisfies SignDiagonals);
}
