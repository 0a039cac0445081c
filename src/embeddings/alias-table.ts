import { usageError } from '../core/errors.ts';
import type { RandomStream } from '../core/random.ts';

/**
 * A discrete distribution that is drawn from in constant time: column i, chosen uniformly, gives i with the probability
 * `stay[i]` and `other[i]` else.
 */
export interface AliasTable {
  /** `[n]` */
  readonly stay: Float64Array;
  /** `[n]` */
  readonly other: Int32Array;
}

/**
 * The alias table of P(i) = w_i / Σ_j w_j, in O(n) (Walker 1977; built as Vose 1991 does).
 *
 * @param weights `[n]`: w_i ≥ 0, finite, not all zero.
 * @throws a usage error where there is nothing to draw.
 */
export function aliasTable(weights: Float64Array): AliasTable {
  const count = weights.length;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (!(total > 0 && total < Infinity) || weights.some((weight) => weight < 0)) {
    throw usageError('nothing to draw from', {
      where: 'weights of words',
      expected: 'finite weights of 0 or more with a positive sum',
      received: `${count} weights with the sum ${total}`,
    });
  }
  // Each column holds 1; a word with more than that fills up the columns of those with less.
  const stay = weights.map((weight) => (weight * count) / total);
  const other = Int32Array.from({ length: count }, (_, index) => index);
  const small: number[] = [];
  const large: number[] = [];
  stay.forEach((share, index) => (share < 1 ? small : large).push(index));
  while (small.length > 0 && large.length > 0) {
    const less = small.pop() ?? 0;
    const more = large[large.length - 1] ?? 0;
    other[less] = more;
    const left = (stay[more] ?? 0) - (1 - (stay[less] ?? 0));
    stay[more] = left;
    if (left < 1) small.push(large.pop() ?? 0);
  }
  // What is left differs from 1 by rounding only.
  for (const index of [...small, ...large]) stay[index] = 1;
  return Object.freeze({ stay, other });
}

/** One draw: two numbers of the stream. */
export function drawAlias({ stay, other }: AliasTable, random: RandomStream): number {
  const column = Math.floor(random.uniform() * stay.length);
  return random.uniform() < (stay[column] ?? 1) ? column : (other[column] ?? column);
}
