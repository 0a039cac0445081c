import proto, { type onnx } from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { readOnnx } from './onnx-read.ts';
import { graphText } from './text.ts';

const { AttributeType } = proto.onnx.AttributeProto;
const domains = [
  { domain: '', version: 18 },
  { domain: 'own', version: 1 },
];
const x = { name: 'x', type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 2 }, { dimValue: 3 }] } } } };

function textOf(functions: readonly onnx.IFunctionProto[], node: onnx.INodeProto[]): string {
  const bytes = proto.onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: domains,
    functions: functions.map((each) => ({ domain: 'own', opsetImport: domains, ...each })),
    graph: { name: 'g', input: [x], output: [{ name: 'y' }], node },
  }).finish();
  return graphText(readOnnx(bytes, 'm.onnx').graph);
}

const call = (fields: onnx.INodeProto = {}): onnx.INodeProto => ({
  opType: 'F',
  domain: 'own',
  name: 'call',
  input: ['x'],
  output: ['y'],
  ...fields,
});

describe('calls of functions', () => {
  it('become the nodes of the function, with the call’s name in front', () => {
    const node = [
      { opType: 'Relu', input: ['a'], output: ['c'] },
      { opType: 'Neg', name: 'negated', input: ['c'], output: ['b'] },
    ];
    const text = textOf(
      [{ name: 'F', input: ['a'], output: ['b'], node }],
      [call({ output: ['m'] }), call({ name: 'again', input: ['m'] })],
    );
    expect(text).toContain('"call/c" = Relu (x)');
    expect(text).toContain('["call/negated"] m = Neg ("call/c")');
    expect(text).toContain('["again/negated"] y = Neg ("again/c")');
  });

  it('may hold calls of other functions', () => {
    const inner = { name: 'G', input: ['a'], output: ['b'], node: [{ opType: 'Exp', input: ['a'], output: ['b'] }] };
    const outer = {
      name: 'F',
      input: ['a'],
      output: ['b'],
      node: [{ opType: 'G', domain: 'own', name: 'g', input: ['a'], output: ['b'] }],
    };
    expect(textOf([outer, inner], [call()])).toContain('["call/g/b"] y = Exp (x)');
  });

  it('hand on their attributes', () => {
    const node = [
      {
        opType: 'Softmax',
        input: ['a'],
        output: ['b'],
        attribute: [{ name: 'axis', refAttrName: 'dim', type: AttributeType.INT }],
      },
    ];
    const text = textOf(
      [{ name: 'F', input: ['a'], output: ['b'], attribute: ['dim'], node }],
      [call({ attribute: [{ name: 'dim', type: AttributeType.INT, i: 0 }] })],
    );
    expect(text).toContain('Softmax <axis = 0> (x)');
  });

  it('follow the operator sets of the function', () => {
    const node = [
      {
        opType: 'ReduceMean',
        input: ['a'],
        output: ['b'],
        attribute: [{ name: 'axes', type: AttributeType.INTS, ints: [1] }],
      },
    ];
    const text = textOf(
      [{ name: 'F', input: ['a'], output: ['b'], opsetImport: [{ domain: '', version: 13 }], node }],
      [call()],
    );
    expect(text).toContain('ReduceMean <axes = [1], keepdims = 1> (x)');
  });

  it('may give what they take', () => {
    expect(textOf([{ name: 'F', input: ['a'], output: ['a'] }], [call()])).toContain('y = Identity (x)');
  });

  const inFunction = (node: onnx.INodeProto[]) => [{ name: 'F', input: ['a'], output: ['b'], node }];
  const refused: readonly [string, () => unknown, string][] = [
    [
      'that call themselves',
      () => textOf(inFunction([{ opType: 'F', domain: 'own', input: ['a'], output: ['b'] }]), [call()]),
      'm.onnx: function F: the function calls itself',
    ],
    [
      'with control flow',
      () =>
        textOf(
          inFunction([
            {
              opType: 'If',
              name: 'i',
              input: ['a'],
              output: ['b'],
              attribute: [{ name: 'then_branch', type: AttributeType.GRAPH, g: {} }],
            },
          ]),
          [call()],
        ),
      'function F: node i (If): functions with control flow inside are not supported',
    ],
    ['of one name', () => textOf([{ name: 'F' }, { name: 'F' }], [call()]), 'm.onnx: two functions are named F'],
  ];
  it.each(refused)('are refused %s', (_, attempt, message) => {
    expect(attempt).toThrow(message);
  });
});
