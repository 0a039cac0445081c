import { describe, expect, test } from 'vitest';
import { expectAllclose } from '../../test/support/allclose.ts';
import { runOnnx } from '../../test/support/onnx-runtime.ts';
import type { NdArray } from '../../test/reference/array.ts';
import { evaluateGraph } from '../../test/reference/evaluate.ts';
import { defined } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import { float32, type HostTensor } from '../core/tensor.ts';
import { createBuilder, type Value } from '../graph/builder.ts';
import { conv } from '../graph/functions.ts';
import { countOperators, type Graph } from '../graph/graph.ts';
import { readOnnx } from '../graph/onnx-read.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import { createModel, modelTensors, type Model } from '../heads/model.ts';
import { parseHead } from '../heads/parse.ts';
import { createBackbone } from '../models/registry.ts';
import { foldBatchNorm } from './fold-batchnorm.ts';
import { classifierGraph, deploymentGraph, evaluationGraph } from './inference-graph.ts';

const image = { channels: 3, height: 8, width: 8 };
const normalization = { mean: [0.1, 0.5, 0.75], std: [0.25, 0.3, 0.2] };
const modelOf = (backbone: string, head: string): Model =>
  createModel(createBackbone(backbone, image), parseHead(head), 7);

/** Weights and running statistics as a training might leave them: nothing is 0 or 1 any more. */
function trainedWeights(model: Model): Map<string, HostTensor> {
  const { parameters, buffers } = modelTensors(model);
  return new Map(
    [...parameters, ...buffers].map(({ name, shape }) => {
      const random = randomStream('trained', name);
      const draw = (): number => {
        if (name.endsWith('running_var')) return 0.2 + random.uniform();
        if (name === 'head.scale') return 9;
        return shape.length === 1 ? 0.5 + 0.3 * random.normal() : 0.1 * random.normal();
      };
      return [name, float32(shape, Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, draw))];
    }),
  );
}

/** Pixels in 0 … 1, and the same normalised. */
function pixelsAndImages(batch: number): { readonly pixels: NdArray; readonly images: NdArray } {
  const shape = [batch, image.channels, image.height, image.width];
  const random = randomStream('pixels', batch);
  const data = Float64Array.from({ length: batch * 192 }, () => random.integer(256) / 255);
  const normalized = data.map((value, place) => {
    const channel = Math.floor(place / 64) % 3;
    return (value - (normalization.mean[channel] ?? NaN)) / (normalization.std[channel] ?? NaN);
  });
  return { pixels: { shape, data }, images: { shape, data: normalized } };
}

const logits = (values: ReadonlyMap<string, NdArray>): NdArray => defined(values.get('logits'), 'logits');
const feed = (images: NdArray): ReadonlyMap<string, NdArray> => new Map([['images', images]]);

/** Each of some 10 layers rounds to float32 (6e-8) sums of up to 600 products; 1e-5 of the largest logit has room to spare. */
const FLOAT32 = 1e-5;
const largest = (values: Float64Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

describe.each([
  ['resnet8', 'learned'],
  ['resnet8', 'hadamard'],
  ['resnet8', 'orthonormal:bias=off'],
  ['cnn', 'hadamard:scale=5'],
  ['mlp', 'hadamard'],
])('%s with head %s', (backbone, head) => {
  const model = modelOf(backbone, head);
  const weights = trainedWeights(model);
  const evaluation = evaluationGraph(model, weights);
  const deployment = deploymentGraph(model, weights, normalization);
  const { pixels, images } = pixelsAndImages(2);
  const reference = logits(evaluateGraph(evaluation, feed(images)));

  test('the deployed graph computes what the evaluated one does', () => {
    expect(new Set(reference.data.map((value) => Math.round(value * 1e3))).size).toBeGreaterThan(10);
    const deployed = logits(evaluateGraph(deployment, feed(pixels)));
    // Only the folded weights and 1/std are rounded to float32.
    expectAllclose(deployed.data, reference.data, { what: 'deployed', atol: 1e-6 * largest(reference.data) });
  });

  test('both agree with float64 on ONNX Runtime', async () => {
    for (const [graph, input] of [
      [evaluation, images],
      [deployment, pixels],
    ] as const) {
      const actual = logits(await runOnnx(graph, feed(input), 'inference'));
      expectAllclose(actual.data, reference.data, { what: graph.name, atol: FLOAT32 * largest(reference.data) });
    }
  });

  test('takes any batch size, and images do not see each other', async () => {
    const seven = pixelsAndImages(7).pixels;
    const together = logits(await runOnnx(deployment, feed(seven), 'inference'));
    expect(together.shape).toEqual([7, 7]);
    for (const [start, size] of [
      [0, 1],
      [3, 2],
    ] as const) {
      const some = { shape: [size, 3, 8, 8], data: seven.data.slice(192 * start, 192 * (start + size)) };
      const alone = logits(await runOnnx(deployment, feed(some), 'inference'));
      expect(alone.shape).toEqual([size, 7]);
      const expected = together.data.subarray(7 * start, 7 * (start + size));
      expectAllclose(alone.data, expected, { what: `batch of ${size}`, atol: FLOAT32 * largest(together.data) });
    }
  });

  test('is deployed without BatchNormalization, in standard operators, and survives the file', () => {
    expect(countOperators(deployment).get('BatchNormalization') ?? 0).toBe(0);
    expect(countOperators(evaluation).get('BatchNormalization') ?? 0).toBe({ resnet8: 9, cnn: 3, mlp: 0 }[backbone]);
    const read = readOnnx(toOnnx(deployment), 'model.onnx').graph;
    expect(read.nodes.every(({ kind }) => kind === 'op')).toBe(true);
    expect(logits(evaluateGraph(read, feed(pixels))).data).toEqual(
      logits(evaluateGraph(deployment, feed(pixels))).data,
    );
    // No folded or optimiser leftovers: every stored tensor is read.
    const used = new Set(deployment.nodes.flatMap((node) => node.inputs));
    expect([...deployment.initializers.keys()].filter((name) => !used.has(name))).toEqual([]);
  });

  test('the classifier alone gives the logits of the features', () => {
    const graph = classifierGraph(model.head, weights);
    const x = { shape: [1, model.head.features], data: new Float64Array(model.head.features).fill(0.5) };
    expect(defined(evaluateGraph(graph, new Map([['features', x]])).get('logits'), 'logits').shape).toEqual([1, 7]);
    expect(countOperators(graph).has('Conv')).toBe(false);
  });
});

describe('weights', () => {
  const model = modelOf('resnet8', 'hadamard');

  test('that are missing or of another shape are named', () => {
    const weights = trainedWeights(model);
    weights.delete('stage2.0.conv1.weight');
    expect(() => evaluationGraph(model, weights)).toThrow('stage2.0.conv1.weight: weight is missing');
    weights.set('stage2.0.conv1.weight', float32([1], [0]));
    expect(() => deploymentGraph(model, weights, normalization)).toThrow(
      'stage2.0.conv1.weight: weight has another shape; expected [32,16,3,3], received [1]',
    );
  });
});

describe('foldBatchNorm', () => {
  const vector = (values: readonly number[]) => float32([2], values);
  const x = { shape: [1, 2, 3, 3], data: Float64Array.from({ length: 18 }, (_, i) => Math.sin(i)) };

  /** x ∗ w, then BatchNormalization; `shared` gives the convolution a second reader. */
  function graphWith(options: { readonly bias?: boolean; readonly shared?: boolean; readonly twice?: boolean }): Graph {
    const b = createBuilder('fold');
    const images = b.input('images', 'float32', [1, 2, 3, 3]);
    const filter = b.named('w', float32([2, 2, 1, 1], [1, 2, 3, -4]));
    const bias = options.bias === true ? { bias: b.named('b', vector([0.5, -1])) } : {};
    const normalized = (): Value => {
      const y = conv(b, images, filter, bias);
      const statistics = [
        [2, 0.5],
        [1, -1],
        [0.25, 0.5],
        [4, 0.25],
      ].map((values, k) => b.constant(vector(values), `s${k}`));
      const [scale, offset, mean, variance] = statistics;
      if (options.shared === true) b.output(y, 'raw');
      const of = (value: typeof scale) => defined(value, 'statistic');
      return b.op('BatchNormalization', [y, of(scale), of(offset), of(mean), of(variance)], { epsilon: 0.5 });
    };
    b.output(normalized(), 'logits');
    if (options.twice === true) b.output(normalized(), 'again');
    return b.build();
  }

  test.each([
    ['a convolution without bias', {}, 0],
    ['a convolution with bias', { bias: true }, 0],
    ['two convolutions with one filter', { twice: true }, 0],
    ['a convolution that is read elsewhere, which stays', { shared: true, bias: true }, 1],
  ])('%s', (_, options, left) => {
    const graph = graphWith(options);
    const folded = foldBatchNorm(graph);
    expect(countOperators(folded).get('BatchNormalization') ?? 0).toBe(left);
    const [expected, actual] = [evaluateGraph(graph, feed(x)), evaluateGraph(folded, feed(x))];
    for (const name of graph.outputs)
      expectAllclose(defined(actual.get(name), name).data, defined(expected.get(name), name).data, {
        what: name,
        atol: 1e-6,
      });
  });
});
