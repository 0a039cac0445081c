import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.ts';
import { defined } from '../../src/core/errors.ts';
import { float32, int64 } from '../../src/core/tensor.ts';
import { createBuilder, type Builder, type Value } from '../../src/graph/builder.ts';
import { clip, mul, pow, reduceSum, relu6 } from '../../src/graph/functions.ts';
import { lower } from '../../src/lowering/lower.ts';
import type { NdArray } from '../reference/array.ts';
import { evaluateGraph } from '../reference/evaluate.ts';
import { expectAllclose } from '../support/allclose.ts';
import { runOnnx } from '../support/onnx-runtime.ts';
import { expectGradients } from './check.ts';

const vector = (...data: number[]): NdArray => ({ shape: [data.length], data: Float64Array.from(data) });

const total = (b: Builder, x: Value): Value =>
  reduceSum(
    b,
    x,
    x.type.shape.map((_, axis) => axis),
  );

describe('powers with a constant operand agree with central differences', () => {
  const given = vector(0.5, 1.5, -0.75);
  const x = (b: Builder): Value => b.input('x', 'float32', [3]);
  const subjects: readonly [string, (b: Builder) => Value, NdArray][] = [
    ...[1, 2, 3, -1, 0].map(
      (exponent) =>
        [`x^${exponent}`, (b: Builder) => pow(b, x(b), exponent), given] as [string, (b: Builder) => Value, NdArray],
    ),
    ['x^2.5', (b) => pow(b, x(b), 2.5), vector(0.5, 1.5, 0.75)],
    ['an integer exponent', (b) => pow(b, x(b), b.constant(int64([], [3]))), given],
    ['a vector of exponents', (b) => pow(b, x(b), b.constant(float32([3], [2, 0, 3]))), given],
    ['an exponent that widens x', (b) => pow(b, x(b), b.constant(float32([1, 1], [2]))), given],
    ['2^x', (b) => pow(b, 2, x(b)), given],
    ['bases of which one is 0', (b) => pow(b, b.constant(float32([3], [2, 0, 0.5])), x(b)), vector(-1, 2, 0.5)],
  ];
  test.each(subjects)('%s', (name, build, value) => {
    const b = createBuilder(name);
    // Weights, so that no two elements have the same gradient.
    const loss = total(b, mul(b, build(b), b.constant(float32([3], [1, -2, 0.5]))));
    expectGradients(b.build(), loss.name, new Map([['x', value]]), ['x'], name);
  });
});

describe('gradients where the function has a kink or a pole, in float64 and on ONNX Runtime', () => {
  const subjects: readonly [string, (b: Builder, x: Value) => Value, NdArray, readonly number[]][] = [
    ['Clip passes nothing at its bounds', (b, x) => clip(b, x, -1, 2), vector(-2, -1, 0, 2, 3), [0, 0, 1, 0, 0]],
    ['so does relu6', relu6, vector(-1, 0, 3, 6, 7), [0, 0, 1, 0, 0]],
    ['x² at 0', (b, x) => pow(b, x, 2), vector(0, 1), [0, 2]],
    ['x³ at 0', (b, x) => pow(b, x, 3), vector(0, 1), [0, 3]],
    ['x⁰ at 0', (b, x) => pow(b, x, 0), vector(0, 1), [0, 0]],
    ['the 2-norm of zeros', (b, x) => b.op('ReduceL2', [x], { axes: [0], keepdims: 0 }), vector(0, 0, 0), [0, 0, 0]],
    ['the 1-norm at a zero', (b, x) => b.op('ReduceL1', [x], { axes: [0], keepdims: 0 }), vector(2, 0, -3), [1, 0, -1]],
    ...[1, 2].map(
      (p) =>
        [
          `normalising zeros, p ${p}`,
          (b: Builder, x: Value) => b.op('LpNormalization', [x], { axis: 0, p }),
          vector(0, 0),
          [0, 0],
        ] as [string, (b: Builder, x: Value) => Value, NdArray, readonly number[]],
    ),
    [
      'a product with one zero',
      (b, x) => b.op('ReduceProd', [x], { axes: [0], keepdims: 0 }),
      vector(2, 0, 3),
      [0, 6, 0],
    ],
    [
      'three that share the maximum',
      (b, x) => b.op('Max', [x, x, b.constant(float32([2], [1, 5]))], {}),
      vector(1, 2),
      [2 / 3, 0],
    ],
    ['Hardmax has none', (b, x) => mul(b, x, b.op('Hardmax', [x], { axis: 0 })), vector(1, 3, 2), [0, 1, 0]],
  ];
  test.each(subjects)('%s', async (name, build, value, expected) => {
    const b = createBuilder(name);
    const loss = total(b, build(b, b.input('x', 'float32', value.shape)));
    const result = gradients(b.build(), { loss: loss.name, wrt: ['x'] });
    const complete = createBuilder(name, result.graph);
    complete.output(complete.value(defined(result.gradients.get('x'), 'gradient')), 'gradient');
    const graph = complete.build();
    const feeds = new Map([['x', value]]);
    expect(evaluateGraph(graph, feeds).get('gradient')?.shape).toEqual(value.shape);
    for (const values of [evaluateGraph(graph, feeds), await runOnnx(lower(graph, { kind: 'portable' }), feeds)]) {
      expectAllclose(defined(values.get('gradient'), 'gradient').data, expected, { what: name, atol: 1e-6 });
    }
  });
});
