import { randomStream } from '../../core/random.ts';
import { checkedBasis, checkedIndex, checkedPositive, type SignDiagonals } from './diagonal-set.ts';

/** The probability that a random set may exceed its stated coherence. */
export const coherenceRisk = 1e-6;

/**
 * Random ±1 diagonals D₁ … of any order N beside D₀ = identity, each a pure function of (seed, N, basis).
 *
 * The inner product of a row of H·D_a/√N and a row of H·D_b/√N, a ≠ b, is the mean of N independent signs, so by Hoeffding's inequality it exceeds
 * t in size with probability at most 2·exp(−N·t²/2). Over all K = bases·(bases − 1)/2·N² pairs of such rows (union bound) the coherence is at
 * most t = √(2/N·ln(2·K/δ)) with probability ≥ 1 − δ, δ = 10⁻⁶: that t, or 1 where it exceeds 1 and so promises nothing.
 *
 * @throws a usage error where order or bases is not a positive integer.
 */
export function randomDiagonals(order: number, bases: number, seed: number): SignDiagonals {
  checkedPositive(order, 'order of diagonals');
  checkedPositive(bases, 'number of bases');
  const generate = (basis: number): Uint8Array => {
    const bits = new Uint8Array(Math.ceil(order / 8));
    if (basis === 0) return bits;
    const random = randomStream(seed, 'sign diagonal', order, basis);
    for (let word = 0; word * 32 < order; word++) {
      const drawn = random.integer(2 ** 32);
      for (let byte = 0; byte < 4 && word * 4 + byte < bits.length; byte++) {
        bits[word * 4 + byte] = (drawn >>> (8 * byte)) & 0xff;
      }
    }
    const last = bits.length - 1;
    bits[last] = (bits[last] ?? 0) & (0xff >>> (bits.length * 8 - order));
    return bits;
  };
  // Readers go through one basis after the other: the last one is kept.
  let kept = { basis: 0, bits: generate(0) };
  const bitsOf = (basis: number): Uint8Array => {
    if (kept.basis !== checkedBasis(basis, bases)) kept = { basis, bits: generate(basis) };
    return kept.bits;
  };
  const pairs = ((bases * (bases - 1)) / 2) * order ** 2;
  return Object.freeze({
    family: 'random',
    order,
    bases,
    coherence: bases === 1 ? 0 : Math.min(1, Math.sqrt((2 / order) * Math.log((2 * pairs) / coherenceRisk))),
    certain: bases === 1,
    negative: (basis, index) => (((bitsOf(basis)[checkedIndex(index, order) >> 3] ?? 0) >> (index & 7)) & 1) === 1,
    packed: (basis) => bitsOf(basis).slice(),
    formWords: undefined,
  } satisfies SignDiagonals);
}
