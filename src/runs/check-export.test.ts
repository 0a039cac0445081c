import { describe, expect, it } from 'vitest';
import { cpuRuntime } from '../../test/support/onnx-runtime.ts';
import { syntheticDataset } from '../../test/support/synthetic-dataset.ts';
import { randomStream } from '../core/random.ts';
import { float32, type HostTensor } from '../core/tensor.ts';
import { createModel, modelTensors, type Model } from '../heads/model.ts';
import { parseHead } from '../heads/parse.ts';
import { createBackbone } from '../models/registry.ts';
import type { Weights } from '../nn/layer-context.ts';
import { headToJson } from '../wasm/index.ts';
import { checkSplit, checkTopClasses, type ExportTest } from './check-export.ts';
import { describeHead } from './describe-head.ts';
import { exportBackbone, exportTopClasses } from './export.ts';

const data = syntheticDataset({ channels: 3 });

/** Weights as training might leave them: batch normalisations have something to fold. */
function someWeights(model: Model): Weights {
  const { parameters, buffers } = modelTensors(model);
  return new Map(
    [...parameters, ...buffers].map(({ name, shape }): [string, HostTensor] => {
      const random = randomStream('weights', name);
      const draw = (): number => {
        if (name.endsWith('running_var')) return 0.2 + random.uniform();
        if (name === 'head.scale') return 9;
        return shape.length === 1 ? 0.5 + 0.3 * random.normal() : 0.1 * random.normal();
      };
      return [name, float32(shape, Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, draw))];
    }),
  );
}

async function testOf(head: string, classes: number, backbone = 'resnet8'): Promise<ExportTest> {
  const model = createModel(createBackbone(backbone, data.image), parseHead(head), classes);
  return { runtime: await cpuRuntime(), model, weights: someWeights(model), data };
}

const named = (classes: number) => ({
  classes: Array.from({ length: classes }, (_, index) => `class ${index}`),
  normalization: data.normalization,
});

/** A head with one number changed, and another array of biases. */
function headText({ model, weights }: ExportTest, change: object = {}): string {
  return JSON.stringify(headToJson({ ...describeHead(model.head, weights), ...change }));
}

describe('checkSplit', () => {
  it.each([
    ['hadamard', 7],
    ['biorthogonal', 100],
    // More bases than one, centred: resnet8 has 64 non-negative features.
    ['coset', 300],
    ['coset:signs=on', 3000],
    ['simplex', 40],
  ])('a folded backbone and a head of %s with %i classes agree with the model', async (head, classes) => {
    const test = await testOf(head, classes);
    await checkSplit(test, exportBackbone(test.model, test.weights, data), headText(test));
  });

  it('notices a wrong head and a wrong backbone', async () => {
    const test = await testOf('hadamard', 7);
    const backbone = exportBackbone(test.model, test.weights, data);
    const message = /the exported model does not agree with the trained one; expected logit .* of class \d, .*received/;
    await expect(checkSplit(test, backbone, headText(test, { scale: 12 }))).rejects.toThrow(message);
    await expect(
      checkSplit(test, backbone, headText(test, { codes: Uint32Array.of(1, 0, 2, 3, 4, 5, 6) })),
    ).rejects.toThrow(message);
    const shifted = { normalization: { mean: [0, 0, 0], std: [1, 1, 1] } };
    await expect(checkSplit(test, exportBackbone(test.model, test.weights, shifted), headText(test))).rejects.toThrow(
      message,
    );
  });
});

describe('checkTopClasses', () => {
  it.each([
    ['learned', 7, 7],
    ['coset', 300, 10],
  ])('%s with %i classes: the best %i agree with the model', async (head, classes, k) => {
    const test = await testOf(head, classes);
    await checkTopClasses(test, exportTopClasses(test.model, test.weights, named(classes), k), k);
  });

  it('notices classes that are not the best, and logits that are not theirs', async () => {
    const test = await testOf('hadamard', 7);
    const { model, weights } = test;
    const message = /the exported model does not agree .*; expected the classes of the logits .*, received classes \d/;
    const withBias = (bias: readonly number[]) => new Map([...weights, ['head.bias', float32([7], bias)]] as const);
    for (const bias of [
      [9, 0, 0, 0, 0, 0, 0],
      [1, 1, 1, 1, 1, 1, 1],
    ]) {
      const bytes = exportTopClasses(model, withBias(bias), named(7), 3);
      await expect(checkTopClasses(test, bytes, 3)).rejects.toThrow(message);
    }
  });
});
