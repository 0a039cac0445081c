import { distinctRows } from './distinct-rows.ts';

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

/** Finds the equal rows of `[count, features]`, by their bits. */
export function repeatedRows(rows: Float32Array, features: number): RepeatedRows {
  const count = rows.length / features;
  const known = distinctRows(rows, features);
  const latest = new Map<number, number>();
  const pairs: [number, number][] = [];
  const distances = new Set<number>();
  let repeats = 0;
  for (let row = 0; row < count; row++) {
    const original = known.add(row);
    if (original === undefined) continue;
    repeats++;
    distances.add(row - (latest.get(original) ?? original));
    latest.set(original, row);
    if (pairs.length < SHOWN_PAIRS) pairs.push([original, row]);
  }
  const [distance] = distances;
  return Object.freeze({ distinct: count - repeats, pairs, period: distances.size === 1 ? distance : undefined });
}
