/** Rows of a matrix that are equal to another row, number by number. */
export interface RepeatedRows {
  /** How many different rows there are. */
  readonly distinct: number;
  /** The first pairs of equal rows, in order of the later one. */
  readonly pairs: readonly (readonly [earlier: number, later: number])[];
  /** d where every row that repeats one repeats the one d places before it: what cutting columns off a larger matrix gives. */
  readonly period: number | undefined;
}

const SHOWN_PAIRS = 5;

/**
 * Finds the equal rows of `[count, features]`, by their bits. Rows are compared where a hash of them agrees (FNV-1a over whole words), so a
 * collision costs time and never gives a wrong answer.
 */
export function repeatedRows(rows: Float32Array, features: number): RepeatedRows {
  const count = rows.length / features;
  const words = new Int32Array(rows.buffer, rows.byteOffset, rows.length);
  const known = new Map<number, number[]>();
  const latest = new Map<number, number>();
  const pairs: [number, number][] = [];
  const distances = new Set<number>();
  let repeats = 0;
  for (let row = 0; row < count; row++) {
    const hash = hashOf(words, row * features, features);
    const candidates = known.get(hash) ?? [];
    const original = candidates.find((other) => equal(words, other * features, row * features, features));
    if (original === undefined) {
      candidates.push(row);
      known.set(hash, candidates);
      continue;
    }
    repeats++;
    distances.add(row - (latest.get(original) ?? original));
    latest.set(original, row);
    if (pairs.length < SHOWN_PAIRS) pairs.push([original, row]);
  }
  const [distance] = distances;
  return Object.freeze({ distinct: count - repeats, pairs, period: distances.size === 1 ? distance : undefined });
}

/** FNV-1a, with a shift so that high bits reach low ones. */
function hashOf(words: Int32Array, start: number, length: number): number {
  let hash = 0x811c9dc5;
  for (let k = start; k < start + length; k++) {
    hash = Math.imul(hash ^ (words[k] ?? 0), 0x01000193);
    hash ^= hash >>> 15;
  }
  return hash;
}

function equal(words: Int32Array, a: number, b: number, length: number): boolean {
  for (let k = 0; k < length; k++) if (words[a + k] !== words[b + k]) return false;
  return true;
}
