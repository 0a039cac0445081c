import { z } from 'zod';
import { inputError } from '../../src/core/errors.ts';
import { randomStream } from '../../src/core/random.ts';
import { float32, int32, type HostTensor } from '../../src/core/tensor.ts';
import { toOnnx } from '../../src/graph/onnx-write.ts';
import { lower } from '../../src/lowering/lower.ts';
import { openRuntime } from '../../src/runtime/index.ts';
import { wordGraph, wordTable } from '../word-graph.ts';
import { serve } from './serve.ts';

const options = z.object({
  batch: z.int().positive(),
  features: z.int().positive(),
  words: z.int().positive(),
  threads: z.int().positive(),
  kind: z.enum(['learned', 'fixed', 'hadamard', 'products-learned', 'products-fixed']),
});

/** Loss and gradients of the softmax over a vocabulary, or its matrix products alone. */
await serve(options, async ({ threads, ...place }) => {
  const { batch, features, words } = place;
  const runtime = await openRuntime({ device: 'cpu', threads });
  const session = await runtime.createSession(toOnnx(lower(wordGraph(place), { kind: 'portable' })), 'training');
  const random = randomStream(0, 'bench', 'hidden');
  const all: Readonly<Record<string, () => HostTensor>> = {
    hidden: () =>
      float32(
        [batch, features],
        Float32Array.from({ length: batch * features }, () => random.normal()),
      ),
    labels: () =>
      int32(
        [batch],
        Int32Array.from({ length: batch }, () => random.integer(words)),
      ),
    bias: () => float32([words], new Float32Array(words)),
    table: () => float32([words, features], wordTable(place)),
  };
  const given = Object.fromEntries(
    Object.entries(all).flatMap(([name, make]) => (session.inputNames.includes(name) ? [[name, make()]] : [])),
  );
  return {
    facts: { version: runtime.description },
    call: async () => {
      const { loss } = await session.run(given);
      if (loss !== undefined && !Number.isFinite(loss.data[0])) throw inputError('the loss is not a number');
      return undefined;
    },
  };
});
