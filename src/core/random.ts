import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { randomNormal } from 'd3-random';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/**
 * A stream of random numbers that is a pure function of its key.
 *
 * Nothing in fixhead keeps hidden generator state: every use names (seed, purpose, epoch, index, ...), so an interrupted
 * run continues with the same numbers and any number of workers draws the same ones.
 */
export interface RandomStream {
  /** A uniform number in [0, 1) with 32 random bits. */
  readonly uniform: () => number;
  /** A standard normal number. */
  readonly normal: () => number;
  /** A uniform integer in [0, limit), limit ≤ 2^32. */
  readonly integer: (limit: number) => number;
}

/** A part of a key with its type; a string's own separators are escaped, so that no two keys are written alike. */
function encoded(part: number | string): string {
  return typeof part === 'string' ? `string:${part.replace(/[\\/]/g, '\\$&')}` : `number:${part}`;
}

/**
 * The stream for a key such as `(seed, 'shuffle', epoch)`.
 *
 * The key is hashed with SHA-256 (keys that differ anywhere give independent streams) into the 128-bit state of a
 * xoroshiro128+ generator (Blackman & Vigna 2018).
 */
export function randomStream(...key: readonly (number | string)[]): RandomStream {
  const digest = sha256(utf8ToBytes(key.map(encoded).join('/')));
  const words = new DataView(digest.buffer, digest.byteOffset, 16);
  // The all-zero state is the generator's only bad one; a set bit excludes it.
  const state = [words.getInt32(0) | 1, words.getInt32(4), words.getInt32(8), words.getInt32(12)];
  const generator = xoroshiro128plusFromState(state);
  const uniform = (): number => (generator.next() >>> 0) / 2 ** 32;
  const integer = (limit: number): number => uniformInt(generator, 0, limit - 1);
  return Object.freeze({ uniform, normal: randomNormal.source(uniform)(0, 1), integer });
}

/** A permutation of 0 … count−1 (Fisher–Yates). */
export function permutation(count: number, random: RandomStream): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = random.integer(last + 1);
    const moved = order[last] ?? 0;
    order[last] = order[other] ?? 0;
    order[other] = moved;
  }
  return order;
}
