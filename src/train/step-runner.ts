import { defined, internalError } from '../core/errors.ts';
import { float32, int32, type HostTensor } from '../core/tensor.ts';
import type { Batch } from '../data/dataset.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import type { ImageSize } from '../heads/backbone.ts';
import { lower, type LoweringTarget, type Precision } from '../lowering/lower.ts';
import type { Runtime, Tensors } from '../runtime/runtime.ts';
import { checkPrecision } from './precision.ts';
import { packState, stateBindings, unpackState, type TrainingProgram } from './step-program.ts';

/** `auto` takes the blocked lowering where the runtime has its kernels. */
export type LoweringChoice = 'auto' | 'portable';

export function chooseLowering(
  runtime: Runtime,
  choice: LoweringChoice,
  precision: Precision = 'float32',
): LoweringTarget {
  if (choice === 'portable' || precision === 'mixed') return { kind: 'portable' };
  switch (runtime.blockSize) {
    case 8:
    case 16:
      return { kind: 'blocked', block: runtime.blockSize };
    default:
      return { kind: 'portable' };
  }
}

export interface StepResult {
  readonly loss: number;
  /** Number of images of the batch that were right before the update. */
  readonly correct: number;
  readonly scale: number | undefined;
  /** Steps so far, this one included, whose gradients were not finite in 16-bit floats and that changed nothing. */
  readonly skipped: number;
}

/** A compiled training step with its state on the device. */
export interface ProgramRunner extends AsyncDisposable {
  readonly lowering: LoweringTarget;
  /** Feeds what the forward pass reads and updates the state; the program's outputs. `step` counts from 1. */
  readonly step: (feeds: Tensors, step: number, learningRate: number) => Promise<Tensors>;
  /** Parameters, optimiser state and buffers by checkpoint key. */
  readonly tensors: () => Promise<ReadonlyMap<string, HostTensor>>;
}

/** A compiled training step of an image classifier. */
export interface StepRunner extends Omit<ProgramRunner, 'step'> {
  /** `step` counts from 1. */
  readonly step: (batch: Batch, step: number, learningRate: number) => Promise<StepResult>;
}

function scalarOf(value: HostTensor | undefined, name: string): number {
  if (value?.dtype !== 'float32') throw internalError('training outputs are float32 scalars', { where: name });
  return defined(value.data[0], name);
}

/**
 * Compiles a program for a runtime and starts it from `tensors`; `seed` decides what a sampled softmax draws.
 *
 * @throws a usage error for mixed precision on a device that is not made for it.
 */
export async function openProgram(
  runtime: Runtime,
  program: TrainingProgram,
  tensors: ReadonlyMap<string, HostTensor>,
  choice: LoweringChoice = 'auto',
  seed = 0,
): Promise<ProgramRunner> {
  await checkPrecision(runtime, program.precision);
  const lowering = chooseLowering(runtime, choice, program.precision);
  const session = await runtime.createStatefulSession({
    bytes: toOnnx(lower(program.graph, lowering, program)),
    state: stateBindings(program, packState(program, tensors)),
    outputs: program.outputs,
    memory: program.checkpoint ? 'small' : 'fast',
  });
  return Object.freeze({
    lowering,
    step: async (feeds: Tensors, step: number, learningRate: number) => {
      const scalars = Object.entries(program.scalars(step, learningRate)).map(
        ([name, value]) => [name, float32([], [value])] as const,
      );
      return await session.step({ ...feeds, ...program.feeds(seed, step), ...Object.fromEntries(scalars) });
    },
    tensors: async () => unpackState(program, await session.readState()),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  });
}

/**
 * `openProgram` for an image classifier.
 *
 * @throws a usage error for mixed precision on a device that is not made for it.
 */
export async function openStepRunner(
  runtime: Runtime,
  program: TrainingProgram,
  image: ImageSize,
  tensors: ReadonlyMap<string, HostTensor>,
  choice: LoweringChoice = 'auto',
  seed = 0,
): Promise<StepRunner> {
  const runner = await openProgram(runtime, program, tensors, choice, seed);
  return Object.freeze({
    ...runner,
    step: async (batch: Batch, step: number, learningRate: number) => {
      const feeds = {
        images: float32([batch.size, image.channels, image.height, image.width], batch.images),
        labels: int32([batch.size], batch.labels),
      };
      const outputs = await runner.step(feeds, step, learningRate);
      return {
        loss: scalarOf(outputs['loss'], 'loss'),
        correct: scalarOf(outputs['correct'], 'correct'),
        scale: program.outputs.includes('scale') ? scalarOf(outputs['scale'], 'scale') : undefined,
        skipped: program.outputs.includes('skipped') ? scalarOf(outputs['skipped'], 'skipped') : 0,
      };
    },
  });
}
