import { z } from 'zod';
import { inputError } from '../../src/core/errors.ts';
import { randomStream } from '../../src/core/random.ts';
import { float32, int32, type HostTensor } from '../../src/core/tensor.ts';
import { toOnnx } from '../../src/graph/onnx-write.ts';
import { countParameters } from '../../src/heads/index.ts';
import { lower, type LoweringTarget } from '../../src/lowering/lower.ts';
import { openRuntime, type Runtime } from '../../src/runtime/index.ts';
import { initialTensors, packState, stateBindings } from '../../src/train/step-program.ts';
import { stepProgram } from '../train-step.ts';
import { serve } from './serve.ts';

const options = z.object({
  model: z.string(),
  lowering: z.enum(['blocked', 'portable']),
  batch: z.int().positive(),
  image: z.int().positive(),
  classes: z.int().positive(),
  threads: z.int().positive(),
  /** 1: activations are computed again in the backward pass. */
  checkpoint: z.union([z.literal(0), z.literal(1)]),
});

function targetOf(lowering: 'blocked' | 'portable', runtime: Runtime): LoweringTarget | undefined {
  if (lowering === 'portable') return { kind: 'portable' };
  const block = runtime.blockSize;
  return block === 8 || block === 16 ? { kind: 'blocked', block } : undefined;
}

/** One full training step: forward, backward, update and running statistics; images are in memory already. */
await serve(options, async ({ model: name, lowering, batch, image, classes, threads, checkpoint }) => {
  const runtime = await openRuntime({ device: 'cpu', threads });
  const target = targetOf(lowering, runtime);
  if (target === undefined) return "this processor's ONNX Runtime has no blocked layout";
  const program = stepProgram({ name, batch, image, classes, steps: 1, portable: false });
  const session = await runtime.createStatefulSession({
    bytes: toOnnx(lower(program.graph, target, { checkpoint: checkpoint === 1 })),
    state: stateBindings(program, packState(program, initialTensors(program, 0))),
    outputs: program.outputs,
  });
  const random = randomStream(0, 'bench', 'train-step');
  const pixels = Float32Array.from({ length: batch * 3 * image * image }, () => random.normal());
  const images = float32([batch, 3, image, image], pixels);
  const labels = int32(
    [batch],
    Int32Array.from({ length: batch }, () => random.integer(classes)),
  );
  let step = 0;
  return {
    facts: { version: runtime.description, parameters: String(countParameters(program.tensors).trainable) },
    call: async () => {
      step++;
      const feeds: Record<string, HostTensor> = { images, labels };
      for (const [key, value] of Object.entries(program.scalars(step, 0.05))) feeds[key] = float32([], [value]);
      const outputs = await session.step(feeds);
      const loss = Number(outputs['loss']?.data[0]);
      if (!Number.isFinite(loss)) throw inputError('the loss is not a number', { where: `${name}, step ${step}` });
      return undefined;
    },
  };
});
