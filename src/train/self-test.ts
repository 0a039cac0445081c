import { inputError } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import { float32, int32, type HostTensor } from '../core/tensor.ts';
import type { Value } from '../graph/builder.ts';
import { add, flatten, globalAveragePool, relu } from '../graph/functions.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import type { Backbone } from '../heads/backbone.ts';
import { createModel } from '../heads/model.ts';
import { headSpec } from '../heads/spec.ts';
import { lower, type Precision } from '../lowering/lower.ts';
import { batchNorm, conv2d } from '../nn/layers.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import { sgd } from '../optim/optimizer.ts';
import { openRuntime } from '../runtime/node.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { initialTensors, packState, stateBindings, type TrainingProgram } from './step-program.ts';
import { trainingProgram } from './training-program.ts';

/** A residual network small enough to step in a moment, with each kind of layer that the models use. */
const probe: Backbone = Object.freeze({
  name: 'self-test',
  image: { channels: 3, height: 8, width: 8 },
  features: 16,
  sign: 'non-negative' as const,
  forward: (c: LayerContext, images: Value) => {
    const stem = relu(c.b, batchNorm(c, 'bn1', conv2d(c, 'conv1', images, { channels: 16, kernel: 3 })));
    const residual = batchNorm(c, 'bn2', conv2d(c, 'conv2', stem, { channels: 16, kernel: 3 }));
    const halved = conv2d(c, 'conv3', relu(c.b, add(c.b, residual, stem)), { channels: 16, kernel: 3, stride: 2 });
    const shortcut = conv2d(c, 'shortcut', stem, { channels: 16, kernel: 1, stride: 2 });
    return flatten(c.b, globalAveragePool(c.b, relu(c.b, add(c.b, halved, shortcut))));
  },
});

const BATCH = 4;
/** Float32 sums in another order differ by some 1e-6 of the largest entry here; wrong kernels were seen to differ by 1e-1. */
const LARGEST_DIFFERENCE = 1e-3;
/** Likewise for products in 16-bit floats, whose rounding is 2⁻¹¹: a few thousandths here. */
const LARGEST_MIXED_DIFFERENCE = 0.05;
/** A scale of the loss at which no gradient of this network overflows. */
const LOSS_SCALE = 256;

async function stateAfterOneStep(
  runtime: Runtime,
  program: TrainingProgram,
  initial: Readonly<Record<string, HostTensor>>,
  precision: Precision,
) {
  const random = randomStream(0, 'self-test');
  const { channels, height, width } = probe.image;
  const pixels = Float32Array.from({ length: BATCH * channels * height * width }, () => random.normal());
  await using session = await runtime.createStatefulSession({
    bytes: toOnnx(lower(program.graph, { kind: 'portable' }, { precision })),
    state: stateBindings(program, initial),
    outputs: program.outputs,
  });
  const scalars = Object.entries(program.scalars(1, 0.1)).map(([name, value]) => [name, float32([], [value])] as const);
  await session.step({
    images: float32([BATCH, channels, height, width], pixels),
    labels: int32([BATCH], [0, 1, 2, 0]),
    ...Object.fromEntries(scalars),
  });
  return await session.readState();
}

/** Largest difference of two tensors relative to the largest entry of the first. */
function relativeDifference(expected: HostTensor | undefined, actual: HostTensor | undefined): number {
  if (expected?.dtype !== 'float32' || actual?.dtype !== 'float32') return Infinity;
  let [difference, largest] = [0, 1e-12];
  expected.data.forEach((value, index) => {
    const other = actual.data[index] ?? NaN;
    difference = Math.max(difference, Number.isNaN(other) ? Infinity : Math.abs(value - other));
    largest = Math.max(largest, Math.abs(value));
  });
  return difference / largest;
}

/**
 * Compares one small training step on a GPU with the same step on the CPU. GPU kernels were seen to be silently wrong for
 * some shapes, and a run that trains on garbage looks like a run. Does nothing on the CPU.
 *
 * @param precision in mixed precision the GPU's step is compared with the CPU's in float32.
 * @throws an input error if the device computes something else.
 */
export async function selfTest(
  runtime: Runtime,
  log: (line: string) => void = () => undefined,
  precision: Precision = 'float32',
): Promise<void> {
  if (runtime.device === 'cpu') return;
  const model = createModel(probe, headSpec('hadamard'), 3);
  const program = trainingProgram(model, {
    batchSize: BATCH,
    optimizer: sgd(),
    labelSmoothing: 0,
    clipNorm: null,
    precision,
  });
  const scale = precision === 'mixed' ? ([['loss_scale', float32([1], [LOSS_SCALE])]] as const) : [];
  const initial = packState(program, new Map([...initialTensors(program, 0), ...scale]));
  const cpu = await openRuntime({ device: 'cpu' });
  const [expected, actual] = [
    await stateAfterOneStep(cpu, program, initial, 'float32'),
    await stateAfterOneStep(runtime, program, initial, precision),
  ];
  const allowed = precision === 'mixed' ? LARGEST_MIXED_DIFFERENCE : LARGEST_DIFFERENCE;
  for (const { input } of program.state) {
    const difference = relativeDifference(expected[input], actual[input]);
    if (difference > allowed) {
      throw inputError(`a training step on ${runtime.device} differs from the CPU's`, {
        where: input,
        expected: `a relative difference below ${allowed}`,
        received: difference.toExponential(1),
        hint:
          precision === 'mixed'
            ? 'this device or its driver computes wrongly in 16-bit floats; train without --precision mixed'
            : 'this device or its driver computes wrongly; train with --device cpu',
      });
    }
  }
  log(
    `${runtime.device}: a small training step${precision === 'mixed' ? ' in mixed precision' : ''} agrees with the CPU`,
  );
}
