import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { blockSizeIn, probeBlockSize } from './probe.ts';

/** [16 channels, 2 pixels] holding 0 … 31 in blocks of `size` channels, written by loops over the layout's definition. */
function blocked(size: number): Float32Array {
  const values: number[] = [];
  for (let block = 0; block < 16 / size; block++) {
    for (let pixel = 0; pixel < 2; pixel++) {
      for (let channel = 0; channel < size; channel++) values.push((block * size + channel) * 2 + pixel);
    }
  }
  return Float32Array.from(values);
}

test.each([8, 16])('blocks of %i are recognised', (size) => {
  expect(blockSizeIn(blocked(size))).toBe(size);
});

test('a block size that the lowering does not know is not used', () => {
  expect(blockSizeIn(blocked(4))).toBe(0);
});

test('a layout that only looks right at the start is not used', () => {
  const values = blocked(8);
  values.copyWithin(16, 0, 1);
  expect(blockSizeIn(values)).toBe(0);
});

test('a runtime without the blocked layout answers 0', async () => {
  const InferenceSession = { create: () => Promise.reject(new Error('No Op registered for ReorderInput')) };
  expect(await probeBlockSize({ Tensor: ort.Tensor, InferenceSession })).toBe(0);
});

test.runIf(process.platform === 'linux' && process.arch === 'x64')(
  'this processor gives 16 with AVX-512 and 8 without',
  async () => {
    const avx512 = /^flags.*\bavx512f\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'));
    expect(await probeBlockSize(ort)).toBe(avx512 ? 16 : 8);
  },
);
