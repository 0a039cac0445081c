import { parentPort, workerData } from 'node:worker_threads';
import { prepareBatch, type BatchRecipe } from './prepare-batch.ts';

/** Asks the worker for a batch; `buffer` is memory to reuse, transferred. */
export interface BatchRequest {
  readonly ticket: number;
  readonly epoch: number;
  readonly indices: Uint32Array;
  readonly buffer: ArrayBuffer | undefined;
}

/** What the worker answers: the batch, its images transferred, or what went wrong. */
export type BatchReply =
  | { readonly ticket: number; readonly images: Float32Array<ArrayBuffer>; readonly labels: Int32Array }
  | { readonly ticket: number; readonly error: unknown };

/** Prepares batches beside the main thread, which ONNX Runtime blocks while it runs a step. */
const recipe = workerData as BatchRecipe;
parentPort?.on('message', ({ ticket, epoch, indices, buffer }: BatchRequest) => {
  try {
    const into = buffer === undefined ? undefined : new Float32Array(buffer);
    const { images, labels } = prepareBatch(recipe, epoch, indices, into);
    // The memory is either the buffer that came or new; neither is shared.
    const own = images as Float32Array<ArrayBuffer>;
    parentPort?.postMessage({ ticket, images: own, labels } satisfies BatchReply, [own.buffer]);
  } catch (error) {
    parentPort?.postMessage({ ticket, error } satisfies BatchReply);
  }
});
