/** A record of which rows of a growing matrix are different. */
export interface DistinctRows {
  /** The earlier row that equals row `index`; `undefined` where it is new, which records it. */
  readonly add: (index: number) => number | undefined;
  /** Whether the negative of some recorded row is recorded too. */
  readonly hasNegatives: () => boolean;
}

/**
 * Tells different rows of `[count, features]` apart, exactly and in time proportional to their number: rows are compared where a hash
 * of them agrees (FNV-1a over their entries; https://datatracker.ietf.org/doc/draft-eastlake-fnv/).
 */
export function distinctRows(rows: Int8Array | Float32Array, features: number): DistinctRows {
  // As bits: rows of equal numbers have equal bits, but for −0, which no unit vector drawn here needs to tell from 0.
  const words = rows instanceof Int8Array ? rows : new Int32Array(rows.buffer, rows.byteOffset, rows.length);
  const flip = (word: number): number => (rows instanceof Int8Array ? -word : word ^ 0x80000000);
  const buckets = new Map<number, number[]>();

  const hash = (index: number, negated: boolean): number => {
    let value = 0x811c9dc5;
    for (let k = index * features; k < (index + 1) * features; k++) {
      const word = words[k] ?? 0;
      value = Math.imul(value ^ (negated ? flip(word) : word), 0x01000193);
      value ^= value >>> 15;
    }
    return value;
  };
  const equal = (a: number, b: number, negated: boolean): boolean => {
    for (let k = 0; k < features; k++) {
      const word = words[a * features + k] ?? 0;
      if ((negated ? flip(word) : word) !== (words[b * features + k] ?? 0)) return false;
    }
    return true;
  };
  return {
    add: (index) => {
      const key = hash(index, false);
      const bucket = buckets.get(key) ?? [];
      const earlier = bucket.find((other) => equal(index, other, false));
      if (earlier === undefined) buckets.set(key, [...bucket, index]);
      return earlier;
    },
    hasNegatives: () =>
      [...buckets.values()].some((bucket) =>
        bucket.some((index) => (buckets.get(hash(index, true)) ?? []).some((other) => equal(index, other, true))),
      ),
  };
}
