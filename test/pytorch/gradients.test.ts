import { describe, expect, test } from 'vitest';
import { defined } from '../../src/core/errors.ts';
import { createBuilder } from '../../src/graph/builder.ts';
import { logSoftmax, mul, neg, reduceMean, reduceSum } from '../../src/graph/functions.ts';
import { gradients } from '../../src/autodiff/gradients.ts';
import { generate, item, type NdArray } from '../reference/array.ts';
import { evaluateGraph } from '../reference/evaluate.ts';
import { expectAllclose } from '../support/allclose.ts';
import { casesOfFamily, families, fixtureGraph, readFixture } from './fixtures.ts';

describe('our gradient graphs, evaluated in float64, agree with PyTorch', () => {
  for (const family of families) {
    describe(family, () => {
      test.each(casesOfFamily(family).map((fixture) => [fixture.name, fixture] as const))('%s', (name, fixture) => {
        const { graph, feeds, expected } = fixtureGraph(fixture);
        const values = evaluateGraph(graph, feeds);
        for (const [output, { shape, data }] of expected) {
          const actual = defined(values.get(output), output);
          const what = `${family}, ${name}, ${output}`;
          expect(actual.shape, what).toEqual(shape);
          expectAllclose(actual.data, data, { what, rtol: fixture.rtol, atol: fixture.rtol, shape });
        }
      });
    });
  }
});

interface RunningStatistics {
  readonly momentum: number;
  readonly epsilon: number;
  readonly shape: readonly number[];
  readonly steps: readonly {
    readonly x: unknown;
    readonly mean: readonly number[];
    readonly variance: readonly number[];
  }[];
  readonly evaluation: { readonly x: unknown; readonly y: unknown };
}

const flat = (nested: unknown): number[] => (Array.isArray(nested) ? nested.flatMap(flat) : [Number(nested)]);

test('batch statistics give PyTorch’s running statistics: momentum weighs the new value, the variance is unbiased', () => {
  const { momentum, epsilon, shape, steps, evaluation } = readFixture('running-statistics') as RunningStatistics;
  const [batch, channels, ...extents] = shape as [number, number, number, number];
  const count = extents.reduce((product, extent) => product * extent, batch);
  const vector = (data: ArrayLike<number>): NdArray => ({ shape: [channels], data: Float64Array.from(data) });
  const [ones, none] = [vector([1, 1, 1]), vector([0, 0, 0])];

  const b = createBuilder('batch statistics');
  const x = b.input('x', 'float32', shape);
  const [scale, bias] = [b.input('scale', 'float32', [channels]), b.input('bias', 'float32', [channels])];
  const [, mean, variance] = b.node('BatchNormTraining', [x, scale, bias], { epsilon, relu: 0 });
  const graph = b.build();

  let running = { mean: none.data, variance: ones.data };
  for (const [index, step] of steps.entries()) {
    const feeds = new Map([
      ['x', { shape, data: Float64Array.from(flat(step.x)) }],
      ['scale', ones],
      ['bias', none],
    ]);
    const values = evaluateGraph(graph, feeds);
    const now = {
      mean: defined(values.get(mean.name), 'mean').data,
      variance: defined(values.get(variance.name), 'variance').data,
    };
    running = {
      mean: running.mean.map((old, c) => (1 - momentum) * old + momentum * item(now.mean, c)),
      variance: running.variance.map(
        (old, c) => (1 - momentum) * old + (momentum * item(now.variance, c) * count) / (count - 1),
      ),
    };
    expectAllclose(running.mean, step.mean, { what: `mean after step ${index + 1}`, rtol: 1e-12, atol: 1e-14 });
    expectAllclose(running.variance, step.variance, { what: `variance after step ${index + 1}`, rtol: 1e-12 });
  }

  const e = createBuilder('evaluation');
  const image = e.input('x', 'float32', [1, ...shape.slice(1)]);
  const [s, t, m, v] = ['scale', 'bias', 'mean', 'variance'].map((name) => e.input(name, 'float32', [channels]));
  if (s === undefined || t === undefined || m === undefined || v === undefined) throw new Error('four vectors');
  const y = e.op('BatchNormalization', [image, s, t, m, v], { epsilon });
  const values = evaluateGraph(
    e.build(),
    new Map([
      ['x', { shape: [1, ...shape.slice(1)], data: Float64Array.from(flat(evaluation.x)) }],
      ['scale', ones],
      ['bias', none],
      ['mean', vector(running.mean)],
      ['variance', vector(running.variance)],
    ]),
  );
  expectAllclose(defined(values.get(y.name), 'y').data, flat(evaluation.y), {
    what: 'evaluation',
    rtol: 1e-12,
    atol: 1e-14,
  });
});

interface CrossEntropyCase {
  readonly name: string;
  readonly shape: readonly [number, number];
  readonly logits: readonly number[];
  readonly labels: readonly number[];
  readonly labelSmoothing: number;
  readonly loss: number;
  readonly gradient: readonly number[];
}

describe('cross-entropy as a graph agrees with PyTorch', () => {
  const { cases } = readFixture('cross-entropy') as { readonly cases: readonly CrossEntropyCase[] };
  test.each(cases.map((fixture) => [fixture.name, fixture] as const))('%s', (name, fixture) => {
    const { shape, labels, labelSmoothing: smoothing } = fixture;
    const [batch, classes] = shape;
    const b = createBuilder('cross-entropy');
    const [logits, target] = [b.input('logits', 'float32', shape), b.input('target', 'float32', shape)];
    const loss = neg(b, reduceMean(b, reduceSum(b, mul(b, target, logSoftmax(b, logits)), [1]), [0]));
    const smoothed = generate(
      shape,
      ([row = 0, label]) => smoothing / classes + (item(labels, row) === label ? 1 - smoothing : 0),
    );
    const result = gradients(b.build(), { loss: loss.name, wrt: ['logits'] });
    const values = evaluateGraph(
      result.graph,
      new Map([
        ['logits', { shape, data: Float64Array.from(fixture.logits) }],
        ['target', smoothed],
      ]),
    );
    // 1/3 is rounded to float32 for the mean of a batch of 3; 1/4 is exact.
    const rtol = batch === 4 ? 1e-12 : 1e-7;
    expectAllclose(defined(values.get(loss.name), 'loss').data, [fixture.loss], { what: `${name}, loss`, rtol: 1e-12 });
    const gradient = defined(values.get(defined(result.gradients.get('logits'), 'gradient')), 'gradient');
    expectAllclose(gradient.data, fixture.gradient, { what: `${name}, gradient`, rtol, atol: 1e-12, shape });
  });
});
