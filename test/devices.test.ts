import { describe, expect, test } from 'vitest';
import { float32, int32, type HostTensor } from '../src/core/tensor.ts';
import { createModel } from '../src/heads/model.ts';
import { hadamard } from '../src/heads/spec.ts';
import { createBackbone } from '../src/models/registry.ts';
import { openRuntime } from '../src/runtime/node.ts';
import type { Runtime } from '../src/runtime/runtime.ts';
import { toOnnx } from '../src/graph/onnx-write.ts';
import { lower } from '../src/lowering/lower.ts';
import { sgd } from '../src/optim/optimizer.ts';
import { initialTensors, packState, stateBindings } from '../src/train/step-program.ts';
import { trainingProgram } from '../src/train/training-program.ts';
import { checkPrecision } from '../src/train/precision.ts';
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

  test('in mixed precision products may round to 16 bits, but not to something else', async () => {
    const lines: string[] = [];
    const log = (line: string): void => void lines.push(line);
    await selfTest(
      brokenGpu((value) => value * (1 + 2 ** -9)),
      log,
      'mixed',
    );
    expect(lines).toEqual(['webgpu: a small training step in mixed precision agrees with the CPU']);
    await expect(
      selfTest(
        brokenGpu((value) => value * 1.1),
        undefined,
        'mixed',
      ),
    ).rejects.toThrow(
      /a training step on webgpu differs from the CPU's.*in 16-bit floats; train without --precision mixed/,
    );
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

  describe('mixed precision', () => {
    const image = { channels: 1, height: 8, width: 8 };
    const mixed = trainingProgram(createModel(createBackbone('mlp', image), hadamard(), 3), {
      ...{ batchSize: 4, optimizer: sgd(), labelSmoothing: 0, clipNorm: null, precision: 'mixed' as const },
    });

    /** One step of the program, its products in 16 bits or, for comparison, in float32. */
    async function step(runtime: Runtime, precision: 'mixed' | 'float32', lossScale: number) {
      const tensors = new Map([...initialTensors(mixed, 0), ['loss_scale', float32([1], [lossScale])] as const]);
      await using session = await runtime.createStatefulSession({
        bytes: toOnnx(lower(mixed.graph, { kind: 'portable' }, { precision })),
        state: stateBindings(mixed, packState(mixed, tensors)),
        outputs: mixed.outputs,
      });
      const images = float32(
        [4, 1, 8, 8],
        Float32Array.from({ length: 256 }, (_, i) => Math.sin(i)),
      );
      const feeds = { images, labels: int32([4], [0, 1, 2, 0]), learning_rate: float32([], [0.1]) };
      const { loss, skipped } = await session.step(feeds);
      return { loss: Number(loss?.data[0]), skipped: Number(skipped?.data[0]), state: await session.readState() };
    }

    test('the loss scale works on this device: a step counts, and one that overflows changes nothing', async () => {
      if (typeof webgpu !== 'object') return;
      const [gpu, host] = [await step(webgpu, 'float32', 1024), await step(cpu, 'float32', 1024)];
      expect(gpu.loss).toBeCloseTo(host.loss, 4);
      expect([gpu.skipped, gpu.state['loss_scaling']]).toEqual([0, float32([3], [1024, 1, 0])]);
      const overflown = await step(webgpu, 'float32', 3e38);
      expect([overflown.skipped, overflown.state['loss_scaling']]).toEqual([1, float32([3], [1.5e38, 0, 1])]);
      for (const [name, value] of Object.entries(packState(mixed, initialTensors(mixed, 0))))
        if (name !== 'loss_scaling') expect(overflown.state[name], name).toEqual(value);
    }, 180_000);

    test('trains where the adapter has 16-bit floats, and is refused where it has none', async () => {
      if (typeof webgpu !== 'object') return;
      if (!(await webgpu.halfPrecision())) {
        // Every operator has a kernel for 16 bits; only the adapter's shaders lack them.
        const noFallback = await openRuntime({ device: 'webgpu', cpuFallback: false });
        await expect(step(noFallback, 'mixed', 1024)).rejects.toThrow(
          /requires f16 but the device does not support it/,
        );
        await expect(checkPrecision(webgpu, 'mixed')).rejects.toThrow(/a WebGPU adapter with the feature shader-f16/);
        return;
      }
      const [gpu, host] = [await step(webgpu, 'mixed', 1024), await step(cpu, 'float32', 1024)];
      expect(Math.abs(gpu.loss / host.loss - 1)).toBeLessThan(2 ** -6);
      expect(gpu.skipped).toBe(0);
    }, 180_000);
  });
});
