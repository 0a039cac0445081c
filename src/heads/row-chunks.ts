import { sizeOf } from '../core/shape.ts';
import { staticShapeOf, type Builder, type Value } from '../graph/builder.ts';
import { concat, reshape, slice } from '../graph/functions.ts';

/** Rows `first` to `end` − 1 of a batch. */
export interface RowChunk {
  readonly first: number;
  readonly end: number;
}

/** A runtime's time to load a graph grows with its nodes. */
export const MOST_CHUNKS = 128;

/** A batch in as few chunks of about equal size as have at most so many rows each, but at most {@link MOST_CHUNKS}. */
export function rowChunks(batch: number, rows: number): readonly RowChunk[] {
  const count = Math.min(MOST_CHUNKS, Math.ceil(batch / Math.max(1, Math.floor(rows))));
  const start = (index: number): number => Math.floor((index * batch) / count);
  return Array.from({ length: count }, (_, index) => ({ first: start(index), end: start(index + 1) }));
}

/** The chunk's rows of x `[batch, …]`; no node where it is all of them. */
export function rowsIn(b: Builder, x: Value, { first, end }: RowChunk): Value {
  return first === 0 && end === staticShapeOf(x)[0] ? x : slice(b, x, 0, first, end);
}

/**
 * x, once all the other values are known. What reads it then starts when they are done with, so that a runtime that orders nodes
 * as it likes holds no two chunks at a time.
 */
export function after(b: Builder, x: Value, others: readonly Value[]): Value {
  if (others.length === 0) return x;
  const firsts = others.map((other) => slice(b, reshape(b, other, [sizeOf(staticShapeOf(other))]), 0, 0, 1));
  return b.op('Recompute', [x, concat(b, firsts, 0)], {});
}
