import { describe, expect, it } from 'vitest';
import { foreignNode, readAgain, smallNetwork, usualNetwork, weights } from '../../test/support/read-networks.ts';
import { createBuilder, type Builder, type Value } from '../graph/builder.ts';
import {
  add,
  averagePool,
  conv,
  div,
  flatten,
  globalAveragePool,
  logSoftmax,
  matmul,
  mul,
  reduceL2,
  relu,
  reshape,
  softmax,
  transpose,
} from '../graph/functions.ts';
import type { Graph } from '../graph/graph.ts';
import { findClassifier, searchClassifier } from './find-classifier.ts';

const linear = (b: Builder, x: Value, weight: Value, bias?: Value): Value =>
  b.op('Gemm', [x, weight, bias], { alpha: 1, beta: 1, transA: 0, transB: 1 });

/** Features `[n, 8]` of vectors `[n, 6]`, and what a test puts behind them. */
function behindFeatures(body: (b: Builder, features: Value) => Value): Graph {
  return readAgain((b) => {
    const x = b.input('x', 'float32', ['n', 6]);
    b.output(body(b, relu(b, linear(b, x, weights(b, 'first.weight', 8, 6)))), 'y');
  });
}

/** A map `[n, 8, 5, 5]` of images, and what a test puts behind it. */
function behindMap(body: (b: Builder, map: Value) => Value): Graph {
  return readAgain((b) => {
    const x = b.input('x', 'float32', ['n', 3, 5, 5]);
    b.output(body(b, relu(b, conv(b, x, weights(b, 'stem', 8, 3, 3, 3)))), 'y');
  });
}

describe('findClassifier', () => {
  it.each(['gemm', 'gemm-columns', 'gemm-scaled', 'matmul', 'conv'] as const)(
    'finds a classifier written as %s',
    (classifier) => {
      const graph = smallNetwork({ ...usualNetwork, classifier, softmax: true });
      expect(findClassifier(graph)).toMatchObject({
        ...{ features: 4, classes: 5, weight: 'fc.weight', bias: 'fc.bias', output: 'scores' },
        byColumns: classifier === 'gemm-columns' || classifier === 'matmul',
        weightFactor: classifier === 'gemm-scaled' ? 0.5 : 1,
        biasFactor: classifier === 'gemm-scaled' ? 2 : 1,
      });
    },
  );

  it('says what it found and how it was known', () => {
    const graph = smallNetwork({ ...usualNetwork, softmax: true });
    expect(findClassifier(graph).how).toBe(
      'Gemm (Gemm) with weights fc.weight [5, 4] and bias fc.bias, the last product before output scores, through Softmax',
    );
  });

  it.each<[string, (b: Builder, scores: Value) => Value]>([
    ['LogSoftmax', (b, y) => logSoftmax(b, y)],
    ['a Reshape and a Softmax', (b, y) => softmax(b, reshape(b, y, [-1, 1, 7]))],
    ['a foreign Dropout', (b, y) => foreignNode(b, 'Dropout', [y])],
    ['an Identity', (b, y) => b.op('Identity', [y], {})],
    ['a Sigmoid', (b, y) => b.op('Sigmoid', [y], {})],
  ])('looks through %s, which stays behind the head', (_, tail) => {
    const graph = behindFeatures((b, x) => tail(b, linear(b, x, weights(b, 'w', 7, 8))));
    const found = findClassifier(graph);
    expect(found).toMatchObject({ features: 8, classes: 7, weight: 'w', bias: undefined });
    expect(found.replaced).toHaveLength(1);
    expect(found.tail.length).toBeGreaterThan(0);
  });

  it('counts a constant scale to the classifier, so that a head is not scaled twice', () => {
    const found = findClassifier(
      behindFeatures((b, x) => softmax(b, mul(b, linear(b, x, weights(b, 'w', 7, 8)), 100))),
    );
    expect(found.replaced.map(({ name }) => name)).toEqual(['Gemm_1', 'Mul']);
    expect(found.tail[0]?.name).toBe('Softmax');
  });

  it('finds weights behind a Transpose and an Identity', () => {
    const graph = behindFeatures((b, x) => {
      const weight = transpose(b, b.op('Identity', [weights(b, 'w', 7, 8)], {}), [1, 0]);
      return add(b, matmul(b, x, weight), weights(b, 'bias', 7));
    });
    expect(findClassifier(graph)).toMatchObject({
      kind: 'MatMul',
      features: 8,
      classes: 7,
      byColumns: false,
      bias: 'bias',
    });
  });

  it('takes a 1×1 convolution before a ReLU and global pooling, and says that a head gets the average instead', () => {
    const found = findClassifier(
      behindMap((b, map) => flatten(b, globalAveragePool(b, relu(b, conv(b, map, weights(b, 'w', 7, 8, 1, 1)))))),
    );
    expect(found).toMatchObject({ kind: 'Conv', features: 8, classes: 7, pooling: { relu: true } });
    expect(found.replaced.map(({ name }) => name)).toEqual(['Conv_1', 'Relu_1', 'GlobalAveragePool']);
    expect(found.how).toMatch(
      /it classifies each pixel, Relu and GlobalAveragePool follow: a head gets the averaged features/,
    );
    const window = behindMap((b, map) =>
      flatten(b, averagePool(b, conv(b, map, weights(b, 'w', 7, 8, 1, 1)), { kernel: 5, stride: 1, padding: 0 })),
    );
    expect(findClassifier(window)).toMatchObject({ pooling: { relu: false } });
  });

  it('takes the product that is named, by its node or its weights, with all that follows it', () => {
    const graph = behindFeatures((b, x) =>
      softmax(b, linear(b, relu(b, linear(b, x, weights(b, 'second.weight', 9, 8))), weights(b, 'third.weight', 7, 9))),
    );
    const byWeight = findClassifier(graph, { node: 'second.weight' });
    expect(byWeight).toMatchObject({ features: 8, classes: 7, weight: 'second.weight', logits: 'Gemm_2' });
    expect(byWeight.replaced.map(({ name }) => name)).toEqual(['Gemm_1', 'Relu_1', 'Gemm_2']);
    expect(byWeight.how).toMatch(/chosen by name; a head takes the place of it and of the 2 nodes that follow it/);
    expect(findClassifier(graph, { node: 'Gemm_1' })).toMatchObject({ weight: 'second.weight' });
    expect(findClassifier(graph, { node: 'Gemm_2' })).toEqual(findClassifier(graph));
  });
});

describe('findClassifier refuses', () => {
  const twoOutputs = (): Graph =>
    readAgain((b) => {
      const features = relu(b, linear(b, b.input('x', 'float32', ['n', 6]), weights(b, 'a', 8, 6)));
      b.output(features, 'embedding');
      b.output(linear(b, features, weights(b, 'w', 7, 8)), 'scores');
    });

  it('several outputs without a choice, and lists them', () => {
    expect(() => findClassifier(twoOutputs())).toThrow(
      /several outputs; say which one gives the scores of the classes; choose from embedding float\[n, 8\], scores float\[n, 7\]/,
    );
    expect(findClassifier(twoOutputs(), { output: 'scores' }).weight).toBe('w');
    expect(() => findClassifier(twoOutputs(), { output: 'score' })).toThrow(
      /no such output; received score; choose from embedding, scores; did you mean scores\?/,
    );
  });

  it('a name that no product has, and suggests the nearest', () => {
    const graph = behindFeatures((b, x) => linear(b, x, weights(b, 'fc.weight', 7, 8)));
    expect(() => findClassifier(graph, { node: 'fc.wieght' })).toThrow(
      /no such node; received fc\.wieght; choose from Gemm, Gemm_1; did you mean fc\.weight\?/,
    );
    expect(() => findClassifier(graph, { node: 'Relu' })).toThrow(/Relu \(Relu\) is no product with weights/);
  });

  it.each<[string, () => Graph, RegExp]>([
    [
      'features, which end in a ReLU',
      () => behindFeatures((b, x) => relu(b, linear(b, x, weights(b, 'w', 7, 8)))),
      /behind the last product, Gemm_1 \(Gemm\), stands .*\(Relu\); .*a network without its classifier/,
    ],
    [
      'features of length 1',
      () => behindFeatures((b, x) => div(b, x, reduceL2(b, x, [1], { keepdims: true }))),
      /between the last product, Gemm \(Gemm\), and the output stands .*\(Div\)/,
    ],
    [
      'a model without weights',
      () =>
        readAgain((b) => {
          b.output(relu(b, b.input('x', 'float32', ['n', 6])), 'y');
        }),
      /no product with weights leads to the output/,
    ],
    [
      'a product of two computed values',
      () => behindFeatures((b, x) => matmul(b, x, transpose(b, x, [1, 0]))),
      /has no constant weights/,
    ],
    [
      'a wide convolution',
      () => behindMap((b, map) => flatten(b, globalAveragePool(b, conv(b, map, weights(b, 'w', 7, 8, 3, 3))))),
      /is a convolution with windows of 3×3/,
    ],
    [
      'a map of scores',
      () => behindMap((b, map) => softmax(b, conv(b, map, weights(b, 'w', 7, 8, 1, 1)), 1)),
      /gives more than one list of scores for each input; expected scores \[batch, 7\], received .*\[n, 7, 5, 5\]; .*segmentation/,
    ],
    [
      'scores for each position of a text',
      () =>
        readAgain((b) => {
          b.output(matmul(b, b.input('x', 'float32', ['n', 12, 8]), weights(b, 'w', 8, 7)), 'y');
        }),
      /gives more than one list of scores .*\[n, 12, 7\]; .*position of a text/,
    ],
    [
      'a quantised model',
      () =>
        behindFeatures((b, x) =>
          linear(b, foreignNode(b, 'QLinearAdd', [x, x], { domain: 'com.microsoft' }), weights(b, 'w', 7, 8)),
        ),
      /already quantised; received QLinearAdd_0 \(com\.microsoft\.QLinearAdd\); fix the float model/,
    ],
    [
      'quantised weights',
      () => behindFeatures((b, x) => linear(b, x, foreignNode(b, 'DequantizeLinear', [weights(b, 'w', 7, 8)]))),
      /already quantised; received DequantizeLinear_0/,
    ],
  ])('%s', (_, graph, message) => {
    expect(() => findClassifier(graph())).toThrow(message);
  });

  it('control flow on the way to the output', () => {
    const b = createBuilder('branching');
    const branch = { kind: 'opaque', description: 'a sub-graph' } as const;
    const x = b.input('x', 'float32', ['n', 8]);
    const chosen = foreignNode(b, 'If', [x], { attributes: new Map([['then_branch', branch]]) });
    b.output(linear(b, chosen, weights(b, 'w', 7, 8)), 'y');
    expect(() => findClassifier(b.build())).toThrow(
      /control flow, which fixhead does not look into; received If_0 \(If\)/,
    );
  });

  it('only where something is to be replaced: for looking, scores of a text will do', () => {
    const text = readAgain((b) => {
      b.output(matmul(b, b.input('x', 'float32', ['n', 12, 8]), weights(b, 'w', 8, 7)), 'y');
    });
    expect(searchClassifier(text)).toMatchObject({ features: 8, classes: 7 });
    expect(searchClassifier(twoOutputs())).toMatchObject({ summary: expect.stringContaining('Relu') as string });
  });
});
