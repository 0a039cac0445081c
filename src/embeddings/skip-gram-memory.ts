import { usageError } from '../core/errors.ts';
import { skipGramModule } from './skip-gram-module.ts';
import type { PairDescent } from './skip-gram.ts';

/** Both tables of skip-gram in memory that WebAssembly computes on and threads share. It can be sent to a worker. */
export interface SkipGramMemory {
  readonly memory: WebAssembly.Memory;
  /** V */
  readonly words: number;
  /** N */
  readonly size: number;
  /** K */
  readonly negatives: number;
  readonly workers: number;
}

interface SkipGramExports {
  readonly ownBytes: () => number;
  readonly descendPair: (
    input: number,
    table: number,
    targets: number,
    count: number,
    row: number,
    rate: number,
    sum: number,
  ) => number;
}

const pageBytes = 65536;
/** Rows are computed on 16 floats at a time, and filled up with zeros, which stay zeros. */
const rowStep = 64;

const rounded = (bytes: number): number => rowStep * Math.ceil(bytes / rowStep);

/** Where things lie, in bytes: the module's constants in the first page, then each worker's own memory, then the tables. */
function layoutOf({ words, size, negatives, workers }: Omit<SkipGramMemory, 'memory'>) {
  const row = rounded(4 * size);
  const own = rounded(4 * (1 + negatives)) + row;
  const vectors = pageBytes + workers * own;
  const context = vectors + words * row;
  return { row, own, vectors, context, end: context + words * row };
}

/**
 * Memory for V words of N numbers, all zero.
 *
 * @throws a usage error where that is more than the 4 GiB that WebAssembly reaches, or than there is.
 */
export function allocateSkipGram(shape: Omit<SkipGramMemory, 'memory'>): SkipGramMemory {
  const { end } = layoutOf(shape);
  const pages = Math.ceil(end / pageBytes);
  try {
    return { ...shape, memory: new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }) };
  } catch (cause) {
    throw usageError('two tables of word vectors do not fit in memory', {
      where: 'word2vec',
      expected: 'at most 4 GB',
      received: `2 × ${shape.words} words × ${shape.size} numbers × 4 bytes = ${(end / 1e9).toFixed(1)} GB`,
      hint: 'leave rare words out, or make the vectors shorter',
      cause,
    });
  }
}

/** Fills the input vectors with `next()`, row by row. */
export function fillVectors(tables: SkipGramMemory, next: () => number): void {
  const { row, vectors } = layoutOf(tables);
  for (let word = 0; word < tables.words; word++) {
    const at = new Float32Array(tables.memory.buffer, vectors + word * row, tables.size);
    for (let n = 0; n < at.length; n++) at[n] = next();
  }
}

/** A copy of a table `[V, N]` without what fills up its rows. */
export function copyTable(tables: SkipGramMemory, which: 'vectors' | 'context'): Float32Array {
  const { words, size, memory } = tables;
  const layout = layoutOf(tables);
  const copy = new Float32Array(words * size);
  for (let word = 0; word < words; word++) {
    copy.set(new Float32Array(memory.buffer, layout[which] + word * layout.row, size), word * size);
  }
  return copy;
}

let compiled: WebAssembly.Module | undefined;

/** The step on pairs of words for one worker, `worker` from 0. Nothing is shared between workers but the tables. */
export function openDescent(tables: SkipGramMemory, worker: number): PairDescent {
  compiled ??= new WebAssembly.Module(Buffer.from(skipGramModule, 'base64'));
  const { memory, negatives } = tables;
  const instance = new WebAssembly.Instance(compiled, { env: { memory } });
  const { descendPair } = instance.exports as unknown as SkipGramExports;
  const { row, own, vectors, context } = layoutOf(tables);
  const targets = pageBytes + worker * own;
  const sum = targets + own - row;
  return {
    targets: new Int32Array(memory.buffer, targets, 1 + negatives),
    descend: (input, count, rate) => descendPair(vectors + input * row, context, targets, count, row, rate, sum),
  };
}
