import { z } from 'zod';
import { randomStream } from '../../src/core/random.ts';
import { sizeOf, staticShape } from '../../src/core/shape.ts';
import { float32, type HostTensor } from '../../src/core/tensor.ts';
import { toOnnx } from '../../src/graph/onnx-write.ts';
import { lowerBlocked } from '../../src/lowering/blocked.ts';
import { lower } from '../../src/lowering/lower.ts';
import { collapseReshapes, prune } from '../../src/lowering/tidy.ts';
import { openRuntime, type Runtime } from '../../src/runtime/index.ts';
import { unrolledGraph, type RecurrencePart, type RecurrenceSizes } from '../recurrence-graphs.ts';
import { operatorBytes, scanBytes } from '../recurrence-operators.ts';
import { serve } from './serve.ts';

const options = z.object({
  form: z.enum(['unrolled', 'unmerged', 'Scan', 'operator']),
  part: z.enum(['forward', 'step']),
  steps: z.int().positive(),
  batch: z.int().positive(),
  hidden: z.int().positive(),
  layers: z.int().positive(),
  threads: z.int().positive(),
});

type Form = z.infer<typeof options>['form'];

function bytesOf(form: Form, sizes: RecurrenceSizes, part: RecurrencePart, runtime: Runtime): Uint8Array {
  const block = runtime.blockSize === 8 || runtime.blockSize === 16 ? runtime.blockSize : 16;
  switch (form) {
    case 'unrolled':
      return toOnnx(lower(unrolledGraph(sizes, part), { kind: 'blocked', block }));
    // As `lower` does it, without merging products. There is nothing to fuse or to align.
    case 'unmerged':
      return toOnnx(prune(collapseReshapes(lowerBlocked(unrolledGraph(sizes, part), block))));
    case 'Scan':
      return scanBytes(sizes, part);
    case 'operator':
      return operatorBytes(sizes);
    default:
      return form satisfies never;
  }
}

/** The same numbers for every form, by the name of the input: a weight's are small. */
function feedsFor(sizes: RecurrenceSizes, part: RecurrencePart): Record<string, HostTensor> {
  const graph = unrolledGraph(sizes, part);
  return Object.fromEntries(
    graph.inputs.map((name) => {
      const shape = staticShape(graph.types.get(name)?.shape ?? [], name);
      const random = randomStream(0, 'bench', 'lm-recurrence', name);
      const bound = /weight|bias/.test(name) ? 1 / Math.sqrt(sizes.hidden) : 1;
      const values = Float32Array.from({ length: sizeOf(shape) }, () => bound * (2 * random.uniform() - 1));
      return [name, float32(shape, values)] as const;
    }),
  );
}

/** Σ over the outputs of Σ |value|, to 4 digits: who computes something else shows. */
const summary = (outputs: Readonly<Record<string, HostTensor>>): string =>
  Object.keys(outputs)
    .toSorted()
    .map((name) => {
      const data = outputs[name]?.data;
      const total = data instanceof Float32Array ? data.reduce((sum, value) => sum + Math.abs(value), 0) : NaN;
      return `${name} ${total.toPrecision(4)}`;
    })
    .join(', ');

/** A stack of LSTM layers over a window: its outputs, or with gradients. All inputs are in memory already. */
await serve(options, async ({ form, part, threads, ...sizes }) => {
  const runtime = await openRuntime({ device: 'cpu', threads });
  const session = await runtime.createSession(bytesOf(form, sizes, part, runtime), 'training');
  const feeds = feedsFor(sizes, part);
  return {
    facts: { version: runtime.description, results: summary(await session.run(feeds)) },
    call: async () => {
      await session.run(feeds);
      return undefined;
    },
  };
});
