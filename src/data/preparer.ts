import type { Batch } from './dataset.ts';
import { openFileReader } from './encoded/read-file.ts';
import { prepareEncodedBatch } from './encoded/prepare-encoded.ts';
import { prepareBatch, type BatchRecipe } from './prepare-batch.ts';

/** A batch with what its preparation took. */
export interface PreparedBatch extends Batch {
  /** For which the thread (and the decoder's threads) worked on it. */
  readonly milliseconds: number;
  /** Places, in the table of files, of images that could not be decoded. */
  readonly unreadable: readonly number[];
}

/** Prepares batches one after the other. */
export interface Preparer extends AsyncDisposable {
  readonly prepare: (epoch: number, indices: Uint32Array, into?: Float32Array) => Promise<PreparedBatch>;
}

/** Prepares batches of any kind of set on this thread; encoded images by the decoder's threads, which node shares with all others. */
export function openPreparer(recipe: BatchRecipe): Preparer {
  let last: Promise<unknown> = Promise.resolve();
  // Two batches at once would only take each other's threads, and make every one late.
  const inTurn = async (work: () => Promise<Omit<PreparedBatch, 'milliseconds'>>): Promise<PreparedBatch> => {
    const before = last;
    const turn = (async () => {
      await before.catch(() => undefined);
      const started = performance.now();
      const batch = await work();
      return { ...batch, milliseconds: performance.now() - started };
    })();
    last = turn;
    return await turn;
  };
  const { set } = recipe;
  if (set.kind === 'encoded') {
    const encoded = { ...recipe, set };
    const reader = openFileReader(set.files);
    return Object.freeze({
      prepare: (epoch: number, indices: Uint32Array, into?: Float32Array) =>
        inTurn(() => prepareEncodedBatch(encoded, reader, epoch, indices, into)),
      [Symbol.asyncDispose]: async () => {
        await last.catch(() => undefined);
        await reader[Symbol.asyncDispose]();
      },
    });
  }
  const held = { ...recipe, set };
  return Object.freeze({
    prepare: (epoch: number, indices: Uint32Array, into?: Float32Array) =>
      inTurn(() => Promise.resolve({ ...prepareBatch(held, epoch, indices, into), unreadable: [] })),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}
