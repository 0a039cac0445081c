import { describe, expect, it } from 'vitest';
import { float32, int32 } from '../core/tensor.ts';
import { createBuilder } from './builder.ts';
import * as nn from './functions.ts';
import { countOperators, type Graph } from './graph.ts';
import { bindValues, eliminateDeadNodes, keepOutputs } from './passes.ts';

/** Two outputs that share relu(x); an unused initializer, an unused input, a node that nobody reads. */
function graph(): Graph {
  const b = createBuilder('g');
  const x = b.input('x', 'float32', [2]);
  b.input('unused', 'float32', [1]);
  const hidden = nn.relu(b, x);
  nn.exp(b, nn.exp(b, hidden));
  b.constant(float32([1], [0]), 'lost');
  b.output(nn.add(b, hidden, b.constant(float32([2], [1, 2]), 'w')), 'a');
  b.output(nn.neg(b, hidden), 'b');
  return b.build();
}

describe('eliminateDeadNodes', () => {
  it('keeps what outputs need, and every input', () => {
    const { nodes, initializers, inputs, types } = eliminateDeadNodes(graph());
    expect(nodes.map((node) => node.name)).toEqual(['Relu', 'Add', 'outputs/a', 'Neg', 'outputs/b']);
    expect([...initializers.keys()]).toEqual(['w']);
    expect(inputs).toEqual(['x', 'unused']);
    expect([...types.keys()]).toEqual(['x', 'unused', 'Relu', 'w', 'Add', 'a', 'Neg', 'b']);
  });

  it('keeps outputs that nobody reads of nodes that somebody does', () => {
    const b = createBuilder('split');
    const [first] = nn.split(b, b.input('x', 'float32', [4]), [1, 3], 0);
    if (first !== undefined) b.output(first);
    expect(eliminateDeadNodes(b.build()).nodes[0]?.outputs).toEqual(['Split', 'Split.1']);
  });

  it('walks foreign nodes through absent inputs and untyped outputs', () => {
    const b = createBuilder('foreign');
    b.input('x', 'float32', [2]);
    const node = { kind: 'foreign', opType: 'F', domain: 'd', version: 1, attributes: new Map() } as const;
    b.raw({ ...node, name: 'live', inputs: ['', 'x'], outputs: ['y'] });
    b.raw({ ...node, name: 'dead', inputs: ['y'], outputs: ['', 'z'] });
    const kept = eliminateDeadNodes({ ...b.build(), outputs: ['y'] });
    expect(kept.nodes.map(({ name }) => name)).toEqual(['live']);
  });
});

describe('bindValues', () => {
  it('turns inputs into initializers', () => {
    const value = float32([2], [1, -1]);
    const bound = bindValues(graph(), new Map([['x', value]]));
    expect(bound.inputs).toEqual(['unused']);
    expect(bound.initializers.get('x')).toBe(value);
    expect(bound.nodes).toEqual(graph().nodes);
  });

  it('refuses unknown names and tensors of another type', () => {
    expect(() => bindValues(graph(), new Map([['w', float32([2], [1, 2])]]))).toThrow(
      'g: w is not an input of the graph; choose from x, unused',
    );
    expect(() => bindValues(graph(), new Map([['x', float32([3], [1, 2, 3])]]))).toThrow(
      'input x of graph g: the tensor does not fit the input; expected float[2], received float[3]',
    );
    expect(() => bindValues(graph(), new Map([['x', int32([2], [1, 2])]]))).toThrow(
      'expected float[2], received int32[2]',
    );
  });
});

describe('keepOutputs', () => {
  it('drops what only other outputs needed', () => {
    const kept = keepOutputs(graph(), ['b']);
    expect(kept.outputs).toEqual(['b']);
    expect(kept.initializers.size).toBe(0);
    expect(countOperators(kept)).toEqual(
      new Map([
        ['Relu', 1],
        ['Neg', 1],
        ['Identity', 1],
      ]),
    );
  });

  it('takes any value, in the order asked for', () => {
    expect(keepOutputs(graph(), ['Exp_1', 'a', 'x', 'a']).outputs).toEqual(['Exp_1', 'a', 'x']);
  });

  it('refuses unknown names', () => {
    expect(() => keepOutputs(graph(), ['c'])).toThrow('g: c is not a value of the graph; choose from a, b');
    expect(() => keepOutputs(graph(), [''])).toThrow('is not a value of the graph');
  });
});
