import { describe, expect, it } from 'vitest';
import { float32, int64 } from '../core/tensor.ts';
import { createBuilder, expectShape, staticShapeOf, type Builder } from './builder.ts';
import { checkGraph } from './check.ts';
import * as nn from './functions.ts';
import type { Graph } from './graph.ts';
import { graphText } from './text.ts';

/** Two convolution blocks and a classifier: scopes, shared scalars, several nodes of one operator. */
function network(): Graph {
  const b = createBuilder('network');
  let x = b.input('x', 'float32', ['batch', 1, 6, 6]);
  for (const block of ['block1', 'block2']) {
    x = b.scoped(block, () => {
      const w = b.constant(float32([1, 1, 3, 3], new Float32Array(9)), 'weight');
      return nn.add(b, nn.relu(b, nn.add(b, nn.conv(b, x, w), 1)), 1);
    });
  }
  b.output(nn.flatten(b, x), 'features');
  return checkGraph(b.build(), 'test');
}

describe('names', () => {
  it('carry the path and are the same in every build', () => {
    const graph = network();
    expect(graphText(graph)).toBe(graphText(network()));
    expect(graph.nodes.map((node) => node.name)).toEqual([
      'block1/Conv',
      'block1/Add',
      'block1/Relu',
      'block1/Add_1',
      'block2/Conv',
      'block2/Add',
      'block2/Relu',
      'block2/Add_1',
      'Reshape',
      'outputs/features',
    ]);
    expect([...graph.initializers.keys()]).toEqual(['block1/weight', 'block1/scalar', 'block2/weight']);
  });

  it('stay unique when a builder goes on from a graph', () => {
    const b = createBuilder('longer', network());
    const y = b.scoped('block1', () => nn.relu(b, b.value('features')));
    expect(y.name).toBe('block1/Relu_1');
    b.output(y);
    expect(checkGraph(b.build(), 'test').outputs).toEqual(['features', 'block1/Relu_1']);
  });

  it('do not collide with untyped values of foreign nodes', () => {
    const b = createBuilder('foreign');
    const x = b.input('x', 'float32', [2]);
    b.raw({
      kind: 'foreign',
      opType: 'Mystery',
      domain: 'custom',
      version: 1,
      name: 'node',
      inputs: ['x'],
      outputs: ['Relu'],
      attributes: new Map(),
    });
    expect(nn.relu(b, x).name).toBe('Relu_1');
    expect(b.has('Relu')).toBe(false);
    expect(() => b.value('Relu')).toThrow('value Relu of graph foreign is missing');
    checkGraph(b.build(), 'test');
  });

  it('of outputs go through Identity unless they are the value’s own', () => {
    const b = createBuilder('outputs');
    const y = nn.relu(b, b.input('x', 'float32', [2]));
    b.output(y);
    b.output(y, 'named');
    expect(graphText(checkGraph(b.build(), 'test'))).toBe(
      [
        '<ir_version: 8, opset_import: ["" : 18]>',
        'outputs (float[2] x) => (float[2] Relu, float[2] named)',
        '{',
        '  Relu = Relu (x)',
        '  ["outputs/named"] named = Identity (Relu)',
        '}',
        '',
      ].join('\n'),
    );
  });
});

describe('the builder', () => {
  it('stores the same tensor, and equal scalars, once', () => {
    const b = createBuilder('shared');
    const value = float32([2], [1, 2]);
    expect(b.constant(value, 'a').name).toBe(b.constant(value, 'b').name);
    expect(nn.scalar(b, 0.5).name).toBe(nn.scalar(b, 0.5).name);
    expect(b.build().initializers.size).toBe(2);
    expect([nn.scalar(b, 0), nn.scalar(b, -0)].map(({ name }) => b.build().initializers.get(name)?.data[0])).toEqual([
      0, -0,
    ]);
  });

  it('makes graphs that later building does not change', () => {
    const b = createBuilder('frozen');
    const x = b.input('x', 'float32', [2]);
    const before = b.build();
    nn.relu(b, x);
    expect(before.nodes).toEqual([]);
    expect(before.types.size).toBe(1);
    expect(Object.isFrozen(before)).toBe(true);
  });

  it('leaves a scope that failed', () => {
    const b = createBuilder('scopes');
    expect(() =>
      b.scoped('layer', () => {
        throw new Error('stop');
      }),
    ).toThrow('stop');
    expect(b.scope()).toBe('');
  });

  it('writes absent optional inputs as blanks, and not at all at the end', () => {
    const b = createBuilder('optional');
    const x = b.input('x', 'float32', [1, 16, 2, 2]);
    const w = b.input('w', 'float32', [16, 16, 1, 1]);
    const conv = { kernel_shape: [1, 1], pads: [0, 0, 0, 0], strides: [1, 1], dilations: [1, 1], group: 1 };
    b.op('nchwc.Conv', [x, w, undefined, x], { ...conv, activation: '', activation_params: [] });
    b.op('nchwc.Conv', [x, w, undefined, undefined], { ...conv, activation: '', activation_params: [] });
    expect(b.build().nodes.map((node) => node.inputs)).toEqual([
      ['x', 'w', '', 'x'],
      ['x', 'w'],
    ]);
  });

  const refusals: readonly [string, (b: Builder) => unknown, string][] = [
    [
      'a name given twice',
      (b) => [b.input('x', 'float32', [1]), b.input('x', 'float32', [1])],
      'graph g: value x is defined twice',
    ],
    [
      'a value of another graph',
      (b) => nn.relu(b, createBuilder('other').input('y', 'float32', [1])),
      'internal: value y belongs to another graph',
    ],
    [
      'shapes that do not fit, naming the layer',
      (b) => b.scoped('head', () => nn.add(b, b.input('x', 'float32', [2]), b.constant(float32([3], [1, 2, 3])))),
      'head/Add: shapes do not broadcast; received [2] and [3]',
    ],
    ['an unknown value', (b) => b.value('nothing'), 'value nothing of graph g is missing'],
    [
      'a raw node with too few inputs',
      (b) => {
        b.raw({ kind: 'op', op: 'Add', name: 'n', inputs: ['x'], outputs: ['y'], attributes: {} });
      },
      'value x of graph g is missing',
    ],
  ];
  it.each(refusals)('refuses %s', (_, build, message) => {
    expect(() => build(createBuilder('g'))).toThrow(message);
  });

  it('refuses raw nodes whose outputs are not those of the operator', () => {
    const b = createBuilder('g');
    b.input('x', 'float32', [1]);
    expect(() => {
      b.raw({ kind: 'op', op: 'Relu', name: 'n', inputs: ['x'], outputs: ['y', 'z'], attributes: {} });
    }).toThrow('type of z is missing');
    expect(() => {
      b.raw({ kind: 'op', op: 'Add', name: 'n', inputs: ['x'], outputs: ['w'], attributes: {} });
    }).toThrow('n: wrong number of inputs; expected Add(a, b), received 1');
  });
});

describe('shape helpers', () => {
  it('accept what fits and say what does not', () => {
    const b = createBuilder('g');
    const x = b.input('x', 'float32', ['batch', 3]);
    expectShape(x, ['batch', 3], 'here');
    expect(() => {
      expectShape(x, [3], 'here');
    }).toThrow('here: wrong shape; expected [3], received [batch, 3]');
    expect(staticShapeOf(b.constant(int64([2], [1, 2])))).toEqual([2]);
    expect(() => staticShapeOf(x)).toThrow('x: shape must be known; received [batch, 3]');
  });
});
