import { describe, expect, test } from 'vitest';
import { float32, type HostTensor } from '../src/core/tensor.ts';
import { createModel } from '../src/heads/model.ts';
import { hadamard } from '../src/heads/spec.ts';
import { createBackbone } from '../src/models/registry.ts';
import { openRuntime } from '../src/runtime/node.ts';
import type { Runtime } from '../src/runtime/runtime.ts';
import { recipe } from '../src/train/recipe.ts';
import { selfTest } from '../src/train/self-test.ts';
import { train } from '../src/train/trainer.ts';
import { syntheticDataset } from './support/synthetic-dataset.ts';

const cpu = await openRuntime();
const webgpu = await openRuntime({ device: 'webgpu' }).catch((error: unknown) => String(error).split(';')[0]);

/** A CPU runtime that calls itself a GPU and changes every state it gives back: what a wrong kernel looks like from outside. */
function brokenGpu(damage: (value: number) => number): Runtime {
  return {
    ...cpu,
    device: 'webgpu',
    createStatefulSession: async (program) => {
      const session = await cpu.createStatefulSession(program);
      const damaged = (tensor: HostTensor): HostTensor =>
        tensor.dtype === 'float32' ? float32(tensor.shape, tensor.data.map(damage)) : tensor;
      return {
        ...session,
        readState: async () => {
          const state = await session.readState();
          return Object.fromEntries(Object.entries(state).map(([name, tensor]) => [name, damaged(tensor)]));
        },
      };
    },
  };
}

describe('self-test of a GPU before training', () => {
  test('a device that computes what the CPU computes passes and says so', async () => {
    const lines: string[] = [];
    await selfTest(
      brokenGpu((value) => value),
      (line) => lines.push(line),
    );
    expect(lines).toEqual(['webgpu: a small training step agrees with the CPU']);
  }, 60_000);

  test.each([
    ['weights off by a tenth', (value: number) => value * 1.1],
    ['garbage', () => NaN],
  ])(
    '%s: training is refused with what to do',
    async (_name, damage) => {
      await expect(selfTest(brokenGpu(damage))).rejects.toThrow(
        /a training step on webgpu differs from the CPU's.*--device cpu/,
      );
    },
    60_000,
  );

  test('the CPU is not tested against itself', async () => {
    const never: Runtime = { ...cpu, createStatefulSession: () => Promise.reject(new Error('must not run')) };
    await expect(selfTest(never)).resolves.toBeUndefined();
  });
});

const missing = typeof webgpu === 'string' ? ` (skipped: ${webgpu})` : '';
describe.skipIf(typeof webgpu === 'string')(`training on WebGPU${missing}`, () => {
  test('the self-test passes and two steps of ResNet-8 follow the CPU', async () => {
    if (typeof webgpu !== 'object') return;
    await selfTest(webgpu);
    const dataset = syntheticDataset({ train: 8, validation: 4, classes: 3, channels: 3, size: 8 });
    const losses = async (runtime: Runtime): Promise<number[]> => {
      const seen: number[] = [];
      await train({
        model: createModel(createBackbone('resnet8', dataset.image), hadamard(), 3),
        dataset,
        recipe: recipe('default', { epochs: 1, batchSize: 4 }),
        seed: 0,
        runtime,
        lowering: 'portable',
        dataWorkers: 0,
        onEvent: (event) => {
          if (event.kind === 'step') seen.push(event.loss);
        },
      });
      return seen;
    };
    const [onGpu, onCpu] = [await losses(webgpu), await losses(cpu)];
    expect(onGpu).toHaveLength(2);
    // Float32 in another order of summation; the loss is of order one.
    onGpu.forEach((loss, index) => {
      expect(loss).toBeCloseTo(onCpu[index] ?? NaN, 4);
    });
  }, 180_000);
});
