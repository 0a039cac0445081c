import { describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/random.ts';
import type { StaticShape } from '../../src/core/shape.ts';
import { createBuilder, type Builder, type Value } from '../../src/graph/builder.ts';
import {
  add,
  averagePool,
  concat,
  conv,
  div,
  exp,
  flatten,
  gather,
  globalAveragePool,
  greater,
  logSoftmax,
  matmul,
  maximum,
  maxPool,
  mul,
  neg,
  reduceMean,
  reduceSum,
  relu,
  reshape,
  slice,
  softmax,
  split,
  sqrt,
  sub,
  transpose,
} from '../../src/graph/functions.ts';
import { generate, type NdArray } from '../reference/array.ts';
import { expectGradients, numericalGradient, projectionLoss } from './check.ts';

/** A graph under construction whose inputs get random values. */
function subject(name: string, seed = 1) {
  const b = createBuilder(name);
  const feeds = new Map<string, NdArray>();
  const wrt: string[] = [];
  const given = (inputName: string, shape: StaticShape, low = -1, high = 1): Value => {
    const random = randomStream(seed, name, inputName);
    feeds.set(
      inputName,
      generate(shape, () => Math.fround(low + (high - low) * random.uniform())),
    );
    wrt.push(inputName);
    return b.input(inputName, 'float32', shape);
  };
  const integers = (inputName: string, shape: StaticShape, values: readonly number[]): Value => {
    feeds.set(inputName, { shape, data: Float64Array.from(values) });
    return b.input(inputName, 'int64', shape);
  };
  const check = (loss: Value): void => {
    expectGradients(b.build(), loss.name, feeds, wrt, `seed ${seed}, ${name}`);
  };
  const checkProjection = (...values: Value[]): void => {
    check(projectionLoss(b, values, feeds, seed, name));
  };
  return { b, feeds, given, integers, check, checkProjection };
}

type Subject = ReturnType<typeof subject>;

function batchNorm({ b, given }: Subject, name: string, x: Value, channels: number): Value {
  const [scale, bias] = [given(`${name}.scale`, [channels], 0.5, 1.5), given(`${name}.bias`, [channels])];
  const [y] = b.node('BatchNormTraining', [x, scale, bias], { epsilon: 1e-5, relu: 0 });
  return y;
}

/** Mean over the batch of −Σ target·log softmax(logits). */
function crossEntropy(b: Builder, logits: Value, target: Value): Value {
  return neg(b, reduceMean(b, reduceSum(b, mul(b, target, logSoftmax(b, logits)), [1]), [0]));
}

/** x/√(Σ x² + ε) over the last axis. */
function normalize(b: Builder, x: Value): Value {
  const squares = reduceSum(b, mul(b, x, x), [-1], { keepdims: true });
  return div(b, x, sqrt(b, add(b, squares, 1e-6)));
}

describe('composite graphs agree with central differences', () => {
  test('residual block with an identity shortcut', () => {
    const s = subject('residual block');
    const { b, given } = s;
    const x = given('x', [3, 2, 3, 4]);
    const first = relu(b, batchNorm(s, 'bn1', conv(b, x, given('conv1', [2, 2, 3, 3])), 2));
    const second = batchNorm(s, 'bn2', conv(b, first, given('conv2', [2, 2, 3, 3])), 2);
    s.checkProjection(relu(b, add(b, second, x)));
  });

  test('residual block with a strided 1×1 shortcut', () => {
    const s = subject('strided residual block');
    const { b, given } = s;
    const x = given('x', [3, 2, 4, 4]);
    const first = relu(b, batchNorm(s, 'bn1', conv(b, x, given('conv1', [3, 2, 3, 3]), { stride: 2 }), 3));
    const second = batchNorm(s, 'bn2', conv(b, first, given('conv2', [3, 3, 3, 3])), 3);
    const shortcut = batchNorm(s, 'bn3', conv(b, x, given('shortcut', [3, 2, 1, 1]), { stride: 2 }), 3);
    s.checkProjection(relu(b, add(b, second, shortcut)));
  });

  test('small network to cross-entropy: every parameter and the image', () => {
    const s = subject('network');
    const { b, given } = s;
    const x = given('x', [2, 2, 6, 6]);
    const features = relu(b, batchNorm(s, 'bn', conv(b, x, given('conv', [4, 2, 3, 3])), 4));
    const pooled = flatten(b, globalAveragePool(b, maxPool(b, features, { kernel: 2 })));
    const logits = add(b, matmul(b, pooled, given('weight', [4, 3])), given('bias', [3]));
    s.check(crossEntropy(b, logits, given('target', [2, 3], 0.1, 0.9)));
  });

  test('cross-entropy through LogSoftmax and through the Log of Softmax', () => {
    const s = subject('cross-entropy');
    const { b, given } = s;
    const logits = given('logits', [3, 5], -3, 3);
    const target = given('target', [3, 5], 0, 1);
    const probabilities = b.op('Log', [softmax(b, logits)], {});
    s.check(sub(b, crossEntropy(b, logits, target), reduceMean(b, mul(b, target, probabilities), [0, 1])));
  });

  test('decomposed log-sum-exp with a subtracted maximum', () => {
    const s = subject('log-sum-exp');
    const { b, given } = s;
    const x = given('x', [3, 4], -2, 2);
    const most = b.op('ReduceMax', [x], { axes: [1], keepdims: 1 });
    const shifted = sub(b, x, most);
    s.checkProjection(sub(b, shifted, b.op('Log', [reduceSum(b, exp(b, shifted), [1], { keepdims: true })], {})));
  });

  test('normalised head: unit features times a fixed matrix, with scale and bias', () => {
    const s = subject('normalised head');
    const { b, given, feeds } = s;
    const x = given('features', [3, 4]);
    const fixed = b.input('fixed', 'float32', [4, 3]);
    feeds.set(
      'fixed',
      generate([4, 3], ([row = 0, column = 0]) => ((row & column) % 2 === 0 ? 0.5 : -0.5)),
    );
    const logits = add(b, mul(b, matmul(b, normalize(b, x), fixed), given('scale', [], 0.5, 2)), given('bias', [3]));
    s.check(crossEntropy(b, logits, given('target', [3, 3], 0, 1)));
  });

  test('Kronecker product of two matrices as a head', () => {
    const s = subject('Kronecker head');
    const { b, given } = s;
    const x = reshape(b, given('x', [3, 6]), [3, 2, 3]);
    const left = matmul(b, x, given('right factor', [3, 4]));
    const both = matmul(b, transpose(b, left, [0, 2, 1]), given('left factor', [2, 2]));
    s.checkProjection(slice(b, reshape(b, transpose(b, both, [0, 2, 1]), [3, 8]), 1, 0, 5));
  });

  test('densely connected layers: concatenation, average pooling', () => {
    const s = subject('dense block');
    const { b, given } = s;
    const x = given('x', [2, 2, 4, 4]);
    const grown = concat(b, [x, conv(b, relu(b, x), given('w1', [3, 2, 3, 3]))], 1);
    const again = concat(b, [grown, conv(b, relu(b, grown), given('w2', [2, 5, 3, 3]))], 1);
    s.checkProjection(averagePool(b, again, { kernel: 2 }));
  });

  test('channel shuffle with grouped convolutions', () => {
    const s = subject('channel shuffle');
    const { b, given } = s;
    const x = given('x', [2, 4, 3, 3]);
    const [kept, changed] = split(b, x, [2, 2], 1);
    if (kept === undefined || changed === undefined) throw new Error('Split gives two parts');
    const merged = concat(b, [kept, conv(b, changed, given('w', [2, 1, 3, 3]), { groups: 2 })], 1);
    const shuffled = transpose(b, reshape(b, merged, [2, 2, 2, 3, 3]), [0, 2, 1, 3, 4]);
    s.checkProjection(reshape(b, shuffled, [2, 4, 3, 3]));
  });

  test('gated recurrence over three steps with an embedding', () => {
    const s = subject('recurrence');
    const { b, given, integers } = s;
    const table = given('embedding', [5, 3]);
    const tokens = gather(b, table, integers('tokens', [2, 3], [4, 1, 1, 0, 4, 4]), 0);
    const [w, u] = [given('w', [3, 6]), given('u', [3, 6])];
    let state = given('state', [2, 3]);
    for (let step = 0; step < 3; step++) {
      const token = reshape(b, slice(b, tokens, 1, step, step + 1), [2, 3]);
      const mixed = add(b, matmul(b, token, w), matmul(b, state, u));
      const [gate, candidate] = split(b, mixed, [3, 3], 1);
      if (gate === undefined || candidate === undefined) throw new Error('Split gives two parts');
      const open = b.op('Sigmoid', [gate], {});
      state = add(b, mul(b, open, state), mul(b, sub(b, 1, open), b.op('Tanh', [candidate], {})));
    }
    s.checkProjection(state);
  });

  test('hand-written layer normalisation', () => {
    const s = subject('layer normalisation');
    const { b, given } = s;
    const x = given('x', [3, 5]);
    const centred = sub(b, x, reduceMean(b, x, [-1], { keepdims: true }));
    const variance = reduceMean(b, mul(b, centred, centred), [-1], { keepdims: true });
    const unit = div(b, centred, sqrt(b, add(b, variance, 1e-5)));
    s.checkProjection(add(b, mul(b, unit, given('scale', [5])), given('bias', [5])));
  });

  test('leaky ReLU as a choice and as a maximum', () => {
    const s = subject('leaky');
    const { b, given } = s;
    const x = given('x', [4, 4]);
    const chosen = b.op('Where', [greater(b, x, 0), x, mul(b, x, 0.1)], {});
    s.checkProjection(chosen, maximum(b, x, mul(b, x, 0.1)));
  });
});

describe('the check itself', () => {
  test('numerical gradients of a cubic are exact to the promised error', () => {
    const s = subject('cubic');
    const x = s.given('x', [5]);
    const loss = reduceSum(s.b, mul(s.b, mul(s.b, x, x), x), [0]);
    const { data } = s.feeds.get('x') ?? { data: new Float64Array() };
    const numerical = numericalGradient(s.b.build(), loss.name, s.feeds, 'x').data;
    numerical.forEach((value, index) => {
      expect(Math.abs(value - 3 * (data[index] ?? NaN) ** 2)).toBeLessThan(1e-9);
    });
  });

  test('a gradient that differs fails, and the message names seed, input and element', () => {
    const s = subject('kink', 7);
    const x = s.given('x', [2, 2]);
    s.feeds.set('x', { shape: [2, 2], data: Float64Array.of(1, -1, 0, 2) });
    // At 0 the rule answers 0, the central difference ½.
    expect(() => {
      s.check(reduceSum(s.b, relu(s.b, x), [0, 1]));
    }).toThrow(/seed 7, kink, gradient of x: max error 0\.50000\d* at \[1, 0\]: actual 0, expected 0\.50000/);
  });
});
