import { parentPort, workerData } from 'node:worker_threads';
import { openRunner, type SkipGramJob } from './skip-gram-job.ts';

/** What a worker is started with. */
export interface Word2vecWork {
  readonly job: SkipGramJob;
  /** From 0. */
  readonly worker: number;
  /** Shared: the next piece of work, and whether to stop. */
  readonly control: Int32Array;
}

const { job, worker, control } = workerData as Word2vecWork;
const runner = openRunner(job, worker);
for (;;) {
  const piece = Atomics.add(control, 0, 1);
  if (piece >= runner.count || Atomics.load(control, 1) !== 0) break;
  parentPort?.postMessage(runner.run(piece));
}
