import { describe, expect, it } from 'vitest';
import { float32, int64, tensor } from '../core/tensor.ts';
import { createBuilder } from './builder.ts';
import * as nn from './functions.ts';
import type { ForeignNode } from './graph.ts';
import { graphText, nodeText } from './text.ts';

describe('graphText', () => {
  it('is ONNX text: quoted names, types, initializers cut short, operator sets', () => {
    const b = createBuilder('small');
    const x = b.input('x', 'float32', ['batch', 12]);
    const w = b.constant(
      float32(
        [12, 1],
        Float32Array.from({ length: 12 }, (_, k) => k / 10),
      ),
      'head.weight',
    );
    b.constant(int64([2], [-1, 2]), 'shape');
    const y = b.scoped('layer1', () => nn.matmul(b, x, w));
    b.constant(float32([], [0.1]), 'unused');
    const z = b.op('FusedMatMul', [y, w], { alpha: 0.5, transA: 0, transB: 1 });
    b.output(nn.cast(b, nn.reduceSum(b, z, [-1], { keepdims: true }), 'int64'), 'y');
    expect(graphText(b.build())).toBe(`<ir_version: 8, opset_import: ["" : 18, "com.microsoft" : 1]>
small (float[batch, 12] x) => (int64[batch, 1] y)
<
  float[12, 1] "head.weight" = {0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, ... 4 more},
  int64[2] shape = {-1, 2},
  float unused = {0.1}
>
{
  "layer1/MatMul" = MatMul (x, "head.weight")
  FusedMatMul = com.microsoft.FusedMatMul <alpha = 0.5, transA = 0, transB = 1> ("layer1/MatMul", "head.weight")
  ReduceSum = ReduceSum <axes = [-1], keepdims = 1> (FusedMatMul)
  Cast = Cast <to = 7> (ReduceSum)
  ["outputs/y"] y = Identity (Cast)
}
`);
  });
});

describe('nodeText', () => {
  it('shows macro operators under their domain', () => {
    expect(
      nodeText({
        kind: 'op',
        op: 'BatchNormTraining',
        name: 'norm',
        inputs: ['x', 's', 'b'],
        outputs: ['y', 'm', 'v'],
        attributes: { epsilon: 1e-5, relu: 1 },
      }),
    ).toBe('[norm] y, m, v = fixhead.BatchNormTraining <epsilon = 0.00001, relu = 1> (x, s, b)');
  });

  it('shows every kind of foreign attribute', () => {
    const node: ForeignNode = {
      kind: 'foreign',
      opType: 'Loop',
      domain: 'custom.domain',
      version: 2,
      name: 'y',
      inputs: ['x', '', 'z 1'],
      outputs: ['y'],
      attributes: new Map([
        ['i', { kind: 'int', value: -3n }],
        ['is', { kind: 'ints', value: [1n, 2n] }],
        ['f', { kind: 'float', value: 0.5 }],
        ['fs', { kind: 'floats', value: [0.25] }],
        ['s', { kind: 'string', value: new TextEncoder().encode('a"b') }],
        ['ss', { kind: 'strings', value: [new TextEncoder().encode('é')] }],
        ['t', { kind: 'tensor', value: tensor('bool', [2], Uint8Array.of(0, 1)) }],
        ['body', { kind: 'opaque', description: 'a sub-graph' }],
      ]),
    };
    expect(nodeText(node)).toBe(
      'y = custom.domain.Loop <i = -3, is = [1, 2], f = 0.5, fs = [0.25], s = "a\\"b", ss = ["é"], ' +
        't = bool[2] {0, 1}, body = ... a sub-graph> (x, "", "z 1")',
    );
  });
});
