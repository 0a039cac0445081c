import { setImmediate } from 'node:timers/promises';
import { internalError } from '../core/errors.ts';
import { startWorker } from '../data/start-worker.ts';
import { openRunner, type PieceResult, type SkipGramJob } from './skip-gram-job.ts';
import type { Word2vecWork } from './word2vec-worker.ts';

type OnPiece = (result: PieceResult) => void;

/** All pieces one after the other on this thread, which can answer others between them. */
export async function runHere(job: SkipGramJob, onPiece: OnPiece, signal: AbortSignal | undefined): Promise<void> {
  const runner = openRunner(job, 0);
  for (let piece = 0; piece < runner.count; piece++) {
    signal?.throwIfAborted();
    onPiece(runner.run(piece));
    await setImmediate();
  }
}

/**
 * The pieces on as many threads as the tables have workers, each taking the next one, without locks: a change that two
 * threads make to a row at the same time may be lost, which matters little, as most pairs share no row (Niu, Recht, Ré,
 * Wright 2011, "Hogwild!").
 *
 * An error of a worker or of `onPiece`, and an abort, stop all workers after the piece that they are at.
 */
export async function runOnThreads(job: SkipGramJob, onPiece: OnPiece, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const control = new Int32Array(new SharedArrayBuffer(8));
  const failures: unknown[] = [];
  const stop = (reason: unknown): void => {
    failures.push(reason);
    Atomics.store(control, 1, 1);
  };
  const onAbort = (): void => {
    stop(signal?.reason);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  const threads = Array.from({ length: job.tables.workers }, (_, worker) => {
    const thread = startWorker(import.meta.url, 'word2vec-worker', { job, worker, control } satisfies Word2vecWork);
    thread.on('message', (result: PieceResult) => {
      try {
        onPiece(result);
      } catch (error) {
        stop(error);
      }
    });
    return new Promise<void>((resolve) => {
      thread.on('error', stop);
      thread.on('exit', (code) => {
        if (code !== 0) stop(internalError('a worker of word2vec ended', { received: `exit code ${code}` }));
        resolve();
      });
    });
  });
  await Promise.all(threads);
  signal?.removeEventListener('abort', onAbort);
  if (failures.length > 0) throw failures[0];
}
