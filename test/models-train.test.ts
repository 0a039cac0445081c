import { describe, expect, test } from 'vitest';
import { randomStream } from '../src/core/random.ts';
import { createModel } from '../src/heads/model.ts';
import { parseHead } from '../src/heads/parse.ts';
import { createBackbone } from '../src/models/registry.ts';
import { sgd } from '../src/optim/optimizer.ts';
import { initialTensors } from '../src/train/step-program.ts';
import { trainingProgram } from '../src/train/training-program.ts';
import { openStepRunner, type LoweringChoice } from '../src/train/step-runner.ts';
import { cpuRuntime } from './support/onnx-runtime.ts';

/**
 * A training step of every family of models builds, lowers both ways, runs in ONNX Runtime and learns: the loss of one batch falls in
 * three small steps, and the two lowerings agree on it at the start.
 */
const BATCH = 4;
const CLASSES = 10;

const cases = [
  ['resnet18', 64, 'hadamard'],
  ['densenet22-bc12', 16, 'hadamard'],
  ['densenet22-bc12:features=32', 16, 'hadamard'],
  ['shufflenet', 64, 'orthonormal'],
  ['shufflenetv2-x0.5', 64, 'hadamard'],
  ['mobilenetv2', 64, 'simplex'],
  ['vit-ti16', 32, 'hadamard'],
] as const;

describe.each(cases)('%s on %i pixels with a %s head', (name, side, head) => {
  test('learns one batch, the same with either lowering', async () => {
    const image = { channels: 3, height: side, width: side };
    const model = createModel(createBackbone(name, image), parseHead(head), CLASSES);
    // Clipped, so that the first steps of untrained depthwise filters, whose gradients are large, stay small.
    const optimizer = sgd({ momentum: 0, weightDecay: 0 });
    const program = trainingProgram(model, { batchSize: BATCH, optimizer, labelSmoothing: 0, clipNorm: 1 });
    const tensors = initialTensors(program, 0);
    const random = randomStream('batch', name);
    const images = Float32Array.from({ length: BATCH * 3 * side * side }, random.normal);
    const labels = Int32Array.from({ length: BATCH }, (_, index) => (index * 3) % CLASSES);
    const losses = async (choice: LoweringChoice): Promise<readonly number[]> => {
      await using runner = await openStepRunner(await cpuRuntime(), program, image, tensors, choice);
      const found: number[] = [];
      for (const step of [1, 2, 3]) found.push((await runner.step({ images, labels, size: BATCH }, step, 0.02)).loss);
      return found;
    };
    const [portable, chosen] = [await losses('portable'), await losses('auto')];
    for (const [first = NaN, second = NaN, third = NaN] of [portable, chosen]) {
      expect(second).toBeLessThan(first);
      expect(third).toBeLessThan(second);
      expect(third).toBeGreaterThan(0);
    }
    expect(chosen[0]).toBeCloseTo(portable[0] ?? NaN, 3);
  }, 300_000);
});
