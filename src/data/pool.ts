import { availableParallelism } from 'node:os';

/** Runs `work` for 0 … count−1, a few at a time, in order of starting. */
export async function forEachConcurrently(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  // Twice the processors: reading one file and decoding another overlap.
  await Promise.all(Array.from({ length: Math.min(count, 2 * availableParallelism()) }, lane));
}
