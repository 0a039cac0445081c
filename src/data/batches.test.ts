import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assembleDataset } from './assemble.ts';
import { evaluationBatches, openBatchLoader, trainingBatches, type LoaderOptions } from './batches.ts';
import type { Batch, ByteImages, ImageDataset } from './dataset.ts';
import { sharedBytes } from './memory.ts';

/** `count` images of 2×4×5 bytes; image i has label i mod 3 and bytes that name it. */
function toyDataset(count: number): ImageDataset<ByteImages> {
  const image = { channels: 2, height: 4, width: 5 };
  const pixels = sharedBytes(count * 40);
  for (let place = 0; place < pixels.length; place++) pixels[place] = (place * 7 + Math.floor(place / 40) * 31) % 256;
  const set: ByteImages = {
    kind: 'bytes',
    count,
    pixels,
    labels: Int32Array.from({ length: count }, (_, index) => index % 3),
  };
  return assembleDataset({ name: 'toy', classes: ['a', 'b', 'c'], image, train: set, validation: set });
}

async function collect(batches: AsyncIterable<Batch>): Promise<{ images: number[]; labels: number[] }[]> {
  const all: { images: number[]; labels: number[] }[] = [];
  for await (const { images, labels } of batches) all.push({ images: [...images], labels: [...labels] });
  return all;
}

async function epochOf(
  data: ImageDataset,
  options: LoaderOptions,
  epoch: number,
  start = 0,
): ReturnType<typeof collect> {
  await using loader = openBatchLoader(data, options);
  return await collect(loader.epoch(epoch, start));
}

const augmentation = { cropPadding: 2, horizontalFlip: true };

describe('openBatchLoader', () => {
  test('gives the same bytes inline, with one worker and with three', async () => {
    const data = toyDataset(50);
    const options = { batchSize: 8, seed: 5, augmentation };
    const inline = await epochOf(data, { ...options, workers: 0 }, 2);
    expect(inline).toHaveLength(6);
    expect(await epochOf(data, { ...options, workers: 1 }, 2)).toEqual(inline);
    expect(await epochOf(data, { ...options, workers: 3, ahead: 5, recycle: false }, 2)).toEqual(inline);
  });

  test('continues from a batch as if it had prepared the earlier ones', async () => {
    const data = toyDataset(40);
    await using loader = openBatchLoader(data, { batchSize: 6, seed: 1, augmentation });
    const whole = await collect(loader.epoch(3));
    expect(await collect(loader.epoch(3, 4))).toEqual(whole.slice(4));
    expect(await collect(loader.epoch(3, loader.batchesPerEpoch))).toEqual([]);
  });

  test('shows every image at most once an epoch, in another order each epoch', async () => {
    const data = toyDataset(30);
    const first = await epochOf(data, { batchSize: 7, seed: 1, workers: 0 }, 0);
    const second = await epochOf(data, { batchSize: 7, seed: 1, workers: 0 }, 1);
    const images = (batches: typeof first): string[] =>
      batches.flatMap(({ images: values, labels }) =>
        labels.map((_, at) => values.slice(at * 40, at * 40 + 40).join()),
      );
    expect(new Set(images(first)).size).toBe(28);
    expect(images(second)).not.toEqual(images(first));
  });

  test('augments an image the same whatever the batch size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 12 }), fc.integer(), async (batchSize, seed) => {
        const data = toyDataset(12);
        const one = await epochOf(data, { batchSize: 1, seed, augmentation, workers: 0 }, 4);
        const many = await epochOf(data, { batchSize, seed, augmentation, workers: 0 }, 4);
        const flat = many.flatMap(({ images }) => images);
        expect(flat).toEqual(one.flatMap(({ images }) => images).slice(0, flat.length));
      }),
      { numRuns: 20 },
    );
  });

  test('can be left in the middle of an epoch and used again', async () => {
    const data = toyDataset(40);
    await using loader = openBatchLoader(data, { batchSize: 4, seed: 1 });
    for await (const batch of loader.epoch(0)) {
      expect(batch.size).toBe(4);
      break;
    }
    expect(await collect(loader.epoch(1))).toEqual(await epochOf(data, { batchSize: 4, seed: 1, workers: 0 }, 1));
  });

  test('a recycled batch is empty afterwards, a kept one is not', async () => {
    const data = toyDataset(12);
    for (const [recycle, left] of [
      [true, 0],
      [false, 160],
    ] as const) {
      await using loader = openBatchLoader(data, { batchSize: 4, seed: 1, recycle });
      const kept: Batch[] = [];
      for await (const batch of loader.epoch(0)) kept.push(batch);
      // The memory goes back to the worker with the next request, so a second epoch is needed to see it leave.
      await collect(loader.epoch(1));
      expect(kept[0]?.images.length).toBe(left);
    }
  });

  test('reports a worker that fails, and a loader that is closed', async () => {
    const data = toyDataset(12);
    const broken = { ...data, normalization: { mean: null as unknown as number[], std: [1, 1] } };
    await using loader = openBatchLoader(broken, { batchSize: 4, seed: 1 });
    await expect(collect(loader.epoch(0))).rejects.toThrow(/null/);
    const closed = openBatchLoader(data, { batchSize: 4, seed: 1 });
    await closed[Symbol.asyncDispose]();
    await expect(collect(closed.epoch(0))).rejects.toThrow('the batch loader is closed');
  });

  test('says which option is wrong', () => {
    const data = toyDataset(12);
    expect(() => openBatchLoader(data, { batchSize: 13, seed: 1 })).toThrow(
      'toy: fewer training images than one batch; expected at least 13 (the batch size), received 12; choose a batch size of at most 12',
    );
    expect(() => openBatchLoader(data, { batchSize: 0, seed: 1 })).toThrow('the batch size is out of range');
    expect(() => openBatchLoader(data, { batchSize: 4, seed: 1, workers: -1 })).toThrow('data workers is out of range');
    expect(() =>
      openBatchLoader(data, { batchSize: 4, seed: 1, augmentation: { cropPadding: 4, horizontalFlip: false } }),
    ).toThrow('a whole number from 0 to 3 for images of 4×5 pixels, received 4');
  });

  test('does not keep a process alive, in use or forgotten', async () => {
    const program = `
      import { openBatchLoader } from ${JSON.stringify(new URL('./batches.ts', import.meta.url).href)};
      const set = { kind: 'bytes', count: 8, pixels: new Uint8Array(8), labels: new Int32Array(8) };
      const dataset = { name: 'x', image: { channels: 1, height: 1, width: 1 }, train: set, normalization: { mean: [0], std: [1] } };
      const loader = openBatchLoader(dataset, { batchSize: 2, seed: 0 });
      let batches = 0;
      for await (const batch of loader.epoch(0)) batches += batch.size / 2;
      console.log('batches', batches);`;
    const tsx = createRequire(import.meta.url).resolve('tsx');
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', tsx, '--input-type=module', '--eval', program],
      { cwd: fileURLToPath(new URL('.', import.meta.url)), timeout: 30_000 },
    );
    expect(stdout).toBe('batches 4\n');
  });
});

describe('trainingBatches and evaluationBatches', () => {
  test('trainingBatches gives what a loader gives', async () => {
    const data = toyDataset(20);
    const options = { batchSize: 6, seed: 3, augmentation };
    expect(await collect(trainingBatches(data, { ...options, epoch: 1, startBatch: 1 }))).toEqual(
      await epochOf(data, { ...options, workers: 0 }, 1, 1),
    );
  });

  test('evaluationBatches keeps the order and gives the rest', () => {
    const data = toyDataset(10);
    const batches = [...evaluationBatches(data.validation, data.image, data.normalization, 4)];
    expect(batches.map(({ size }) => size)).toEqual([4, 4, 2]);
    expect(batches.flatMap(({ labels }) => [...labels])).toEqual([...data.validation.labels]);
    const [mean = 0] = data.normalization.mean;
    const [std = 1] = data.normalization.std;
    expect(batches[2]?.images[0]).toBeCloseTo(((data.validation.pixels[8 * 40] ?? 0) / 255 - mean) / std, 5);
  });
});
