import { z } from 'zod';
import { defined, inputError } from '../../src/core/errors.ts';
import { randomStream } from '../../src/core/random.ts';
import { float32, int32, type HostTensor } from '../../src/core/tensor.ts';
import { toOnnx } from '../../src/graph/onnx-write.ts';
import { lower } from '../../src/lowering/lower.ts';
import { openRuntime } from '../../src/runtime/index.ts';
import { HEAD_STATE, headStepGraph } from '../head-step.ts';
import { serve } from './serve.ts';

const options = z.object({
  features: z.int().positive(),
  classes: z.int().positive(),
  batch: z.int().positive(),
  threads: z.int().positive(),
  softmax: z.enum(['full', 'streaming', 'sampled']),
  /** Of a sampled softmax. */
  bases: z.int().positive(),
  bias: z.enum(['on', 'off']),
});

/** A training step of the head alone; features are in memory already, as a backbone leaves them. */
await serve(options, async ({ features, classes, batch, threads, softmax, bases, bias }) => {
  const runtime = await openRuntime({ device: 'cpu', threads });
  const kind = softmax === 'sampled' ? { kind: softmax, bases } : { kind: softmax };
  const { graph, feeds } = headStepGraph({ features, classes, batch, softmax: kind, bias: bias === 'on' });
  const session = await runtime.createSession(toOnnx(lower(graph, { kind: 'portable' })), 'training');
  const random = randomStream(0, 'bench', 'million');
  const given: Record<string, HostTensor> = {
    features: float32(
      [batch, features],
      Float32Array.from({ length: batch * features }, () => random.normal()),
    ),
    labels: int32(
      [batch],
      Int32Array.from({ length: batch }, () => random.integer(classes)),
    ),
    learning_rate: float32([], [0.05]),
    'head.scale': float32([1], [Math.sqrt(features)]),
    momentum: float32([1], [0]),
  };
  if (bias === 'on') given['head.bias'] = float32([classes], new Float32Array(classes));
  let step = 0;
  return {
    facts: { version: runtime.description },
    call: async () => {
      step++;
      const outputs = await session.run({ ...given, ...feeds(0, step) });
      const loss = Number(outputs['loss']?.data[0]);
      if (!Number.isFinite(loss)) throw inputError('the loss is not a number', { where: `step ${step}` });
      for (const [output, input] of Object.entries(HEAD_STATE)) given[input] = defined(outputs[output], output);
      return undefined;
    },
  };
});
