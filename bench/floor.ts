import { isMissing, openOurs } from './contender.ts';
import { internalError } from '../src/core/errors.ts';
import { median } from './statistics.ts';

/**
 * Multiply-adds per millisecond of a square MatMul in ONNX Runtime: the fastest of some calls, as it bounds from below the time
 * of any convolution or product in the same runtime.
 */
export async function peakMultiplyAdds(threads: number, size: number): Promise<number> {
  const matmul = await openOurs('MatMul', 'matmul.ts', { size, threads });
  if (isMissing(matmul)) throw internalError('MatMul runs everywhere', { received: matmul.missing });
  try {
    await matmul.run(3);
    return size ** 3 / Math.min(...(await matmul.run(12)));
  } finally {
    await matmul[Symbol.asyncDispose]();
  }
}

/** Median milliseconds of copying that many bytes in memory on one thread. */
export function copyMilliseconds(bytes: number): number {
  const source = new Uint8Array(bytes).fill(1);
  const target = new Uint8Array(bytes);
  // Short copies are repeated until the clock can see them.
  const repeats = Math.max(1, Math.ceil(2e7 / bytes));
  const times = Array.from({ length: 15 }, () => {
    const started = performance.now();
    for (let repeat = 0; repeat < repeats; repeat++) target.set(source);
    return (performance.now() - started) / repeats;
  });
  return median(times) ?? 0;
}
