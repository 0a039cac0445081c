import { beforeAll, describe, expect, test } from 'vitest';
import { evaluateGraph } from '../../test/reference/evaluate.ts';
import type { NdArray } from '../../test/reference/array.ts';
import { expectAllclose } from '../../test/support/allclose.ts';
import { cpuRuntime, runOnnx } from '../../test/support/onnx-runtime.ts';
import { defined } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import { isStatic, sizeOf } from '../core/shape.ts';
import { createBuilder, type Builder, type Value } from '../graph/builder.ts';
import { conv } from '../graph/functions.ts';
import { countOperators, type Graph } from '../graph/graph.ts';
import { lower, type LoweringTarget } from './lower.ts';

/** Unit roundoff of float32. */
const EPSILON = 2 ** -24;

let block: 8 | 16 | undefined;
beforeAll(async () => {
  const { blockSize } = await cpuRuntime();
  block = blockSize === 8 || blockSize === 16 ? blockSize : undefined;
});

function build(body: (b: Builder) => readonly Value[]): Graph {
  const b = createBuilder('case');
  for (const value of body(b)) b.output(value);
  return b.build();
}

/** Standard normal numbers for every input, exactly representable in float32. */
function normalFeeds(graph: Graph, seed: string): Map<string, NdArray> {
  return new Map(
    graph.inputs.map((name) => {
      const { shape } = defined(graph.types.get(name), name);
      if (!isStatic(shape)) throw new Error('static shapes only');
      const random = randomStream(seed, name);
      const data = Float64Array.from({ length: sizeOf(shape) }, () => Math.fround(random.normal()));
      return [name, { shape, data }];
    }),
  );
}

/**
 * Lowers and runs the graph, and compares every output with the float64 evaluation of the macro operators. Sums of
 * `length` products of standard normal numbers have rounding errors of the order of length·ε.
 */
async function expectLowered(
  graph: Graph,
  target: LoweringTarget,
  length: number,
  feeds = normalFeeds(graph, 'normal'),
): Promise<Graph> {
  const expected = evaluateGraph(graph, feeds);
  const lowered = lower(graph, target);
  const results = await runOnnx(lowered, feeds);
  expect([...results.keys()]).toEqual(graph.outputs);
  for (const name of graph.outputs) {
    const [actual, reference] = [defined(results.get(name), name), defined(expected.get(name), name)];
    expect(actual.shape).toEqual(reference.shape);
    const { data, shape } = reference;
    expectAllclose(actual.data, data, { what: name, atol: (8 + 2 * length) * EPSILON, rtol: 64 * EPSILON, shape });
  }
  return lowered;
}

describe.each(['portable', 'blocked'] as const)('%s lowering', (kind) => {
  const target = (skip: (note: string) => void): LoweringTarget => {
    if (kind === 'portable') return { kind };
    if (block === undefined) skip('this processor has no blocked kernels');
    return { kind, block: block ?? 16 };
  };

  // batch, in, out, height, width, kernel, stride, padding, dilation, groups
  const convolutions: readonly (readonly number[])[] = [
    [3, 16, 16, 8, 8, 3, 1, 1, 1, 1],
    [1, 16, 32, 5, 7, 1, 1, 0, 1, 1],
    [16, 32, 16, 6, 6, 3, 2, 1, 1, 1],
    [17, 16, 48, 7, 7, 3, 2, 1, 1, 1],
    [3, 48, 16, 7, 6, 5, 1, 2, 1, 1],
    [3, 16, 32, 9, 8, 5, 2, 2, 1, 1],
    [16, 16, 32, 8, 8, 1, 2, 0, 1, 1],
    [3, 32, 16, 7, 5, 1, 2, 0, 1, 1],
    [3, 16, 16, 9, 11, 7, 2, 3, 1, 1],
    [1, 16, 16, 9, 9, 3, 3, 1, 1, 1],
    [3, 16, 16, 8, 8, 2, 2, 0, 1, 1],
    [3, 16, 16, 8, 8, 3, 1, 0, 1, 1],
    [3, 16, 16, 8, 9, 3, 2, 0, 1, 1],
    [3, 16, 16, 6, 6, 3, 1, 2, 1, 1],
    [2, 16, 16, 6, 6, 1, 1, 1, 1, 1],
    [3, 16, 16, 9, 9, 3, 1, 2, 2, 1],
    [3, 16, 16, 9, 9, 3, 2, 2, 2, 1],
    [3, 3, 16, 8, 8, 3, 1, 1, 1, 1],
    [17, 1, 16, 7, 7, 5, 2, 2, 1, 1],
    [3, 8, 20, 6, 6, 3, 1, 1, 1, 1],
    [3, 20, 16, 6, 6, 3, 2, 1, 1, 1],
    [3, 24, 24, 6, 6, 3, 1, 1, 1, 1],
    [3, 16, 16, 6, 6, 3, 1, 1, 1, 16],
    [3, 32, 32, 7, 7, 3, 2, 1, 1, 32],
    [3, 32, 64, 6, 6, 3, 1, 1, 1, 2],
    [3, 20, 40, 6, 6, 1, 1, 0, 1, 4],
    [3, 12, 24, 7, 6, 3, 2, 1, 1, 4],
    [2, 9, 18, 5, 5, 3, 1, 2, 2, 3],
  ];
  test.each(convolutions)(
    'Conv and its gradients: batch %i, %i to %i channels, %i×%i, kernel %i, stride %i, padding %i, dilation %i, %i groups',
    async (...[n = 1, ci = 1, co = 1, h = 1, w = 1, k = 1, s = 1, p = 0, d = 1, g = 1]) => {
      const out = (size: number): number => Math.floor((size + 2 * p - d * (k - 1) - 1) / s) + 1;
      const attributes = { kernel_shape: [k, k], pads: [p, p, p, p], strides: [s, s], dilations: [d, d], group: g };
      const graph = build((b) => {
        const x = b.input('x', 'float32', [n, ci, h, w]);
        const gy = b.input('gy', 'float32', [n, co, out(h), out(w)]);
        const filter = b.input('w', 'float32', [co, ci / g, k, k]);
        const bias = b.input('bias', 'float32', [co]);
        const skip = b.input('skip', 'float32', [n, ci, h, w]);
        const shape = { ...attributes, input_shape: [n, ci, h, w] };
        return [
          b.op('Conv', [x, filter, bias], attributes),
          b.op('ConvInputGrad', [gy, filter], shape),
          b.op('ConvInputGrad', [gy, filter, skip], shape),
          b.op('ConvWeightGrad', [x, gy], attributes),
        ];
      });
      const length = Math.max((ci / g) * k * k, (co / g) * k * k, n * out(h) * out(w));
      await expectLowered(graph, target(test.skip), length);
    },
  );
});
