import { parentPort, workerData } from 'node:worker_threads';
import { FixheadError, type ErrorKind } from '../core/errors.ts';
import { reasonOf } from './files.ts';
import type { BatchRecipe } from './prepare-batch.ts';
import { openPreparer, type PreparedBatch } from './preparer.ts';

/** Asks the worker for a batch; `buffer` is memory to reuse, transferred. */
export interface BatchRequest {
  readonly ticket: number;
  readonly epoch: number;
  readonly indices: Uint32Array;
  readonly buffer: ArrayBuffer | undefined;
}

/** What the worker answers: the batch, its images transferred, or what went wrong. */
export type BatchReply =
  | { readonly ticket: number; readonly batch: PreparedBatch }
  | {
      readonly ticket: number;
      /** An error loses its class between threads: the kind is absent where it was not ours. */
      readonly error: { readonly kind?: ErrorKind; readonly message: string; readonly stack: string };
    };

/** Prepares batches beside the main thread, which ONNX Runtime blocks while it runs a step. */
const preparer = openPreparer(workerData as BatchRecipe);

async function answer({ ticket, epoch, indices, buffer }: BatchRequest): Promise<void> {
  try {
    const into = buffer === undefined ? undefined : new Float32Array(buffer);
    const batch = await preparer.prepare(epoch, indices, into);
    // The memory is either the buffer that came or new; neither is shared.
    const own = batch.images as Float32Array<ArrayBuffer>;
    parentPort?.postMessage({ ticket, batch } satisfies BatchReply, [own.buffer]);
  } catch (error) {
    const kind = error instanceof FixheadError ? { kind: error.kind } : {};
    const stack = error instanceof Error ? (error.stack ?? '') : '';
    parentPort?.postMessage({ ticket, error: { ...kind, message: reasonOf(error), stack } } satisfies BatchReply);
  }
}

parentPort?.on('message', (request: BatchRequest) => {
  void answer(request);
});
