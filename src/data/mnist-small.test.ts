import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { assembleDataset } from './assemble.ts';
import { readMnistSmall } from './mnist-small.ts';

test('mnist-small holds the 10,000 digits of the package, as bytes', async () => {
  const raw = await readMnistSmall();
  expect(raw.train.count).toBe(10_000);
  const counts = raw.classes.map((_, digit) => raw.train.labels.filter((label) => label === digit).length);
  expect(counts).toEqual([1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]);
  const file = createRequire(import.meta.url).resolve('mnist/src/digits/3.json');
  const { data } = createRequire(import.meta.url)(file) as { data: number[] };
  const start = raw.train.labels.indexOf(3) * 784;
  // Three decimals identify a byte, and the bytes give the three decimals back.
  const bytes = raw.train.pixels.subarray(start, start + data.length);
  expect(Array.from(bytes, (byte) => Math.round((byte / 255) * 1000) / 1000)).toEqual(data);

  const dataset = assembleDataset(raw);
  expect([dataset.train.count, dataset.validation.count]).toEqual([8000, 2000]);
  // The values usually quoted for the 60,000 training digits are 0.1307 and 0.3081.
  expect(dataset.normalization.mean[0]).toBeCloseTo(0.1307, 2);
  expect(dataset.normalization.std[0]).toBeCloseTo(0.3081, 2);
});
