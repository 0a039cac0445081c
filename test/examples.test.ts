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
}, 120_000);

test('examples/own-network.ts trains a network of its own with two heads', async () => {
  expect(await example('own-network.ts', '1')).toMatch(/learned: [\d.]+ %.*\nhadamard: [\d.]+ %/);
}, 120_000);
