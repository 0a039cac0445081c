import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectGradients, projectionLoss } from '../../test/gradients/check.ts';
import { generate, type NdArray } from '../../test/reference/array.ts';
import { evaluateGraph } from '../../test/reference/evaluate.ts';
import {
  foreignNode,
  readAgain,
  smallNetwork,
  usualNetwork,
  weights as randomWeights,
  type NetworkChoice,
} from '../../test/support/read-networks.ts';
import { runOnnx } from '../../test/support/onnx-runtime.ts';
import { defined } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import { float32, type HostTensor } from '../core/tensor.ts';
import { createBuilder } from '../graph/builder.ts';
import { conv, flatten, globalAveragePool, reduceMean, relu, softmax, transpose } from '../graph/functions.ts';
import { countOperators, type Graph } from '../graph/graph.ts';
import { readOnnx } from '../graph/onnx-read.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import { hadamard, learned } from '../heads/spec.ts';
import { countParameters, createModel, modelTensors, type Model } from '../heads/model.ts';
import { createLayerContext, initialBuffer, type Weights } from '../nn/layer-context.ts';
import { initialValues } from '../nn/parameters.ts';
import { importedBackbone, importedName, type ImportedBackbone } from './backbone.ts';
import type { TrainChoice } from './blocks.ts';
import { classMatrix } from './class-matrix.ts';
import { cutAt, type Cut } from './cut.ts';
import { deployGraph } from './deploy.ts';
import { findClassifier } from './find-classifier.ts';
import { teacherLogits } from './teacher.ts';
import { unsupportedOnPath } from './unsupported.ts';

const cutOf = (graph: Graph): Cut => cutAt(graph, findClassifier(graph));
const all: TrainChoice = { kind: 'all' };

/** All weights of a model as they start; those of a learned head are the classifier's. */
function startOf(model: Model, cut?: Cut): Weights {
  const { parameters, buffers } = modelTensors(model);
  const weights = new Map<string, HostTensor>();
  for (const spec of parameters) weights.set(spec.name, float32(spec.shape, initialValues(spec, 1)));
  for (const spec of buffers) weights.set(spec.name, initialBuffer(spec));
  if (cut !== undefined) {
    const { weight, bias } = defined(classMatrix(cut.graph, cut.classifier), 'class matrix');
    weights.set('head.weight', float32([cut.classifier.classes, cut.classifier.features], weight));
    weights.set('head.bias', float32([cut.classifier.classes], bias));
  }
  return weights;
}

function imagesOf(shape: readonly number[]): NdArray {
  const random = randomStream(7, 'images');
  return generate(shape, () => Math.fround(random.normal()));
}

const outputOf = (graph: Graph, images: NdArray, name: string): NdArray =>
  defined(evaluateGraph(graph, new Map([[defined(graph.inputs[0], 'input'), images]])).get(name), name);

const largestDifference = (a: NdArray, b: NdArray): number =>
  a.data.reduce((most, value, index) => Math.max(most, Math.abs(value - (b.data[index] ?? Infinity))), 0);

const choices: fc.Arbitrary<NetworkChoice> = fc.record({
  channels: fc.constantFrom(1, 3),
  features: fc.integer({ min: 2, max: 5 }),
  classes: fc.integer({ min: 2, max: 6 }),
  residual: fc.boolean(),
  norm: fc.boolean(),
  classifier: fc.constantFrom('gemm', 'gemm-columns', 'gemm-scaled', 'matmul', 'conv'),
  softmax: fc.boolean(),
  batch: fc.constantFrom('n', 'batch', 2),
});

describe('deployGraph', () => {
  it('gives the answers of the original when a learned head has its weights, whatever the network', () => {
    fc.assert(
      fc.property(
        choices,
        fc.constantFrom<TrainChoice>(all, { kind: 'head' }, { kind: 'blocks', count: 1 }),
        (choice, train) => {
          const graph = smallNetwork(choice);
          const cut = cutOf(graph);
          const model = createModel(importedBackbone(cut, { name: 'n', train }), learned(), choice.classes);
          const deployed = deployGraph(cut, model, startOf(model, cut));
          expect(deployed.inputs).toEqual(graph.inputs);
          expect(deployed.types.get('images')).toEqual(graph.types.get('images'));
          expect(deployed.outputs).toEqual(['scores']);
          const images = imagesOf([2, choice.channels, 6, 6]);
          // The weights are float32, the sums of both graphs run in float64 in the same order.
          expect(
            largestDifference(outputOf(deployed, images, 'scores'), outputOf(graph, images, 'scores')),
          ).toBeLessThan(1e-6);
          const again = readOnnx(toOnnx(deployed), 'fixed.onnx').graph;
          expect(largestDifference(outputOf(again, images, 'scores'), outputOf(deployed, images, 'scores'))).toBe(0);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('runs on ONNX Runtime, with another number of classes behind the same Softmax and any batch', async () => {
    const cut = cutOf(smallNetwork({ ...usualNetwork, softmax: true }));
    const model = createModel(importedBackbone(cut, { name: 'n', train: all }), hadamard(), 3);
    const deployed = deployGraph(cut, model, startOf(model));
    expect(deployed.types.get('scores')?.shape).toEqual(['n', 3]);
    // Nothing of the old classifier is left.
    expect([...deployed.initializers.keys()].filter((name) => name.startsWith('fc.'))).toEqual([]);
    for (const batch of [1, 3]) {
      const images = imagesOf([batch, 3, 6, 6]);
      const scores = defined((await runOnnx(deployed, new Map([['images', images]]))).get('scores'), 'scores');
      expect(scores.shape).toEqual([batch, 3]);
      expect(largestDifference(scores, outputOf(deployed, images, 'scores'))).toBeLessThan(1e-5);
    }
  });

  it('holds the adapter and the head where the model has them', () => {
    const cut = cutOf(smallNetwork());
    const backbone = importedBackbone(cut, { name: 'n', train: { kind: 'head' }, adapter: 8 });
    expect(backbone).toMatchObject({ features: 8, sign: 'signed' });
    const model = createModel(backbone, hadamard(), 8);
    const weights = startOf(model);
    const images = imagesOf([2, 3, 6, 6]);
    const b = createBuilder('evaluation');
    b.output(model.forward(createLayerContext(b, weights), b.input('images', 'float32', [2, 3, 6, 6])), 'logits');
    const deployed = outputOf(deployGraph(cut, model, weights), images, 'scores');
    expect(largestDifference(deployed, outputOf(b.build(), images, 'logits'))).toBeLessThan(1e-9);
    // 4 features to 8, BatchNorm's scale and bias, α and 8 biases; the rest is frozen and counted.
    const counts = countParameters(modelTensors(model));
    expect(counts.trainable).toBe(4 * 8 + 16 + 9);
    expect(counts.total).toBe(counts.trainable + cut.size.total.parameters - cut.size.classifier.parameters);
  });

  it('puts what was trained in the place of what the file had', () => {
    const cut = cutOf(smallNetwork());
    const backbone = importedBackbone(cut, { name: 'n', train: { kind: 'blocks', count: 1 } });
    expect(backbone.trained.map(importedName)).toContain('backbone.layer1.1.first.conv.weight');
    const model = createModel(backbone, learned(), 5);
    const weights = new Map(startOf(model, cut));
    const changed = float32([4, 4, 3, 3], new Float32Array(144).fill(0.25));
    weights.set('backbone.layer1.1.first.conv.weight', changed);
    const { initializers } = deployGraph(cut, model, weights);
    expect(initializers.get('layer1.1.first.conv.weight')).toBe(changed);
    expect(initializers.get('stem.conv.weight')).toBe(cut.graph.initializers.get('stem.conv.weight'));
    weights.delete('backbone.layer1.1.first.conv.weight');
    expect(() => deployGraph(cut, model, weights)).toThrow(
      /backbone\.layer1\.1\.first\.conv\.weight: weight is missing/,
    );
  });

  it('keeps features averaged before a convolution that classified pixels', () => {
    const graph = readAgain((b) => {
      const map = relu(b, conv(b, b.input('x', 'float32', ['n', 3, 4, 4]), randomWeights(b, 'stem', 6, 3, 3, 3)));
      const scores = conv(b, map, randomWeights(b, 'w', 5, 6, 1, 1), { bias: randomWeights(b, 'bias', 5) });
      b.output(softmax(b, flatten(b, globalAveragePool(b, scores))), 'y');
    });
    const cut = cutOf(graph);
    const model = createModel(importedBackbone(cut, { name: 'n', train: all }), learned(), 5);
    // Without a ReLU between, averaging before or after a linear layer is the same.
    const deployed = deployGraph(cut, model, startOf(model, cut));
    const images = imagesOf([2, 3, 4, 4]);
    expect(largestDifference(outputOf(deployed, images, 'y'), outputOf(graph, images, 'y'))).toBeLessThan(1e-7);
    expect(countOperators(deployed).get('Conv')).toBe(1);
  });

  it('takes images with channels last, and vectors', () => {
    const last = readAgain((b) => {
      const x = transpose(b, b.input('x', 'float32', ['n', 6, 5, 3]), [0, 3, 1, 2]);
      const features = flatten(b, globalAveragePool(b, relu(b, conv(b, x, randomWeights(b, 'stem', 4, 3, 3, 3)))));
      b.output(b.op('Gemm', [features, randomWeights(b, 'w', 5, 4)], { alpha: 1, beta: 1, transA: 0, transB: 1 }), 'y');
    });
    const cut = cutOf(last);
    expect(cut).toMatchObject({ layout: 'channels-last', image: { channels: 3, height: 6, width: 5 } });
    const vectors = cutOf(
      readAgain((b) => {
        const x = relu(b, b.op('MatMul', [b.input('x', 'float32', ['n', 6]), randomWeights(b, 'first', 6, 4)], {}));
        b.output(b.op('MatMul', [x, randomWeights(b, 'w', 4, 5)], {}), 'y');
      }),
    );
    expect(vectors).toMatchObject({ layout: 'flat', image: { channels: 6, height: 1, width: 1 } });
    for (const each of [cut, vectors]) {
      const { channels, height, width } = each.image;
      const b = createBuilder('forward');
      const images = b.input('images', 'float32', [2, channels, height, width]);
      const logits = teacherLogits(each)(b, images);
      const model = createModel(importedBackbone(each, { name: 'n', train: all }), learned(), 5);
      const own = model.forward(createLayerContext(b, startOf(model, each)), images);
      b.output(logits, 'theirs');
      b.output(own, 'ours');
      const values = evaluateGraph(b.build(), new Map([['images', imagesOf([2, channels, height, width])]]));
      expect(
        largestDifference(defined(values.get('ours'), 'ours'), defined(values.get('theirs'), 'theirs')),
      ).toBeLessThan(1e-6);
    }
  });
});

describe('importedBackbone', () => {
  /** Features in training mode, parameters as inputs with the file's values. */
  function trainingGraph(backbone: ImportedBackbone, batch: number) {
    const b = createBuilder('training');
    const c = createLayerContext(b);
    const feeds = new Map<string, NdArray>();
    const { channels, height, width } = backbone.image;
    feeds.set('images', imagesOf([batch, channels, height, width]));
    const features = backbone.forward(c, b.input('images', 'float32', [batch, channels, height, width]));
    for (const spec of c.tensors().parameters)
      feeds.set(spec.name, { shape: spec.shape, data: Float64Array.from(initialValues(spec, 1)) });
    return { b, feeds, features, tensors: c.tensors() };
  }

  it.each(['gemm', 'conv'] as const)(
    'has gradients for all its parameters that agree with finite differences (%s)',
    (classifier) => {
      // A scaled-down network: central differences take two evaluations for each number.
      const cut = cutOf(smallNetwork({ ...usualNetwork, features: 2, channels: 1, classifier }));
      const { b, feeds, features, tensors } = trainingGraph(importedBackbone(cut, { name: 'n', train: all }), 1);
      const loss = projectionLoss(b, [features], feeds, 1, 'imported');
      const names = tensors.parameters.map(({ name }) => name);
      expect(names).toContain('backbone.layer1.0.first.conv.weight');
      expect(names).toContain('backbone.stem.bn.bias');
      expectGradients(b.build(), loss.name, feeds, names, 'imported network');
    },
  );

  it('declares weight decay, fixed tensors and no buffers: statistics stay the file’s', () => {
    const cut = cutOf(smallNetwork());
    const { tensors } = trainingGraph(importedBackbone(cut, { name: 'n', train: { kind: 'blocks', count: 1 } }), 2);
    expect(tensors.buffers).toEqual([]);
    expect(tensors.parameters.filter(({ decay }) => decay).map(({ name }) => name)).toEqual([
      'backbone.layer1.1.first.conv.weight',
      'backbone.layer1.1.second.conv.weight',
    ]);
    expect(tensors.fixed.map(({ name }) => name)).toContain('backbone.stem.bn.weight');
    expect(tensors.fixed.map(({ name }) => name)).not.toContain('backbone.stem.bn.running_mean');
  });

  it('knows whether its features can be negative', () => {
    const cut = cutOf(smallNetwork());
    expect(importedBackbone(cut, { name: 'n', train: all }).sign).toBe('non-negative');
    expect(importedBackbone(cut, { name: 'n', train: all, sign: 'signed' }).sign).toBe('signed');
    const flat = cutOf(smallNetwork({ ...usualNetwork, residual: false }));
    expect(importedBackbone(flat, { name: 'n', train: all }).sign).toBe('non-negative');
  });

  /** Two operators without a gradient between the first and the last convolution. */
  const unusual = (): Cut =>
    cutOf(
      readAgain((b) => {
        const first = conv(b, b.input('x', 'float32', ['n', 3, 4, 4]), randomWeights(b, 'block1.0.weight', 4, 3, 3, 3));
        const strange = foreignNode(b, 'BitShift', [foreignNode(b, 'Hardmax', [first])]);
        const second = relu(b, conv(b, strange, randomWeights(b, 'block2.0.weight', 4, 4, 3, 3)));
        const features = flatten(b, globalAveragePool(b, second));
        b.output(b.op('MatMul', [features, randomWeights(b, 'w', 4, 5)], {}), 'y');
      }),
    );

  it('names every node on the gradient path that has none, at once', () => {
    const cut = unusual();
    expect(unsupportedOnPath(cut, all).map(({ node, operator }) => [node, operator])).toEqual([
      ['Hardmax_0', 'Hardmax'],
      ['BitShift_0', 'BitShift'],
    ]);
    expect(() => importedBackbone(cut, { name: 'strange.onnx', train: all })).toThrow(
      /strange\.onnx: no gradient through 2 of the nodes .*Hardmax \(.*\): Hardmax_0; BitShift \(.*\): BitShift_0; train only the last blocks/,
    );
  });

  it('carries them along where no gradient has to pass', () => {
    const cut = unusual();
    expect(unsupportedOnPath(cut, { kind: 'blocks', count: 1 })).toEqual([]);
    expect(unsupportedOnPath(cut, { kind: 'head' })).toEqual([]);
    const model = createModel(importedBackbone(cut, { name: 'n', train: { kind: 'blocks', count: 1 } }), learned(), 5);
    expect(modelTensors(model).parameters.map(({ name }) => name)).toEqual([
      'backbone.block2.0.weight',
      'head.weight',
      'head.bias',
    ]);
    expect(countOperators(deployGraph(cut, model, startOf(model, cut))).get('Hardmax')).toBe(1);
  });
});

describe('cutAt refuses', () => {
  const gemm = (x: Parameters<typeof relu>[1], b: Parameters<typeof relu>[0]) =>
    b.op(
      'MatMul',
      [
        flatten(b, globalAveragePool(b, relu(b, conv(b, x, randomWeights(b, 'stem', 4, 3, 3, 3))))),
        randomWeights(b, 'w', 4, 5),
      ],
      {},
    );

  it.each<[string, () => Graph, RegExp]>([
    [
      'several inputs',
      () =>
        readAgain((b) => {
          const x = b.op(
            'Add',
            [b.input('x', 'float32', ['n', 3, 4, 4]), b.input('noise', 'float32', ['n', 3, 4, 4])],
            {},
          );
          b.output(gemm(x, b), 'y');
        }),
      /takes several inputs; expected one, the images, received x .*, noise/,
    ],
    [
      'images of an open size',
      () =>
        readAgain((b) => {
          const x = b.input('x', 'float32', ['n', 3, 4, 'width']);
          b.output(b.op('MatMul', [reduceMean(b, x, [2, 3]), randomWeights(b, 'w', 3, 5)], {}), 'y');
        }),
      /leaves the size of its images open.*say which size width shall have/,
    ],
    [
      'another element type',
      () =>
        readAgain((b) => {
          const x = b.op('Cast', [b.input('x', 'uint8', ['n', 3, 4, 4])], { to: 'float32' });
          b.output(gemm(x, b), 'y');
        }),
      /the model takes uint8, not float32/,
    ],
    [
      'half precision inside',
      () =>
        readAgain((b) => {
          const half = b.op('Cast', [b.input('x', 'float32', ['n', 3, 4, 4])], { to: 'float16' });
          b.output(gemm(b.op('Cast', [half], { to: 'float32' }), b), 'y');
        }),
      /does not compute in float32 throughout; received Cast/,
    ],
  ])('%s', (_, graph, message) => {
    expect(() => cutOf(graph())).toThrow(message);
  });
});
