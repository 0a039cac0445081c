import { setImmediate } from 'node:timers/promises';
import { usageError } from '../core/errors.ts';
import type { TokenStream } from './embedding.ts';
import { startsOf, type SparseMatrix } from './sparse.ts';

/**
 * What a pair of words at distance d ≤ L counts: `linear` 1 − (d − 1)/L, which is what word2vec counts on average when it
 * draws each window's reach uniformly from 1 … L; `flat` 1.
 */
export type WindowWeights = 'linear' | 'flat';

/** How words near each other are counted. */
export interface CooccurrenceOptions {
  /** L ≥ 1: how far a context word may be, on either side. */
  readonly window: number;
  readonly weights: WindowWeights;
  readonly signal?: AbortSignal;
  /** Called now and then with the tokens counted so far and their total. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** After so many tokens others get a turn: some tens of milliseconds. */
const BREATH = 1 << 17;

/**
 * How often each word has each other word beside it: the symmetric `[V, V]` matrix of #(w, c), each the sum of the weights of
 * all pairs of places that hold w and c, at most L apart, with no line end strictly between them. So a line end is the
 * neighbour of the words around it and nothing reaches over it.
 *
 * Places are sorted by their word first (a counting sort), then each row is summed by itself in one dense vector of V numbers:
 * no pair is ever stored, and memory is the tokens (4 bytes each), a few vectors of V and the result (8 bytes an entry).
 * Weights are summed as whole numbers L − (d − 1) in float64 and divided once, so the counts do not depend on an order of summation;
 * they are stored in float32, exact up to 2²⁴.
 *
 * @throws a usage error for a window that is not a whole number ≥ 1; whatever `signal` was aborted with.
 */
export async function cooccurrences(
  { ids, words, boundary }: TokenStream,
  { window, weights, signal, onProgress }: CooccurrenceOptions,
): Promise<SparseMatrix> {
  if (!Number.isInteger(window) || window < 1) {
    throw usageError('not a window', { expected: 'a whole number of words ≥ 1', received: String(window) });
  }
  const places = placesByWord(ids, words.length);
  const unit = Float64Array.from({ length: window + 1 }, (_, d) => (weights === 'linear' ? window - d + 1 : 1));
  const divisor = weights === 'linear' ? window : 1;
  const sums = new Float64Array(words.length);
  const touched = new Int32Array(words.length);
  const starts = new Float64Array(words.length + 1);
  let columnOf = new Int32Array(1024);
  let values = new Float32Array(1024);
  let entries = 0;
  let breath = 0;
  for (let word = 0; word < words.length; word++) {
    const end = places.starts[word + 1] ?? 0;
    let distinct = 0;
    for (let at = places.starts[word] ?? 0; at < end; at++) {
      const place = places.order[at] ?? 0;
      for (let step = -1; step <= 1; step += 2) {
        for (let distance = 1; distance <= window; distance++) {
          const context = ids[place + step * distance];
          if (context === undefined) break;
          const before = sums[context] ?? 0;
          if (before === 0) touched[distinct++] = context;
          sums[context] = before + (unit[distance] ?? 0);
          if (context === boundary) break;
        }
      }
      if (++breath % BREATH === 0) {
        onProgress?.(breath, ids.length);
        await setImmediate();
        signal?.throwIfAborted();
      }
    }
    if (entries + distinct > values.length) {
      const room = Math.max(2 * values.length, entries + distinct);
      columnOf = enlarged(columnOf, new Int32Array(room));
      values = enlarged(values, new Float32Array(room));
    }
    for (const context of touched.subarray(0, distinct).sort()) {
      columnOf[entries] = context;
      values[entries++] = (sums[context] ?? 0) / divisor;
      sums[context] = 0;
    }
    starts[word + 1] = entries;
  }
  return Object.freeze({
    rows: words.length,
    columns: words.length,
    starts,
    columnOf: columnOf.slice(0, entries),
    values: values.slice(0, entries),
  });
}

/** The places of each word, in order: those of word w are `order[starts[w]]` to `order[starts[w + 1] − 1]`. */
function placesByWord(ids: Int32Array, words: number): { order: Int32Array; starts: Float64Array } {
  const starts = startsOf(ids, words);
  const next = starts.slice();
  const order = new Int32Array(ids.length);
  ids.forEach((id, place) => {
    const at = next[id] ?? 0;
    order[at] = place;
    next[id] = at + 1;
  });
  return { order, starts };
}

function enlarged<T extends Int32Array | Float32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
