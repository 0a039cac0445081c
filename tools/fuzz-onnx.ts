import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { randomStream } from '../src/core/random.ts';
import { mutate, seedModels, survive, type Survival } from '../test/support/mutate-onnx.ts';

/**
 * `npm run fuzz:onnx -- --count 20000 --seed 1`: reads broken models. A failure is anything but an error for the reader, more than
 * two seconds, or more memory than a small file may take; its bytes are kept and the exit code is 1.
 */

const SLOWEST_SECONDS = 2;
const MOST_MEMORY = 512 * 2 ** 20;

const { count, seed } = new Command('fuzz-onnx')
  .option('--count <n>', 'how many models', Number, 20_000)
  .option('--seed <n>', 'which models', Number, 1)
  .parse()
  .opts<{ count: number; seed: number }>();

const seeds = seedModels(7);
const counts: Record<Survival | 'failed', number> = { read: 0, refused: 0, 'not written': 0, failed: 0 };
let slowest = 0;
let most = 0;
const held = (): number => {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};
for (let index = 0; index < count; index++) {
  const broken = mutate(seeds, randomStream('fuzz', seed, index));
  const before = held();
  const start = performance.now();
  let failure: string | undefined;
  try {
    counts[survive(broken)]++;
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const seconds = (performance.now() - start) / 1000;
  const taken = held() - before;
  slowest = Math.max(slowest, seconds);
  most = Math.max(most, taken);
  if (seconds > SLOWEST_SECONDS) failure ??= `took ${seconds.toFixed(1)} s`;
  if (taken > MOST_MEMORY) failure ??= `took ${Math.round(taken / 2 ** 20)} MiB`;
  if (failure === undefined) continue;
  counts.failed++;
  const path = join(tmpdir(), `fuzz-${seed}-${index}.onnx`);
  writeFileSync(path, broken);
  console.error(`model ${index} (${broken.length} bytes, kept as ${path}): ${failure}`);
}
console.log(
  `seed ${seed}: ${count} broken models from ${seeds.length} files: ${counts.refused} refused, ${counts.read} read and ` +
    `written back, ${counts['not written']} read and not written, ${counts.failed} failed; slowest ${slowest.toFixed(2)} s, ` +
    `most memory ${Math.round(most / 2 ** 20)} MiB`,
);
process.exitCode = counts.failed === 0 ? 0 : 1;
