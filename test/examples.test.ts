import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const root = new URL('..', import.meta.url).pathname;
let folder = '';
const example = async (name: string, ...args: string[]): Promise<string> => {
  const command = [
    join(root, 'node_modules/tsx/dist/cli.mjs'),
    '--tsconfig',
    join(root, 'tsconfig.json'),
    join(root, 'examples', name),
    ...args,
  ];
  return (await run(process.execPath, command, { cwd: folder })).stdout;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fixhead-examples-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('examples/train.ts trains and writes an ONNX file that examples/predict.ts runs', async () => {
  expect(await example('train.ts', '1')).toMatch(/epoch 1: loss .*\ndigits\.onnx: \d+ bytes, α = \d/);
  const predictions = [...(await example('predict.ts', 'digits.onnx')).matchAll(/predicted (\d), true (\d)/g)];
  expect(predictions).toHaveLength(8);

  // The same file as a model of somebody else's: its gradients agree with the slopes of its loss.
  const lines = (await example('check-gradients.ts', 'digits.onnx')).trim().split('\n');
  expect(lines.length).toBeGreaterThan(8);
  for (const line of lines) {
    const [norm = 0, slope = 0] = [...line.matchAll(/(?:norm|differences) ([-\d.e+]+)/g)].map(([, value]) =>
      Number(value),
    );
    expect(Math.abs(slope / norm - 1), line).toBeLessThan(0.05);
  }
}, 120_000);

test('a run that is split into a backbone and a head is served by examples/serve-head.ts', async () => {
  const cli = (...args: string[]): Promise<string> => example('../src/cli/main.ts', ...args);
  await cli('train', 'mnist-small', '--model', 'mlp', '--epochs', '1', '--out', 'run', '--json');
  expect(await cli('export', 'run', '--split', 'split')).toContain('split/head.json');
  const lines = (await example('serve-head.ts', 'split')).trim().split('\n');
  expect(lines).toHaveLength(8);
  for (const line of lines) expect(line).toMatch(/^true \d: (?:\d \(logit -?[\d.]+\)(?:, |$)){3}$/);
  // An epoch is enough for most digits.
  expect(lines.filter((line) => /^true (\d): \1 /.test(line)).length).toBeGreaterThan(4);
}, 120_000);

test('examples/own-network.ts trains a network of its own with two heads', async () => {
  expect(await example('own-network.ts', '1')).toMatch(/learned: [\d.]+ %.*\nhadamard: [\d.]+ %/);
}, 120_000);
