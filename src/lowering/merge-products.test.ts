import { describe, expect, test } from 'vitest';
import { blockedTargets, build, expectLowered, portable } from '../../test/support/lowering.ts';
import { gradients } from '../autodiff/gradients.ts';
import { defined } from '../core/errors.ts';
import { createBuilder, type Builder, type Value } from '../graph/builder.ts';
import { checkGraph } from '../graph/check.ts';
import { add, matmul, mul, reduceSum, tanh, transpose } from '../graph/functions.ts';
import { countOperators, type Graph } from '../graph/graph.ts';
import type { Op } from '../graph/ops.ts';
import { mergeProducts } from './merge-products.ts';

const [N, M, K] = [12, 10, 2];
const targets = [portable, ...(await blockedTargets())];

const count = (graph: Graph, op: Op): number => countOperators(graph).get(op) ?? 0;

/** Merges, and checks that the lowered graph computes what the given one does in float64. */
async function merged(graph: Graph, length = 16): Promise<Graph> {
  const result = checkGraph(mergeProducts(graph), 'merge');
  expect([result.inputs, result.outputs]).toEqual([graph.inputs, graph.outputs]);
  await expectLowered(graph, targets, { length });
  return result;
}

/** A_t·B_t for a few t: 2 ≤ k ≤ 4. */
function products(b: Builder, count = 3, { left = false, right = false } = {}): Value[] {
  return Array.from({ length: count }, (_, t) => {
    const k = K + t;
    const a = left ? transpose(b, b.input(`a${t}`, 'float32', [k, N]), [1, 0]) : b.input(`a${t}`, 'float32', [N, k]);
    const c = right ? transpose(b, b.input(`b${t}`, 'float32', [M, k]), [1, 0]) : b.input(`b${t}`, 'float32', [k, M]);
    return matmul(b, a, c);
  });
}

const sum = (b: Builder, values: readonly Value[]): Value => values.reduce((total, value) => add(b, total, value));

describe('a sum of products becomes one product', () => {
  test.each([
    { left: false, right: false, transposes: 0 },
    { left: true, right: false, transposes: 1 },
    { left: false, right: true, transposes: 1 },
    { left: true, right: true, transposes: 2 },
  ])('with operands of other lengths, transposed or not: $left, $right', async ({ transposes, ...which }) => {
    const graph = await merged(build((b) => [sum(b, products(b, 3, which))]));
    expect([count(graph, 'MatMul'), count(graph, 'Add'), count(graph, 'Concat')]).toEqual([1, 0, 2]);
    expect(count(graph, 'Transpose')).toBe(transposes);
  });

  test('in whatever way they are added up, and what else is added stays', async () => {
    const graph = await merged(
      build((b) => {
        const [p = other(b), q = p, r = p] = products(b);
        return [add(b, add(b, p, other(b)), add(b, tanh(b, other(b, 'second')), add(b, q, r)))];
      }),
    );
    expect([count(graph, 'MatMul'), count(graph, 'Add')]).toEqual([1, 2]);
  });

  test('beside another sum, each for itself', async () => {
    const graph = await merged(
      build((b) => {
        const [p = other(b), q = p, r = p, s = p] = products(b, 4);
        return [mul(b, add(b, p, q), add(b, r, s))];
      }),
    );
    expect([count(graph, 'MatMul'), count(graph, 'Add'), count(graph, 'Mul')]).toEqual([2, 0, 1]);
  });
});

const other = (b: Builder, name = 'other'): Value => b.input(name, 'float32', [N, M]);

describe('a sum of products stays', () => {
  test('where a product or a partial sum is read elsewhere', async () => {
    const graph = build((b) => {
      const [p = other(b), q = p, r = p] = products(b);
      const partial = add(b, p, q);
      return [add(b, partial, r), tanh(b, partial)];
    });
    const result = await merged(graph);
    // The partial sum is merged; it and the third product are what its readers add.
    expect([count(result, 'MatMul'), count(result, 'Add')]).toEqual([2, 1]);
    const shared = build((b) => {
      const [p = other(b), q = p] = products(b);
      return [add(b, p, q), p];
    });
    expect(mergeProducts(shared)).toBe(shared);
  });

  test('where the operands are larger than the result: blocks of a long product', async () => {
    const blocks = build((b) => {
      const left = [0, 1].map((t) => b.input(`a${t}`, 'float32', [2, 50]));
      const right = [0, 1].map((t) => b.input(`b${t}`, 'float32', [50, 3]));
      return [
        sum(
          b,
          left.map((a, t) => matmul(b, a, defined(right[t], 'operand'))),
        ),
      ];
    });
    await expectLowered(blocks, [portable], { length: 100 });
    expect(mergeProducts(blocks)).toBe(blocks);
  });

  test('where a product is broadcast, has stacked matrices or is alone', () => {
    const graph = build((b) => {
      const [p = other(b)] = products(b, 1);
      const row = matmul(b, b.input('row', 'float32', [1, 1]), b.input('column', 'float32', [1, M]));
      const stack = matmul(b, b.input('s', 'float32', [1, N, K]), b.input('t', 'float32', [1, K, M]));
      return [add(b, add(b, p, row), stack)];
    });
    expect(mergeProducts(graph)).toBe(graph);
  });
});

test('the gradient of a matrix that is used at every step is one product, whatever the number of steps', async () => {
  const [batch, size] = [2, 8];
  const unrolled = (steps: number): Graph => {
    const b = createBuilder('recurrence');
    const weight = b.input('weight', 'float32', [size, size]);
    let h = b.input('h', 'float32', [batch, size]);
    for (let t = 0; t < steps; t++)
      h = tanh(b, add(b, matmul(b, h, weight), b.input(`x${t}`, 'float32', [batch, size])));
    b.output(reduceSum(b, h, [0, 1]), 'loss');
    const result = gradients(b.build(), { loss: 'loss', wrt: ['weight', 'h'] });
    const complete = createBuilder('recurrence', result.graph);
    for (const name of result.gradients.values()) complete.output(complete.value(name));
    return complete.build();
  };
  for (const steps of [2, 9]) {
    const graph = unrolled(steps);
    expect([count(graph, 'MatMul'), count(graph, 'Add')]).toEqual([3 * steps, 2 * steps - 1]);
    const result = await merged(graph, 64);
    expect([count(result, 'MatMul'), count(result, 'Add')]).toEqual([2 * steps + 1, steps]);
  }
});
