import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { expectAllclose } from '../../test/support/allclose.ts';
import { runOnnx } from '../../test/support/onnx-runtime.ts';
import type { NdArray } from '../../test/reference/array.ts';
import { evaluateGraph } from '../../test/reference/evaluate.ts';
import { gradients } from '../autodiff/gradients.ts';
import { defined } from '../core/errors.ts';
import { createBuilder, type Value } from '../graph/builder.ts';
import type { Builder } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import { correctCount, crossEntropy, oneHot } from './losses.ts';

/** What torch.nn.functional.cross_entropy gives in float64. */
const { cases } = JSON.parse(
  readFileSync(new URL('../../test/pytorch/fixtures/cross-entropy.json', import.meta.url), 'utf8'),
) as {
  readonly cases: readonly {
    readonly name: string;
    readonly shape: readonly [number, number];
    readonly logits: readonly number[];
    readonly labels: readonly number[];
    readonly labelSmoothing: number;
    readonly loss: number;
    readonly gradient: readonly number[];
  }[];
};

/** A graph from `logits` and `labels` to what `body` makes of the logits and the one-hot targets. */
function lossGraph(batch: number, classes: number, body: (b: Builder, logits: Value, targets: Value) => Value): Graph {
  const b = createBuilder('loss');
  const logits = b.input('logits', 'float32', [batch, classes]);
  const targets = oneHot(b, b.input('labels', 'int32', [batch]), classes);
  b.output(targets, 'targets');
  b.output(body(b, logits, targets), 'result');
  return b.build();
}

const feedsOf = (classes: number, logits: readonly number[], labels: readonly number[]): Map<string, NdArray> =>
  new Map([
    ['logits', { shape: [labels.length, classes], data: Float64Array.from(logits) }],
    ['labels', { shape: [labels.length], data: Float64Array.from(labels) }],
  ]);

describe('crossEntropy agrees with PyTorch', () => {
  test.each(cases)('$name', async ({ shape: [batch, classes], logits, labels, labelSmoothing, loss, gradient }) => {
    const forward = lossGraph(batch, classes, (b, z, targets) => crossEntropy(b, z, targets, labelSmoothing));
    const backward = gradients(forward, { loss: 'result', wrt: ['logits'] });
    const b = createBuilder('loss', backward.graph);
    b.output(b.value(defined(backward.gradients.get('logits'), 'gradient')), 'gradient');
    const graph = b.build();
    const feeds = feedsOf(classes, logits, labels);
    const [reference, onRuntime] = [evaluateGraph(graph, feeds), await runOnnx(graph, feeds)];
    // Smoothing and 1/batch are float32 constants in the graph.
    expectAllclose(defined(reference.get('result'), 'loss').data, [loss], { what: 'loss', rtol: 1e-7 });
    expectAllclose(defined(reference.get('gradient'), 'gradient').data, gradient, { what: 'gradient', atol: 1e-7 });
    expectAllclose(defined(onRuntime.get('result'), 'loss').data, [loss], { what: 'loss on ONNX Runtime', rtol: 1e-6 });
    expectAllclose(defined(onRuntime.get('gradient'), 'gradient').data, gradient, { what: 'gradient', atol: 1e-6 });
  });

  test('stays finite for logits as large as float32 holds sums of', async () => {
    const graph = lossGraph(2, 3, (b, z, targets) => crossEntropy(b, z, targets));
    const values = await runOnnx(graph, feedsOf(3, [1e30, 0, -1e30, 1e4, -1e4, 0], [0, 1]));
    expectAllclose(defined(values.get('result'), 'loss').data, [1e4], { what: 'loss', rtol: 1e-6 });
  });
});

describe('oneHot', () => {
  test('is zero everywhere for a label outside the classes', () => {
    const graph = lossGraph(4, 3, (_, z) => z);
    const values = evaluateGraph(graph, feedsOf(3, new Array<number>(12).fill(0), [2, 0, 3, -1]));
    expect([...defined(values.get('targets'), 'targets').data]).toEqual([0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  });
});

describe('correctCount', () => {
  const countOf = async (logits: readonly number[], labels: readonly number[]): Promise<number> => {
    const graph = lossGraph(labels.length, 3, correctCount);
    const values = await runOnnx(graph, feedsOf(3, logits, labels));
    return defined(values.get('result'), 'count').data[0] ?? NaN;
  };

  test('counts rows whose target is the largest, whatever the signs', async () => {
    expect(await countOf([1, 2, 3, -3, -1, -2, 5, 5.001, -9, 0, -1, -2], [2, 1, 0, 0])).toBe(3);
  });

  test('counts ties as wrong', async () => {
    expect(await countOf([0, 0, 0, 2, 2, 1, 1, 2, 2], [0, 1, 2])).toBe(0);
  });

  test.each([NaN, -Infinity])('counts a row as wrong whose target is %s', async (value) => {
    expect(await countOf([value, 1, 2, 3, 1, 2], [0, 0])).toBe(1);
  });

  test('counts a row of NaN as wrong, and one with NaN anywhere', async () => {
    expect(await countOf([NaN, NaN, NaN, 5, NaN, 1, 5, 1, NaN], [0, 0, 0])).toBe(0);
  });

  test('an infinite logit is not a finite answer', async () => {
    expect(await countOf([Infinity, 0, 0], [1])).toBe(0);
  });

  test('a label outside the classes is never right', async () => {
    expect(await countOf([-1, -2, -3, 1, 2, 3], [7, -1])).toBe(0);
  });
});
