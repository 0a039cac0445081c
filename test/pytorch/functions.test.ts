import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.ts';
import { defined } from '../../src/core/errors.ts';
import { createBuilder, type Builder, type Value } from '../../src/graph/builder.ts';
import {
  elu,
  gelu,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  mish,
  mul,
  reduceSum,
  relu6,
  sigmoid,
  silu,
  softplus,
  tanh,
} from '../../src/graph/functions.ts';
import { evaluateGraph } from '../reference/evaluate.ts';
import { expectAllclose } from '../support/allclose.ts';
import { readFixture } from './fixtures.ts';

interface Recorded {
  readonly shape: readonly number[];
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly upstream: readonly number[];
  readonly gradient: readonly number[];
}

const functions: Readonly<Record<string, (b: Builder, x: Value) => Value>> = {
  gelu: (b, x) => gelu(b, x),
  'gelu, tanh': (b, x) => gelu(b, x, 'tanh'),
  silu,
  relu6,
  hardSigmoid,
  hardSwish,
  mish,
  softplus,
  sigmoid,
  tanh,
  elu: (b, x) => elu(b, x),
  leakyRelu: (b, x) => leakyRelu(b, x),
};

/** Constants such as 1/√2 and 0.01 are float32 in graphs. */
const RTOL = 2e-7;

describe('activation functions and their gradients agree with PyTorch', () => {
  const { cases } = readFixture('functions') as { readonly cases: Readonly<Record<string, Recorded>> };

  test('for every recorded function', () => {
    expect(Object.keys(functions)).toEqual(Object.keys(cases));
  });

  test.each(Object.entries(functions))('%s', (name, build) => {
    const { shape, x, y, upstream, gradient } = defined(cases[name], name);
    const b = createBuilder(name);
    const input = b.input('x', 'float32', shape);
    const output = build(b, input);
    const loss = reduceSum(b, mul(b, output, b.input('upstream', 'float32', shape)), [0, 1]);
    const result = gradients(b.build(), { loss: loss.name, wrt: ['x'] });
    const values = evaluateGraph(
      result.graph,
      new Map([
        ['x', { shape, data: Float64Array.from(x) }],
        ['upstream', { shape, data: Float64Array.from(upstream) }],
      ]),
    );
    const actual = (value: string) => defined(values.get(value), value).data;
    expectAllclose(actual(output.name), y, { what: `${name}, y`, rtol: RTOL, atol: RTOL, shape });
    const found = actual(defined(result.gradients.get('x'), 'gradient'));
    expectAllclose(found, gradient, { what: `${name}, gradient`, rtol: RTOL, atol: RTOL, shape });
  });
});
