import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { syntheticDataset } from '../../test/support/synthetic-dataset.ts';
import { cpuRuntime } from '../../test/support/onnx-runtime.ts';
import { float32 } from '../core/tensor.ts';
import type { ImageDataset, ImageSet } from '../data/dataset.ts';
import { createModel } from '../heads/model.ts';
import { parseHead } from '../heads/parse.ts';
import { createBackbone } from '../models/registry.ts';
import { sgd } from '../optim/optimizer.ts';
import type { Session } from '../runtime/runtime.ts';
import { evaluateModel, evaluateSession, evaluationBatchSize, type Evaluation } from './evaluate.ts';
import { initialTensors } from './step-program.ts';
import { trainingProgram } from './training-program.ts';

/** A session that ignores its images and answers with the next rows of a table. */
function answering(rows: readonly (readonly number[])[]): Session {
  let next = 0;
  return {
    inputNames: ['images'],
    outputNames: ['logits'],
    run: ({ images }) => {
      const size = images?.shape[0] ?? 0;
      const answer = rows.slice(next, (next += size));
      return Promise.resolve({ logits: float32([size, answer[0]?.length ?? 0], answer.flat()) });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

const pixel = { image: { channels: 1, height: 1, width: 1 }, normalization: { mean: [0], std: [1] } };
const setOf = (labels: readonly number[]): ImageSet => ({
  kind: 'bytes',
  count: labels.length,
  pixels: new Uint8Array(labels.length),
  labels: Int32Array.from(labels),
});

const evaluate = (
  rows: readonly (readonly number[])[],
  labels: readonly number[],
  batchSize = 3,
): Promise<Evaluation> =>
  evaluateSession(answering(rows), pixel, setOf(labels), { classes: rows[0]?.length ?? 0, batchSize });

const table = fc.integer({ min: 2, max: 9 }).chain((classes) =>
  fc.array(
    fc.tuple(
      // Few different values, so that ties are common.
      fc.array(fc.oneof(fc.integer({ min: -2, max: 2 }), fc.float({ min: -50, max: 50, noNaN: true })), {
        minLength: classes,
        maxLength: classes,
      }),
      fc.integer({ min: 0, max: classes - 1 }),
    ),
    { minLength: 1, maxLength: 12 },
  ),
);

describe('evaluateSession', () => {
  test('agrees with sorting the logits and with the definition of the cross-entropy', async () => {
    await fc.assert(
      fc.asyncProperty(table, fc.integer({ min: 1, max: 5 }), async (images, batchSize) => {
        const rows = images.map(([row]) => row);
        const labels = images.map(([, label]) => label);
        const result = await evaluate(rows, labels, batchSize);
        const ranked = rows.map((row) =>
          row.map((_, k) => k).toSorted((a, b) => (row[b] ?? 0) - (row[a] ?? 0) || a - b),
        );
        const share = (right: (order: readonly number[], label: number) => boolean): number =>
          ranked.filter((order, index) => right(order, labels[index] ?? -1)).length / rows.length;
        expect(result.accuracy).toBe(share((order, label) => order[0] === label));
        expect(result.top5).toBe(share((order, label) => order.slice(0, 5).includes(label)));
        const probabilities = rows.map((row) => {
          const total = row.reduce((sum, logit) => sum + Math.exp(logit), 0);
          return row.map((logit) => Math.exp(logit) / total);
        });
        const losses = probabilities.map((row, index) => -Math.log(row[labels[index] ?? -1] ?? NaN));
        expect(result.loss).toBeCloseTo(losses.reduce((sum, loss) => sum + loss, 0) / rows.length, 5);
        expect([...result.predicted]).toEqual(ranked.map((order) => order[0]));
        result.probability.forEach((probability, index) => {
          expect(probability).toBeCloseTo(Math.max(...(probabilities[index] ?? [])), 5);
        });
        const classes = rows[0]?.length ?? 0;
        const cells = Array.from({ length: classes }, (_, label) =>
          Array.from({ length: classes }, (_, predicted) => ({
            label,
            predicted,
            count: ranked.filter((order, index) => labels[index] === label && order[0] === predicted).length,
          })),
        );
        expect(result.confusion).toEqual(cells.flat().filter(({ count }) => count > 0));
        expect(result.count).toBe(rows.length);
      }),
      { numRuns: 60 },
    );
  });

  test('does not take a dead network for a good one', async () => {
    const labels = Array.from({ length: 20 }, (_, index) => index % 10);
    const same = await evaluate(
      labels.map(() => new Array<number>(10).fill(0.5)),
      labels,
    );
    expect([same.accuracy, same.top5]).toEqual([0.1, 0.5]);
    expect(same.loss).toBeCloseTo(Math.log(10), 12);
    const broken = await evaluate(
      labels.map(() => new Array<number>(10).fill(NaN)),
      labels,
    );
    expect([broken.accuracy, broken.top5, broken.loss]).toEqual([0, 0, NaN]);
  });

  test('counts an image with one NaN as wrong', async () => {
    const { accuracy, top5 } = await evaluate(
      [
        [3, NaN, 1],
        [3, 1, 2],
      ],
      [0, 0],
    );
    expect([accuracy, top5]).toEqual([0.5, 0.5]);
  });

  test('is exact for logits beyond the range of exp', async () => {
    expect((await evaluate([[1000, 0]], [1])).loss).toBe(1000);
    expect((await evaluate([[-1000, -2000]], [0])).loss).toBe(0);
  });

  test('tells how far it is and stops when asked', async () => {
    const done: number[] = [];
    const stop = new AbortController();
    const options = { classes: 2, batchSize: 2, signal: stop.signal, onProgress: (count: number) => done.push(count) };
    const rows = [0, 1, 2, 3, 4].map((k) => [k, 1]);
    await evaluateSession(answering(rows), pixel, setOf([0, 0, 0, 0, 0]), options);
    expect(done).toEqual([2, 4, 5]);
    stop.abort(new Error('stopped by the user'));
    await expect(evaluateSession(answering(rows), pixel, setOf([0, 0]), options)).rejects.toThrow(
      'stopped by the user',
    );
  });

  test('holds only confusions that occur: 60,000 classes are no more than their images', async () => {
    const classes = 60_000;
    const labels = [0, 59_999, 59_999, 17];
    const rows = [59_999, 59_999, 59_999, 17].map((best) => {
      const row = new Array<number>(classes).fill(0);
      row[best] = 1;
      return row;
    });
    const { confusion, accuracy } = await evaluate(rows, labels);
    expect(accuracy).toBe(0.75);
    expect(confusion).toEqual([
      { label: 0, predicted: 59_999, count: 1 },
      { label: 17, predicted: 17, count: 1 },
      { label: 59_999, predicted: 59_999, count: 2 },
    ]);
  });

  test('takes fewer images at a time where their logits would not fit into 64 MB', () => {
    expect([2, 10, 62_500, 1e6, 1e8].map(evaluationBatchSize)).toEqual([256, 256, 256, 16, 1]);
    for (const classes of [70_000, 300_000, 4e6]) {
      expect(evaluationBatchSize(classes) * classes * 4).toBeLessThanOrEqual(64e6);
    }
  });

  test('refuses logits of another size than the classes', async () => {
    await expect(evaluateSession(answering([[1, 2, 3]]), pixel, setOf([0]), { classes: 2 })).rejects.toThrow(
      'logits of another size than the images and classes; expected [1, 2], received [1, 3]',
    );
  });

  test('refuses an empty set, and a session without float logits', async () => {
    await expect(evaluate([], [])).rejects.toThrow('no images to evaluate');
    const silent: Session = { ...answering([]), run: () => Promise.resolve({}) };
    await expect(evaluateSession(silent, pixel, setOf([0]), { classes: 2 })).rejects.toThrow(
      'internal: output logits is missing',
    );
  });
});

describe('evaluateModel', () => {
  test('gives the same result for any batch size', async () => {
    const dataset: ImageDataset = syntheticDataset();
    const model = createModel(createBackbone('resnet8', dataset.image), parseHead('hadamard'), dataset.classes.length);
    const options = { batchSize: 4, optimizer: sgd(), labelSmoothing: 0, clipNorm: null };
    const weights = initialTensors(trainingProgram(model, options), 3);
    const runtime = await cpuRuntime();
    const whole = await evaluateModel(runtime, model, weights, dataset, dataset.validation);
    const parts = await evaluateModel(runtime, model, weights, dataset, dataset.validation, { batchSize: 5 });
    expect(parts.predicted).toEqual(whole.predicted);
    expect(parts.loss).toBeCloseTo(whole.loss, 5);
    expect(whole.loss).toBeGreaterThan(0.5);
  });
});
