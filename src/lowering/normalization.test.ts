import { describe, expect, test } from 'vitest';
import { evaluateGraph } from '../../test/reference/evaluate.ts';
import { runOnnx } from '../../test/support/onnx-runtime.ts';
import { defined } from '../core/errors.ts';
import { float32 } from '../core/tensor.ts';
import { conv } from '../graph/functions.ts';
import type { Graph } from '../graph/graph.ts';
import { lower } from './lower.ts';
import { blockedTargets, build, EPSILON, expectLowered, normalFeeds, portable } from '../../test/support/lowering.ts';

const blocked = await blockedTargets();
const targets = [portable, ...blocked];

interface Options {
  readonly relu?: boolean;
  readonly sum?: boolean;
  /** A convolution in front, whose result only the normalisation and its gradient read. */
  readonly convolved?: boolean;
  /** The incoming gradient has a second reader. */
  readonly shared?: boolean;
}

/** BatchNormTraining and BatchNormGrad, and a weight and an input gradient behind them if a convolution is in front. */
function normGraph(shape: readonly number[], { relu, sum, convolved, shared }: Options): Graph {
  const [, channels = 0] = shape;
  const attributes = { epsilon: 1e-5 };
  return build((b) => {
    const input = b.input('x', 'float32', shape);
    const gy = b.input('gy', 'float32', shape);
    const scale = b.input('scale', 'float32', [channels]);
    const bias = b.input('bias', 'float32', [channels]);
    const skip = sum === true ? b.input('skip', 'float32', shape) : undefined;
    const filter = b.input('w', 'float32', [channels, channels, 1, 1]);
    const x = convolved === true ? conv(b, input, filter) : input;
    const [y, mean, variance] = b.node('BatchNormTraining', [x, scale, bias, skip], {
      ...attributes,
      relu: relu === true ? 1 : 0,
    });
    const [gx, gscale, gbias] = b.node('BatchNormGrad', [gy, x, scale, mean, variance], attributes);
    const results = [y, mean, variance, gx, gscale, gbias];
    if (convolved === true) {
      const window = { kernel_shape: [1, 1], pads: [0, 0, 0, 0], strides: [1, 1], dilations: [1, 1], group: 1 };
      results[3] = b.op('ConvInputGrad', [gx, filter], { ...window, input_shape: shape });
      results.push(b.op('ConvWeightGrad', [input, gx], window));
    }
    if (shared === true) results.push(b.op('Neg', [gy], {}));
    return results;
  });
}

describe('BatchNormTraining and BatchNormGrad, portable and blocked', () => {
  test.each<readonly [readonly number[], Options]>([
    [[3, 16, 5, 5], {}],
    [[3, 16, 5, 5], { relu: true }],
    [[16, 32, 3, 4], { sum: true }],
    [[17, 16, 3, 3], { sum: true, relu: true }],
    [[3, 16, 4, 4], { convolved: true }],
    [[3, 32, 4, 4], { convolved: true, relu: true, shared: true }],
    [[3, 16, 4, 4], { convolved: true, sum: true, relu: true }],
    [[4, 48, 1, 1], { relu: true }],
    [[3, 20, 4, 4], { convolved: true, sum: true, relu: true, shared: true }],
    [[16, 8], {}],
    [[4, 3, 6, 5], { relu: true }],
  ])('%j %j', async (shape, options) => {
    const count = shape.reduce((product, extent) => product * extent, 1) / (shape[1] ?? 1);
    await expectLowered(normGraph(shape, options), targets, { length: 4 * count });
  });
});

describe('batch statistics of values far from zero', () => {
  // Per channel a mean of `ratio` standard deviations: E[x²] − E[x]² has a relative error of 5e-4 at 30 and 1e-2 at 100.
  const farFeeds = (graph: Graph, ratio: number) => {
    const feeds = new Map(normalFeeds(graph));
    const x = defined(feeds.get('x'), 'x');
    feeds.set('x', { shape: x.shape, data: x.data.map((value) => Math.fround(value + ratio)) });
    const w = defined(feeds.get('w'), 'w');
    const identity = w.data.map((_, at) => (Math.floor(at / 16) === at % 16 ? 1 : 0));
    feeds.set('w', { shape: w.shape, data: Float64Array.from(identity) });
    return feeds;
  };
  test.each(
    targets.flatMap((target) =>
      [true, false].flatMap((convolved) =>
        [30, 100, 1000].map((ratio) => [target.kind, ratio, convolved, target] as const),
      ),
    ),
  )('%s, mean of %i deviations, behind a convolution: %s', async (_, ratio, convolved, target) => {
    const graph = normGraph([16, 16, 8, 8], { convolved });
    const feeds = farFeeds(graph, ratio);
    const expected = evaluateGraph(graph, feeds);
    const results = await runOnnx(lower(graph, target), feeds);
    const worst = (name: string): number => {
      const reference = defined(expected.get(name), name).data;
      const scale = Math.max(...reference.map(Math.abs));
      const actual = defined(results.get(name), name).data;
      return Math.max(...reference.map((value, at) => Math.abs((actual[at] ?? NaN) - value) / scale));
    };
    // The mean is rounded to ratio·ε of a deviation: normalised values feel it, their variance does not.
    expect(worst('out0')).toBeLessThan(16 * ratio * EPSILON);
    expect(worst('out2')).toBeLessThan(64 * EPSILON);
    expect(worst('out4')).toBeLessThan(1024 * ratio * EPSILON);
  });
});

test('the input of a normalisation may have other readers', async () => {
  const graph = build((b) => {
    const x = b.input('x', 'float32', [3, 16, 4, 4]);
    const w = b.constant(
      float32(
        [16, 16, 1, 1],
        Float32Array.from({ length: 256 }, (_, at) => Math.sin(at)),
      ),
      'w',
    );
    const y = conv(b, x, w);
    const vector = b.input('scale', 'float32', [16]);
    const [normalized] = b.node('BatchNormTraining', [y, vector, vector], { epsilon: 1e-5, relu: 0 });
    return [y, normalized];
  });
  await expectLowered(graph, targets, { length: 48 });
});

test('BatchNormGrad works without its forward step', async () => {
  const graph = build((b) => {
    const [x, gy] = [b.input('x', 'float32', [3, 16, 4, 4]), b.input('gy', 'float32', [3, 16, 4, 4])];
    const [scale, mean] = [b.input('scale', 'float32', [16]), b.input('mean', 'float32', [16])];
    const variance = b.op('Exp', [b.input('v', 'float32', [16])], {});
    return b.node('BatchNormGrad', [gy, x, scale, mean, variance], { epsilon: 1e-5 });
  });
  await expectLowered(graph, targets, { length: 500 });
});
