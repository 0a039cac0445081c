import { describe, expect, test } from 'vitest';
import { cpuRuntime } from '../../test/support/onnx-runtime.ts';
import { syntheticDataset } from '../../test/support/synthetic-dataset.ts';
import { float32, type HostTensor } from '../core/tensor.ts';
import { createModel } from '../heads/model.ts';
import { parseHead } from '../heads/parse.ts';
import { createBackbone } from '../models/registry.ts';
import { openRuntime } from '../runtime/node.ts';
import type { Device, Runtime } from '../runtime/runtime.ts';
import type { Checkpoint } from './checkpoint.ts';
import { checkPrecision } from './precision.ts';
import { recipe } from './recipe.ts';
import { train, type TrainOptions } from './trainer.ts';

const dataset = syntheticDataset();
const model = createModel(createBackbone('resnet8', dataset.image), parseHead('hadamard'), 4);

/** The CPU in place of a device with 16-bit floats or without. It loads the graphs of one and computes what they say, some of it in float32. */
async function standIn(half: boolean, device: Device = 'cpu'): Promise<Runtime> {
  return { ...(await cpuRuntime()), device, halfPrecision: () => Promise.resolve(half) };
}

async function training(precision: 'float32' | 'mixed', options: Partial<TrainOptions> = {}) {
  const losses: number[] = [];
  const skipped: (number | undefined)[] = [];
  const result = await train({
    model,
    dataset,
    recipe: recipe('default', { epochs: 2, batchSize: 16, precision }),
    seed: 0,
    runtime: await standIn(true),
    lowering: 'portable',
    dataWorkers: 0,
    ...options,
    onEvent: (event) => {
      if (event.kind !== 'step') return;
      losses.push(event.loss);
      skipped.push(event.skipped);
    },
  });
  return { result, losses, skipped };
}

describe('the device', () => {
  test('any may train in float32, and asking for it tries nothing', async () => {
    const never: Runtime = { ...(await cpuRuntime()), halfPrecision: () => Promise.reject(new Error('tried')) };
    await expect(checkPrecision(never)).resolves.toBeUndefined();
    await expect(checkPrecision(never, 'float32')).resolves.toBeUndefined();
  });

  test('must have 16-bit floats for mixed precision', async () => {
    await expect(checkPrecision(await standIn(true, 'webgpu'), 'mixed')).resolves.toBeUndefined();
    await expect(checkPrecision(await standIn(false, 'webgpu'), 'mixed')).rejects.toThrow(
      /no 16-bit floats for webgpu; expected a WebGPU adapter with the feature shader-f16.*train without --precision mixed/,
    );
    await expect(checkPrecision(await standIn(false, 'cuda'), 'mixed')).rejects.toThrow(
      /no 16-bit floats for cuda; expected a GPU that multiplies 16-bit floats/,
    );
  });

  test('is not the CPU', async () => {
    const runtime = await openRuntime({ device: 'cpu', threads: 1 });
    await expect(training('mixed', { runtime })).rejects.toThrow(
      /mixed precision needs a GPU with 16-bit floats; the CPU would be slower.*--device webgpu or cuda/,
    );
  });
});

test('a training reaches the loss of float32', async () => {
  const [plain, mixed] = [await training('float32'), await training('mixed')];
  expect(mixed.losses).toHaveLength(plain.losses.length);
  expect(mixed.losses).not.toEqual(plain.losses);
  const [expected, actual] = [plain, mixed].map(({ result }) => result.epochs.at(-1)?.trainLoss ?? NaN);
  expect(Math.abs((actual ?? NaN) / (expected ?? NaN) - 1)).toBeLessThan(0.05);
  expect(plain.skipped.every((count) => count === undefined)).toBe(true);
  expect([plain.result.skippedSteps, mixed.result.skippedSteps]).toEqual([0, mixed.skipped.at(-1)]);
  expect(mixed.result.weights.get('loss_scale')?.shape).toEqual([1]);
  expect(plain.result.weights.has('loss_scale')).toBe(false);
}, 60_000);

test('a training from a checkpoint continues as if it had not been cut, the loss scale included', async () => {
  const checkpoints: Checkpoint[] = [];
  const store = {
    record: () => Promise.resolve(),
    save: (_: string, checkpoint: Checkpoint) => Promise.resolve(void checkpoints.push(checkpoint)),
  };
  const whole = await training('mixed', { store, saveEverySteps: 1 });
  const middle = checkpoints[Math.floor(checkpoints.length / 2)];
  if (middle === undefined) throw new Error('no checkpoint');
  const rest = await training('mixed', { checkpoint: middle });
  expect(rest.losses).toEqual(whole.losses.slice(middle.step));
  expect(new Map(rest.result.weights)).toEqual(new Map(whole.result.weights));
}, 60_000);

/** A device whose steps are skipped: the count grows, and nothing else happens. */
async function skipping(which: (step: number) => boolean): Promise<Runtime> {
  const runtime = await standIn(true, 'webgpu');
  return {
    ...runtime,
    createStatefulSession: async (program) => {
      const session = await runtime.createStatefulSession(program);
      let [step, skipped] = [0, 0];
      return {
        ...session,
        step: async (feeds) => {
          const outputs = await session.step(feeds);
          if (which(++step)) skipped++;
          const count: HostTensor = float32([1], [skipped]);
          return { ...outputs, skipped: count };
        },
      };
    },
  };
}

describe('skipped steps', () => {
  const long = recipe('default', { epochs: 12, batchSize: 4, precision: 'mixed' });

  test('are told as training goes on', async () => {
    const { skipped } = await training('mixed', { runtime: await skipping((step) => step === 2) });
    expect(skipped.slice(0, 4)).toEqual([0, 1, 1, 1]);
  });

  test('too many in a row end the run with what to try; as many with good ones between do not', async () => {
    await expect(training('mixed', { recipe: long, runtime: await skipping(() => true) })).rejects.toThrow(
      /gradients were not finite in 32 steps in a row, up to step 32.*train without --precision mixed/,
    );
    const { losses } = await training('mixed', { recipe: long, runtime: await skipping((step) => step % 8 !== 0) });
    expect(losses.length).toBeGreaterThan(40);
  }, 60_000);
});
