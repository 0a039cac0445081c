import { describe, expect, it } from 'vitest';
import { float32 } from '../core/tensor.ts';
import { bindInputs } from './bind.ts';
import { createBuilder } from './builder.ts';
import { foldConstants } from './fold.ts';
import * as nn from './functions.ts';
import { countOperators, type ForeignNode, type Graph } from './graph.ts';
import { readOnnx } from './onnx-read.ts';
import { toOnnx } from './onnx-write.ts';

/** [batch, 2, 4] to [batch, 3] through a Reshape to `target`. */
function network(batch: number | string, target: readonly number[]): Graph {
  const b = createBuilder('g');
  const x = b.input('x', 'float32', [batch, 2, 4]);
  const w = b.named('w', float32([8, 3], new Float32Array(24).fill(1)));
  b.output(nn.matmul(b, b.op('Reshape', [nn.relu(b, x)], { shape: target }), w), 'y');
  return b.build();
}

const shapeOf = (graph: Graph, name: string) => graph.types.get(name)?.shape;

function foreign(fields: Partial<ForeignNode>): ForeignNode {
  return {
    kind: 'foreign',
    opType: 'Mystery',
    domain: 'custom',
    version: 1,
    name: 'mystery',
    inputs: ['x'],
    outputs: ['m'],
    attributes: new Map(),
    ...fields,
  };
}

/** The graph with another node behind it; its output `m` of a type, if any. */
function followed(graph: Graph, node: ForeignNode, shape?: readonly (number | string)[]): Graph {
  return {
    ...graph,
    nodes: [...graph.nodes, node],
    outputs: [...graph.outputs, ...node.outputs],
    types: shape === undefined ? graph.types : new Map([...graph.types, ['m', { dtype: 'float32', shape }]]),
  };
}

describe('bindInputs', () => {
  it('gives symbolic dimensions a size everywhere', () => {
    const bound = bindInputs(network('batch', [0, 8]), new Map([['x', [5, 2, 4]]]));
    expect(shapeOf(bound, 'y')).toEqual([5, 3]);
    expect(bound.outputs).toEqual(['y']);
    expect([...bound.initializers.keys()]).toEqual(['w']);
  });

  it('takes a symbolic dimension in place of a fixed one', () => {
    const bound = bindInputs(network(1, [1, 8]), new Map([['x', ['batch', 2, 4]]]));
    expect(shapeOf(bound, 'y')).toEqual(['batch', 3]);
  });

  it.each([[[1, 8]], [[1, -1]], [[-1, 8]], [[0, 8]]])(
    'replaces a fixed batch in front of a Reshape to %j',
    (target) => {
      const bound = bindInputs(network(1, target), new Map([['x', [5, 2, 4]]]));
      expect(shapeOf(bound, 'y')).toEqual([5, 3]);
    },
  );

  it('leaves the graph as it was where nothing changes', () => {
    const graph = network(1, [1, 8]);
    expect(toOnnx(bindInputs(graph, new Map([['x', [1, 2, 4]]])))).toEqual(toOnnx(foldConstants(graph)));
  });

  it('names the node that relies on the old batch', () => {
    const b = createBuilder('flat');
    b.output(b.op('Reshape', [b.input('x', 'float32', [2, 2, 4])], { shape: [16] }));
    const attempt = () => bindInputs(b.build(), new Map([['x', [3, 2, 4]]]));
    expect(attempt).toThrow('the shapes contradict the model');
    expect(attempt).toThrow('Reshape');
    expect(attempt).toThrow('export the model with a dynamic batch dimension');
    expect(attempt).toThrow(expect.objectContaining({ kind: 'input' }));
  });

  it('gives foreign values the sizes of their dimensions', () => {
    const graph = followed(network('batch', [0, 8]), foreign({}), ['batch', 7]);
    expect(shapeOf(bindInputs(graph, new Map([['x', [5, 2, 4]]])), 'm')).toEqual([5, 7]);
  });

  it('forgets what a file states of a foreign value with another batch', () => {
    const graph = followed(network(1, [1, 8]), foreign({}), [1, 7]);
    expect(bindInputs(graph, new Map([['x', [5, 2, 4]]])).types.has('m')).toBe(false);
  });

  it('names the foreign node whose shape is needed and not known', () => {
    const b = createBuilder('h', followed(network(1, [1, 8]), foreign({}), [1, 7]));
    b.output(nn.relu(b, b.value('m')), 'z');
    expect(() => bindInputs(b.build(), new Map([['x', [5, 2, 4]]]))).toThrow(
      'node Relu_1: the shape of a value is not known for these inputs; received a value of node mystery (Mystery)',
    );
  });

  it('turns foreign nodes into nodes of the table when shapes make their operands known', () => {
    const b = createBuilder('computed');
    const x = b.input('x', 'float32', ['batch', 2, 4]);
    b.output(nn.relu(b, x), 'r');
    const nodes = [
      foreign({ domain: '', version: 18, opType: 'Shape', name: 's', inputs: ['x'], outputs: ['s'] }),
      foreign({ domain: '', version: 18, opType: 'ConstantOfShape', name: 'c', inputs: ['s'], outputs: ['c'] }),
      foreign({ domain: '', version: 18, opType: 'Add', name: 'a', inputs: ['x', 'c'], outputs: ['a'] }),
    ];
    const base = b.build();
    const graph = readOnnx(toOnnx({ ...base, nodes: [...base.nodes, ...nodes], outputs: ['r', 'a'] })).graph;
    const bound = bindInputs(graph, new Map([['x', [5, 2, 4]]]));
    expect(shapeOf(bound, 'a')).toEqual([5, 2, 4]);
    expect([...countOperators(bound).keys()].sort()).toEqual(
      ['Add', 'Identity', 'Relu'].filter((op) => countOperators(bound).has(op)),
    );
    expect(bound.nodes.every(({ kind }) => kind === 'op')).toBe(true);
  });

  const wrong: readonly [string, Graph, readonly [string, readonly (number | string)[]], string][] = [
    ['an unknown input', network(1, [1, 8]), ['z', [1]], 'z is not an input of the graph'],
    [
      'another rank',
      network(1, [1, 8]),
      ['x', [1, 2]],
      'the shape has another rank than the input; expected [1, 2, 4]',
    ],
    ['a fraction', network(1, [1, 8]), ['x', [1.5, 2, 4]], 'input x: impossible shape'],
    [
      'control flow',
      followed(
        network(1, [1, 8]),
        foreign({
          opType: 'Loop',
          domain: '',
          version: 18,
          attributes: new Map([['body', { kind: 'opaque', description: 'a sub-graph' }]]),
        }),
      ),
      ['x', [2, 2, 4]],
      'node mystery (Loop): shapes cannot be bound in a graph with control flow',
    ],
  ];
  it.each(wrong)('refuses %s', (_, graph, binding, message) => {
    expect(() => bindInputs(graph, new Map([binding]))).toThrow(message);
  });

  it('refuses two sizes of one dimension', () => {
    const b = createBuilder('two');
    const x = b.input('x', 'float32', ['n']);
    b.output(nn.add(b, x, b.input('z', 'float32', ['n'])), 'y');
    const shapes = new Map([
      ['x', [2]],
      ['z', [3]],
    ]);
    expect(() => bindInputs(b.build(), shapes)).toThrow('input z: dimension n cannot be both 2 and 3');
  });
});
