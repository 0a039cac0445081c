import { describe, expect, test } from 'vitest';
import { createBuilder, type Builder, type Value } from '../graph/builder.ts';
import { checkGraph } from '../graph/check.ts';
import { add, relu } from '../graph/functions.ts';
import { countOperators, type Graph, type OpNode } from '../graph/graph.ts';
import type { Op } from '../graph/ops.ts';
import { fuse } from './fuse.ts';
import { build, expectLowered, portable } from '../../test/support/lowering.ts';

const shape = [2, 4, 3, 3];
const window = { kernel_shape: [1, 1], pads: [0, 0, 0, 0], strides: [1, 1], dilations: [1, 1], group: 1 };

function norm(b: Builder, x: Value) {
  const vector = b.has('vector') ? b.value('vector') : b.input('vector', 'float32', [4]);
  return b.node('BatchNormTraining', [x, vector, vector], { epsilon: 1e-5, relu: 0 });
}

function inputGradient(b: Builder, gy: Value): Value {
  const filter = b.has('filter') ? b.value('filter') : b.input('filter', 'float32', [4, 4, 1, 1]);
  return b.op('ConvInputGrad', [gy, filter], { ...window, input_shape: shape });
}

const nodesOf = <K extends Op>(graph: Graph, op: K): readonly OpNode<K>[] =>
  graph.nodes.flatMap((node) => (node.kind === 'op' && node.op === op ? [node as OpNode<K>] : []));

/** Fuses, checks that the graph is well formed and still computes the same, and counts operators. */
async function fused(graph: Graph): Promise<{ graph: Graph; count: (op: Op) => number }> {
  const result = checkGraph(fuse(graph), 'fuse');
  expect(result.outputs).toEqual(graph.outputs);
  await expectLowered(graph, [portable], { length: 64 });
  return { graph: result, count: (op) => countOperators(result).get(op) ?? 0 };
}

describe('fuse', () => {
  test.each(['normalised first', 'skip first'])(
    'takes the sum and the ReLU into BatchNormTraining (%s)',
    async (order) => {
      const { graph, count } = await fused(
        build((b) => {
          const [x, skip] = [b.input('x', 'float32', shape), b.input('skip', 'float32', shape)];
          const [y] = norm(b, x);
          return [relu(b, order === 'skip first' ? add(b, skip, y) : add(b, y, skip))];
        }),
      );
      expect([count('Add'), count('Relu'), count('BatchNormTraining')]).toEqual([0, 0, 1]);
      const [node] = nodesOf(graph, 'BatchNormTraining');
      expect(node?.inputs[3]).toBe('skip');
      expect(node?.attributes.relu).toBe(1);
    },
  );

  test('lets the later of two normalised operands take the sum', async () => {
    const { graph, count } = await fused(
      build((b) => {
        const x = b.input('x', 'float32', shape);
        const [main] = norm(b, x);
        const [shortcut] = norm(b, b.op('Neg', [x], {}));
        return [relu(b, add(b, main, shortcut))];
      }),
    );
    expect([count('Add'), count('Relu')]).toEqual([0, 0]);
    expect(nodesOf(graph, 'BatchNormTraining').map((node) => node.inputs.length)).toEqual([3, 4]);
  });

  test('moves the normalisation behind a sum that is defined later', async () => {
    const { count } = await fused(
      build((b) => {
        const x = b.input('x', 'float32', shape);
        const [y, mean] = norm(b, x);
        const skip = b.op('Neg', [b.op('Abs', [x], {})], {});
        return [add(b, y, skip), b.op('Neg', [mean], {})];
      }),
    );
    expect(count('Add')).toBe(0);
  });

  test('adds to an input gradient, in either order and twice in a row only once', async () => {
    const { graph, count } = await fused(
      build((b) => {
        const [gy, other] = [b.input('gy', 'float32', shape), b.input('other', 'float32', shape)];
        const once = add(b, other, inputGradient(b, gy));
        return [add(b, once, b.op('Neg', [other], {})), add(b, inputGradient(b, other), inputGradient(b, gy))];
      }),
    );
    expect(count('Add')).toBe(1);
    expect(nodesOf(graph, 'ConvInputGrad').map((node) => node.inputs.length)).toEqual([3, 2, 3]);
  });

  test.each<readonly [string, (b: Builder, x: Value) => readonly Value[]]>([
    [
      'another reader of the normalised value',
      (b, x) => {
        const [y] = norm(b, x);
        return [relu(b, y), b.op('Neg', [y], {})];
      },
    ],
    [
      'the normalised value is an output',
      (b, x) => {
        const [y] = norm(b, x);
        b.output(y);
        return [relu(b, add(b, y, x))];
      },
    ],
    [
      'a sum that is broadcast',
      (b, x) => {
        const [y] = norm(b, x);
        return [add(b, y, b.input('row', 'float32', [1, 4, 1, 1]))];
      },
    ],
    [
      'a value added to itself',
      (b, x) => {
        const [y] = norm(b, x);
        return [add(b, y, y)];
      },
    ],
    [
      'statistics that are read before the sum exists',
      (b, x) => {
        const [y, mean] = norm(b, x);
        const late = b.op('Mul', [x, b.op('Reshape', [mean], { shape: [1, 4, 1, 1] })], {});
        return [add(b, y, late)];
      },
    ],
  ])('leaves alone: %s', async (_, body) => {
    const graph = build((b) => body(b, b.input('x', 'float32', shape)));
    const before = countOperators(graph);
    const { count } = await fused(graph);
    expect([count('Add'), count('Relu')]).toEqual([before.get('Add') ?? 0, before.get('Relu') ?? 0]);
  });

  test('drops what no output needs, with its initializers', () => {
    const b = createBuilder('dead');
    const x = b.input('x', 'float32', shape);
    norm(b, x);
    b.output(b.op('Neg', [x], {}), 'y');
    const { nodes, inputs } = fuse(b.build());
    expect(nodes.length).toBe(2);
    expect(inputs).toEqual(['x', 'vector']);
  });
});
