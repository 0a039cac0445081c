import { z } from 'zod';
import { randomStream } from '../../src/core/random.ts';
import { float32, type HostTensor } from '../../src/core/tensor.ts';
import { createBuilder } from '../../src/graph/builder.ts';
import { pad, slice } from '../../src/graph/functions.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { toOnnx } from '../../src/graph/onnx-write.ts';
import { createHead, headSpec, type Head } from '../../src/heads/index.ts';
import { createLayerContext } from '../../src/nn/layer-context.ts';
import { initialValues } from '../../src/nn/parameters.ts';
import { openRuntime } from '../../src/runtime/index.ts';
import { classifierGraph } from '../../src/train/inference-graph.ts';
import { serve } from './serve.ts';

const options = z.object({
  head: z.enum(['learned', 'hadamard', 'copy']),
  features: z.int().positive(),
  classes: z.int().positive(),
  batch: z.int().positive(),
  threads: z.int().positive(),
});

function initialWeights(head: Head): Map<string, HostTensor> {
  const b = createBuilder('parameters');
  const c = createLayerContext(b);
  head.logits(c, b.input('features', 'float32', [1, head.features]));
  return new Map(c.tensors().parameters.map((spec) => [spec.name, float32(spec.shape, initialValues(spec, 0))]));
}

/** The features as they are, cut or filled up with zeros to `classes`. */
function copyGraph(features: number, classes: number): Graph {
  const b = createBuilder('copy');
  const x = b.input('features', 'float32', ['batch', features]);
  b.output(classes > features ? pad(b, x, [0, 0, 0, classes - features]) : slice(b, x, 1, 0, classes), 'logits');
  return b.build();
}

function headGraph(kind: 'learned' | 'hadamard', features: number, classes: number): Graph {
  // All N rows of a Hadamard matrix serve as classes only where features may be negative.
  const sign = classes >= features ? 'signed' : 'non-negative';
  const head = createHead(headSpec(kind), { classes, features, sign });
  return classifierGraph(head, initialWeights(head));
}

/** The exported classifier alone, from features in memory to logits in memory, the call into the runtime included. */
await serve(options, async ({ head: kind, features: length, classes, batch, threads }) => {
  const runtime = await openRuntime({ device: 'cpu', threads });
  const graph = kind === 'copy' ? copyGraph(length, classes) : headGraph(kind, length, classes);
  const session = await runtime.createSession(toOnnx(graph), 'inference');
  const random = randomStream(0, 'bench', 'head');
  const values = Float32Array.from({ length: batch * length }, () => Math.abs(random.normal()));
  const features = float32([batch, length], values);
  return {
    facts: { version: runtime.description },
    call: async () => {
      await session.run({ features });
      return undefined;
    },
  };
});
