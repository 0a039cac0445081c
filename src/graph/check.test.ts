import { describe, expect, it } from 'vitest';
import { FixheadError } from '../core/errors.ts';
import { float32 } from '../core/tensor.ts';
import { createBuilder } from './builder.ts';
import { checkGraph } from './check.ts';
import * as nn from './functions.ts';
import type { ForeignNode, Graph, OpNode, TensorType } from './graph.ts';

/** y = relu(x) + w */
function good(): Graph {
  const b = createBuilder('g');
  const x = b.input('x', 'float32', [2, 3]);
  b.output(nn.add(b, nn.relu(b, x), b.constant(float32([3], [1, 2, 3]), 'w')));
  return b.build();
}

const type = (dtype: TensorType['dtype'], ...shape: number[]): TensorType => ({ dtype, shape });
const relu = (fields: Partial<OpNode<'Relu'>>): OpNode<'Relu'> => ({
  kind: 'op',
  op: 'Relu',
  name: 'node',
  inputs: ['x'],
  outputs: ['z'],
  attributes: {},
  ...fields,
});
const foreign: ForeignNode = {
  kind: 'foreign',
  opType: 'Mystery',
  domain: 'custom',
  version: 1,
  name: 'mystery',
  inputs: ['x', '', 'w'],
  outputs: ['a', '', 'b'],
  attributes: new Map(),
};
const typesWith = (...entries: [string, TensorType][]) => new Map([...good().types, ...entries]);
const without = <T>(map: ReadonlyMap<string, T>, name: string) => new Map([...map].filter(([key]) => key !== name));

describe('checkGraph', () => {
  it('returns the graph itself', () => {
    const graph = good();
    expect(checkGraph(graph, 'test')).toBe(graph);
  });

  it('takes foreign nodes with absent inputs and outputs and without types', () => {
    const graph = good();
    const extended = { ...graph, nodes: [...graph.nodes, foreign], outputs: ['Add', 'a'] };
    expect(checkGraph(extended, 'test')).toBe(extended);
  });

  const broken: readonly [string, (graph: Graph) => Partial<Graph>, string][] = [
    ['an input listed twice', () => ({ inputs: ['x', 'x'] }), 'pass: internal: value x is defined twice'],
    ['an input without a type', ({ types }) => ({ types: without(types, 'x') }), 'input x has no type'],
    ['an input that is also an initializer', () => ({ inputs: ['x', 'w'] }), 'value w is defined twice'],
    ['an initializer without a type', ({ types }) => ({ types: without(types, 'w') }), 'initializer w has no type'],
    [
      'an initializer of another type than recorded',
      () => ({ types: typesWith(['w', type('float32', 1, 3)]) }),
      'initializer w is float[3], but its recorded type is float[1, 3]',
    ],
    [
      'a value with two producers',
      ({ nodes }) => ({ nodes: [...nodes, relu({ outputs: ['Relu'] })] }),
      'pass: node node: internal: value Relu is defined twice; the node is [node] Relu = Relu (x)',
    ],
    [
      'nodes in the wrong order',
      ({ nodes }) => ({ nodes: nodes.toReversed() }),
      'pass: node Add: internal: input Relu is not defined before its use; the node is Add = Add (Relu, w)',
    ],
    [
      'an input that nothing defines',
      ({ nodes }) => ({ nodes: [...nodes, relu({ inputs: ['nowhere'] })] }),
      'input nowhere is not defined before its use',
    ],
    [
      'an absent required input',
      ({ nodes }) => ({ nodes: [...nodes, relu({ inputs: [''] })] }),
      'input is missing; expected Relu(x)',
    ],
    [
      'two nodes of one name',
      ({ nodes }) => ({ nodes: [...nodes, relu({ name: 'Relu' })], types: typesWith(['z', type('float32', 2, 3)]) }),
      'two nodes are named Relu',
    ],
    [
      'an output without a type',
      ({ types }) => ({ types: without(types, 'Relu') }),
      'node Relu: internal: output Relu has no type',
    ],
    [
      'a recorded shape that inference does not give',
      () => ({ types: typesWith(['Relu', type('float32', 2, 1)]) }),
      'output Relu is float[2, 3], but its recorded type is float[2, 1]',
    ],
    [
      'a recorded element type that inference does not give',
      () => ({ types: typesWith(['Relu', type('float64', 2, 3)]) }),
      'output Relu is float[2, 3], but its recorded type is double[2, 3]',
    ],
    [
      'a node whose shapes do not fit',
      ({ nodes }) => ({
        inputs: ['x', 'v'],
        nodes: [...nodes, { ...relu({}), op: 'MatMul', inputs: ['x', 'v'] } satisfies OpNode<'MatMul'>],
        types: typesWith(['v', type('float32', 4, 5)]),
      }),
      'inner dimensions differ; received [2, 3] times [4, 5]; the node is [node] z = MatMul (x, v)',
    ],
    [
      'too many outputs',
      ({ nodes }) => ({ nodes: [...nodes, relu({ outputs: ['z', 'zz'] })] }),
      'it has 2 outputs, but its operator gives 1',
    ],
    [
      'an operator that reads an untyped value',
      ({ nodes }) => ({ nodes: [...nodes, foreign, relu({ inputs: ['a'] })] }),
      'node node: internal: input a has no type',
    ],
    ['an unnamed value', ({ nodes }) => ({ nodes: [...nodes, relu({ outputs: [''] })] }), 'a value has no name'],
    ['an output that nothing defines', () => ({ outputs: ['y'] }), 'output y is not defined'],
    ['an output listed twice', () => ({ outputs: ['Add', 'Add'] }), 'output Add is listed twice'],
  ];
  it.each(broken)('refuses %s', (_, breakIt, message) => {
    const graph = good();
    const check = () => checkGraph({ ...graph, ...breakIt(graph) }, 'pass');
    expect(check).toThrow(message);
    expect(check).toThrow(FixheadError);
  });
});
