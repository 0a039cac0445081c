import type { Worker } from 'node:worker_threads';
import { FixheadError, internalError } from '../core/errors.ts';
import type { Batch, ImageSet } from './dataset.ts';
import type { BatchReply, BatchRequest } from './batch-worker.ts';
import type { BatchRecipe } from './prepare-batch.ts';
import { openPreparer, type PreparedBatch } from './preparer.ts';
import { startWorker } from './start-worker.ts';

/** Something that prepares batches, in the order in which they are asked for or beside each other. */
export interface BatchSource extends AsyncDisposable {
  readonly prepare: (epoch: number, indices: Uint32Array) => Promise<PreparedBatch>;
  /** Takes back the memory of a batch that nobody reads any more. Its images become unreadable. */
  readonly recycle: (batch: Batch) => void;
}

/** Prepares each batch on the calling thread when it is asked for. */
export function inlineSource(recipe: BatchRecipe): BatchSource {
  const spare: Float32Array[] = [];
  const preparer = openPreparer(recipe);
  return {
    prepare: (epoch, indices) => preparer.prepare(epoch, indices, spare.pop()),
    recycle: ({ images }) => {
      spare.push(images);
    },
    [Symbol.asyncDispose]: () => preparer[Symbol.asyncDispose](),
  };
}

interface Waiting {
  readonly resolve: (batch: PreparedBatch) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Prepares batches on `count` worker threads, taken in turn. Pixels that lie in shared memory are read in place; the floats of a batch
 * move between the threads without a copy.
 *
 * The threads keep the process alive only while a batch is being prepared.
 */
export function workerSource(recipe: BatchRecipe, count: number): BatchSource {
  const workers = Array.from({ length: count }, () => startPreparer(recipe));
  const waiting = new Map<number, Waiting>();
  const spare: ArrayBuffer[] = [];
  let failure: unknown;
  let tickets = 0;
  const settle = (ticket: number): Waiting | undefined => {
    const entry = waiting.get(ticket);
    waiting.delete(ticket);
    if (waiting.size === 0) for (const worker of workers) worker.unref();
    return entry;
  };
  const fail = (error: unknown): void => {
    failure ??= error;
    for (const ticket of [...waiting.keys()]) settle(ticket)?.reject(failure);
  };
  for (const worker of workers) {
    worker.unref();
    worker.on('message', (reply: BatchReply) => {
      const entry = settle(reply.ticket);
      if ('error' in reply) entry?.reject(errorOf(reply.error));
      else entry?.resolve(reply.batch);
    });
    worker.on('error', fail);
    worker.on('exit', (code) => {
      fail(internalError('a worker that prepares batches ended', { received: `exit code ${code}` }));
    });
  }
  return {
    prepare: (epoch, indices) =>
      new Promise((resolve, reject) => {
        const worker = workers[tickets % count];
        if (failure !== undefined || worker === undefined) {
          reject(failure instanceof Error ? failure : internalError('no worker prepares batches'));
          return;
        }
        const request: BatchRequest = { ticket: tickets++, epoch, indices, buffer: spare.pop() };
        waiting.set(request.ticket, { resolve, reject });
        for (const each of workers) each.ref();
        worker.postMessage(request, request.buffer === undefined ? [] : [request.buffer]);
      }),
    recycle: ({ images }) => {
      if (images.buffer instanceof ArrayBuffer) spare.push(images.buffer);
    },
    [Symbol.asyncDispose]: async () => {
      fail(internalError('the batch loader is closed'));
      for (const worker of workers) worker.removeAllListeners();
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

/** The error of a worker, again of our own kind where it was. */
function errorOf({ kind, message, stack }: Extract<BatchReply, { readonly error: unknown }>['error']): Error {
  if (kind === 'input' || kind === 'usage') return new FixheadError(kind, message);
  return internalError('a worker that prepares batches failed', { received: stack === '' ? message : stack });
}

/** What a worker needs of a set: not its names, which would be copied to it. */
function forWorker(set: ImageSet): ImageSet {
  if (set.kind !== 'bytes') return set;
  const { kind, count, pixels, labels } = set;
  return { kind, count, pixels, labels };
}

/** Starts a worker that prepares batches. */
function startPreparer(recipe: BatchRecipe): Worker {
  return startWorker(import.meta.url, 'batch-worker', { ...recipe, set: forWorker(recipe.set) } satisfies BatchRecipe);
}
