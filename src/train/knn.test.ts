import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cpuRuntime } from '../../test/support/onnx-runtime.ts';
import { syntheticDataset } from '../../test/support/synthetic-dataset.ts';
import { randomStream } from '../core/random.ts';
import type { LabelledFeatures } from './features.ts';
import { pixelFeatures } from './features.ts';
import { knnAccuracy } from './knn.ts';

/** Rows of norm 1. */
function unitRows(rows: readonly (readonly number[])[], labels: readonly number[]): LabelledFeatures {
  const values = rows.flatMap((row) => {
    const norm = Math.hypot(...row);
    return row.map((value) => (norm === 0 ? 0 : value / norm));
  });
  return {
    dimension: rows[0]?.length ?? 0,
    values: Float32Array.from(values),
    labels: Int32Array.from(labels),
  };
}

const rowOf = ({ dimension, values }: LabelledFeatures, index: number): readonly number[] => [
  ...values.subarray(index * dimension, (index + 1) * dimension),
];

/** The definition, in float64 and with a full sort. */
function bruteForce(bank: LabelledFeatures, queries: LabelledFeatures, k: number, temperature: number) {
  return Array.from(queries.labels, (_, query) => {
    const own = rowOf(queries, query);
    const ranked = Array.from(bank.labels, (label, place) => ({
      label,
      place,
      cosine: rowOf(bank, place).reduce((sum, value, axis) => sum + value * (own[axis] ?? 0), 0),
    })).sort((a, b) => b.cosine - a.cosine || a.place - b.place);
    const votes = new Map<number, number>();
    for (const { label, cosine } of ranked.slice(0, k)) {
      votes.set(label, (votes.get(label) ?? 0) + Math.exp(cosine / temperature));
    }
    const order = [...votes].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    const total = order.reduce((sum, [, weight]) => sum + weight, 0);
    return { order: order.map(([label]) => label), share: (order[0]?.[1] ?? NaN) / total, nearest: ranked[0]?.label };
  });
}

const integerRow = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 3, maxLength: 3 });
const labelled = fc.array(fc.tuple(integerRow, fc.integer({ min: 0, max: 7 })), { minLength: 1, maxLength: 12 });

describe('knnAccuracy', () => {
  test('agrees with the definition by brute force', async () => {
    const runtime = await cpuRuntime();
    await fc.assert(
      fc.asyncProperty(
        labelled,
        labelled,
        fc.integer({ min: 1, max: 14 }),
        fc.constantFrom(0.07, 0.5, 3),
        async (stored, asked, k, temperature) => {
          const random = randomStream('knn', stored.length, asked.length, k);
          // A little noise: which of two exactly equal cosines is larger would depend on rounding.
          const noisy = (rows: typeof stored) =>
            unitRows(
              rows.map(([row]) => row.map((value) => value + 0.2 * random.uniform())),
              rows.map(([, label]) => label),
            );
          const [bank, queries] = [noisy(stored), noisy(asked)];
          const result = await knnAccuracy(runtime, bank, queries, { neighbours: k, temperature });
          const expected = bruteForce(bank, queries, k, temperature);
          const labels = [...queries.labels];
          const share = (right: (index: number) => boolean): number =>
            labels.filter((_, index) => right(index)).length / labels.length;
          expect([...result.predicted]).toEqual(expected.map(({ order }) => order[0]));
          expect(result.accuracy).toBe(share((index) => expected[index]?.order[0] === labels[index]));
          expect(result.nearest).toBe(share((index) => expected[index]?.nearest === labels[index]));
          result.probability.forEach((probability, index) => {
            expect(probability).toBeCloseTo(expected[index]?.share ?? NaN, 4);
          });
          // Classes without a vote share the place behind the others, in their order.
          const inTopFive = (index: number): boolean => {
            const order = expected[index]?.order ?? [];
            const others = [0, 1, 2, 3, 4, 5, 6, 7].filter((label) => !order.includes(label));
            return [...order, ...others].slice(0, 5).includes(labels[index] ?? -1);
          };
          expect(result.top5).toBe(share(inTopFive));
          expect(result.vote).toEqual({ neighbours: Math.min(k, bank.labels.length), temperature });
          expect(result.confusion.reduce((sum, { count }) => sum + count, 0)).toBe(labels.length);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('finds neighbours across the blocks in which similarities are computed', async () => {
    // 20,000 stored and 300 asked: two blocks of the one and two of the other. Each query is one of the stored vectors.
    const random = randomStream('neighbours');
    const rows = Array.from({ length: 20_000 }, () => Array.from({ length: 16 }, () => random.uniform() - 0.5));
    const bank = unitRows(
      rows,
      rows.map((_, index) => index),
    );
    const places = Array.from({ length: 300 }, (_, index) => 19_999 - 60 * index);
    const queries = unitRows(
      places.map((place) => rows[place] ?? []),
      places,
    );
    const done: number[] = [];
    const { accuracy, nearest } = await knnAccuracy(await cpuRuntime(), bank, queries, {
      neighbours: 1,
      onProgress: (count) => done.push(count),
    });
    expect([accuracy, nearest]).toEqual([1, 1]);
    expect(done).toEqual([256, 300]);
  });

  test('lets a close neighbour outvote several far ones, and only at a low temperature', async () => {
    const runtime = await cpuRuntime();
    const bank = unitRows(
      [
        [1, 0],
        [1, 1],
        [1, 1],
      ],
      [0, 1, 1],
    );
    const query = unitRows([[1, 0.01]], [0]);
    expect((await knnAccuracy(runtime, bank, query, { temperature: 0.07 })).accuracy).toBe(1);
    expect((await knnAccuracy(runtime, bank, query, { temperature: 1 })).accuracy).toBe(0);
    // exp(cos/τ) alone would overflow.
    expect((await knnAccuracy(runtime, bank, query, { temperature: 1e-4 })).accuracy).toBe(1);
  });

  test('tells bright quarters apart by their pixels', async () => {
    const dataset = syntheticDataset();
    const bank = await pixelFeatures(dataset, dataset.train);
    const queries = await pixelFeatures(dataset, dataset.validation);
    expect(bank.dimension).toBe(64);
    for (let row = 0; row < dataset.train.count; row++) expect(Math.hypot(...rowOf(bank, row))).toBeCloseTo(1, 5);
    expect(await knnAccuracy(await cpuRuntime(), bank, queries, { neighbours: 5 })).toMatchObject({
      accuracy: 1,
      nearest: 1,
      count: 16,
    });
  });

  test('refuses what cannot be compared, with the image that is to blame', async () => {
    const runtime = await cpuRuntime();
    const good = unitRows(
      [
        [1, 0],
        [0, 1],
      ],
      [0, 1],
    );
    const empty = unitRows([], []);
    const broken = { ...good, values: Float32Array.of(1, 0, NaN, 1) };
    const wide = unitRows([[1, 0, 0]], [0]);
    await expect(knnAccuracy(runtime, empty, good)).rejects.toThrow('no images that could be neighbours');
    await expect(knnAccuracy(runtime, good, empty)).rejects.toThrow('no images to be classified');
    await expect(knnAccuracy(runtime, broken, good)).rejects.toThrow(
      'image 1 that could be neighbours: a feature is not a finite number; received NaN; training diverged: lower the learning rate',
    );
    await expect(knnAccuracy(runtime, good, { ...good, values: Float32Array.of(1, 0, 1, Infinity) })).rejects.toThrow(
      /image 1 to be classified.*received Infinity/,
    );
    await expect(knnAccuracy(runtime, good, wide)).rejects.toThrow(
      'features of different dimensions; expected 2, received 3',
    );
    await expect(knnAccuracy(runtime, good, good, { neighbours: 0 })).rejects.toThrow(
      'the number of neighbours must be a positive integer; received 0',
    );
    await expect(knnAccuracy(runtime, good, good, { temperature: 0 })).rejects.toThrow(
      'the temperature of the neighbours’ vote must be positive; received 0',
    );
    const stop = AbortSignal.abort(new Error('stopped by the user'));
    await expect(knnAccuracy(runtime, good, good, { signal: stop })).rejects.toThrow('stopped by the user');
  });
});
