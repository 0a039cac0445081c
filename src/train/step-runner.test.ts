import { describe, expect, test } from 'vitest';
import { expectAllclose } from '../../test/support/allclose.ts';
import { cpuRuntime } from '../../test/support/onnx-runtime.ts';
import { syntheticDataset } from '../../test/support/synthetic-dataset.ts';
import { toNdArray } from '../../test/reference/evaluate.ts';
import { defined } from '../core/errors.ts';
import { evaluationBatches } from '../data/batches.ts';
import { createModel } from '../heads/model.ts';
import { parseHead } from '../heads/parse.ts';
import { createBackbone } from '../models/registry.ts';
import { adamw } from '../optim/optimizer.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { chooseLowering, openStepRunner, type LoweringChoice } from './step-runner.ts';
import { initialTensors } from './step-program.ts';
import { trainingProgram } from './training-program.ts';

const dataset = syntheticDataset();
const model = createModel(createBackbone('resnet8', dataset.image), parseHead('hadamard'), 4);
const program = trainingProgram(model, { batchSize: 16, optimizer: adamw(), labelSmoothing: 0, clipNorm: null });

describe('chooseLowering', () => {
  test.each([
    [8, 'auto', { kind: 'blocked', block: 8 }],
    [16, 'auto', { kind: 'blocked', block: 16 }],
    [0, 'auto', { kind: 'portable' }],
    [4, 'auto', { kind: 'portable' }],
    [16, 'portable', { kind: 'portable' }],
  ] as const)('block size %i, %s', async (blockSize, choice, target) => {
    const runtime: Runtime = { ...(await cpuRuntime()), blockSize };
    expect(chooseLowering(runtime, choice)).toEqual(target);
  });
});

describe('openStepRunner', () => {
  const [batch] = [...evaluationBatches(dataset.validation, dataset.image, dataset.normalization, 16)];

  async function twoSteps(choice: LoweringChoice) {
    const runtime = await cpuRuntime();
    await using runner = await openStepRunner(runtime, program, model.image, initialTensors(program, 0), choice);
    const before = await runner.tensors();
    const images = defined(batch, 'batch');
    const results = [await runner.step(images, 1, 0.001), await runner.step(images, 2, 0.001)];
    return { before, results, after: await runner.tensors() };
  }

  test('starts from the given tensors and keeps the state between steps', async () => {
    const { before, results, after } = await twoSteps('portable');
    const initial = initialTensors(program, 0);
    expect(new Map(before)).toEqual(new Map([...before.keys()].map((key) => [key, initial.get(key)])));
    expect(before.size).toBe(initial.size);
    expect(results.map(({ scale }) => scale)).toEqual([8, expect.closeTo(8, 2)]);
    expect(results[1]?.scale).not.toBe(8);
    expect(results[1]?.loss).toBeLessThan(results[0]?.loss ?? 0);
    for (const { correct } of results)
      expect([correct >= 0, correct <= 16, Number.isInteger(correct)]).toEqual([true, true, true]);
    expect(after.get('conv1.weight')).not.toEqual(before.get('conv1.weight'));
  });

  test('gives the same steps with either lowering', async () => {
    const [portable, chosen] = [await twoSteps('portable'), await twoSteps('auto')];
    for (const [index, { loss, correct }] of portable.results.entries()) {
      expect(chosen.results[index]?.loss).toBeCloseTo(loss, 5);
      expect(chosen.results[index]?.correct).toBe(correct);
    }
    // Adam divides by the root of squared gradients: where a gradient is almost 0, its rounding decides about a whole step of 0.001.
    for (const [key, value] of portable.after) {
      if (key.startsWith('mean/') || key.startsWith('square/')) continue;
      const [a, b] = [toNdArray(defined(chosen.after.get(key), key)).data, toNdArray(value).data];
      expectAllclose(a, b, { what: key, atol: 0.005 });
    }
  });

  test('draws what a sampled softmax needs from the seed and the step, so that a run that goes on draws the same', async () => {
    const many = createModel(createBackbone('resnet8', dataset.image), parseHead('coset'), 1500);
    const sampled = trainingProgram(many, {
      batchSize: 16,
      optimizer: adamw(),
      labelSmoothing: 0,
      clipNorm: null,
      softmax: { kind: 'sampled', bases: 2 },
    });
    const runtime = await cpuRuntime();
    const lossAt = async (seed: number, step: number): Promise<number> => {
      const start = initialTensors(sampled, 0);
      await using runner = await openStepRunner(runtime, sampled, many.image, start, 'portable', seed);
      return (await runner.step(defined(batch, 'batch'), step, 0)).loss;
    };
    const first = await lossAt(1, 1);
    expect(await lossAt(1, 1)).toBe(first);
    expect(await lossAt(1, 2)).not.toBe(first);
    expect(await lossAt(2, 1)).not.toBe(first);
  });
});
