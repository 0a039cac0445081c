import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createBuilder } from '../graph/builder.ts';
import { countParameters, createModel, modelTensors } from '../heads/model.ts';
import { parseHead } from '../heads/parse.ts';
import { createLayerContext } from '../nn/layer-context.ts';
import type { ImageSize } from '../heads/backbone.ts';
import { createBackbone, modelNames } from './registry.ts';

const image = (text: string): ImageSize => {
  const [channels = NaN, height = NaN, width = NaN] = text.split('x').map(Number);
  return { channels, height, width };
};

const counts = (model: string, size: string, classes: number, head = 'learned') =>
  countParameters(modelTensors(createModel(createBackbone(model, image(size)), parseHead(head), classes)));

/** Counted by PyTorch from its own modules: test/pytorch/model_sizes.py prints them. */
const sizes = [
  ['resnet8', '3x32x32', 10, 78_042],
  ['resnet14', '3x32x32', 10, 175_258],
  ['resnet20', '3x32x32', 10, 272_474],
  ['resnet32', '3x32x32', 10, 466_906],
  ['resnet44', '3x32x32', 10, 661_338],
  // Also what Hoffer, Hubara & Soudry 2018 print for ResNet-56 on CIFAR-10.
  ['resnet56', '3x32x32', 10, 855_770],
  ['resnet110', '3x32x32', 10, 1_730_714],
  ['resnet20', '1x28x28', 100, 278_036],
  ['mlp', '1x28x28', 10, 235_146],
  ['cnn', '3x32x32', 10, 94_762],
  // ResNet-8 without its classifier, a matrix from 64 maps of 8×8 to the features, BatchNorm, the classifier.
  ['resnet8:features=256', '3x32x32', 10, 78_042 - 650 + 4096 * 256 + 2 * 256 + 257 * 10],
  ['resnet8:features=256', '3x28x28', 10, 78_042 - 650 + 64 * 49 * 256 + 2 * 256 + 257 * 10],
  ['mlp:features=32', '1x28x28', 10, 235_146 - 1290 + 128 * 32 + 2 * 32 + 330],
] as const;

describe('parameters', () => {
  test.each(sizes)('%s on %s with %i classes has %i, as in PyTorch', (model, size, classes, total) => {
    const { classifier, ...all } = counts(model, size, classes);
    const features = createBackbone(model, image(size)).features;
    expect(classifier).toBe(features * classes + classes);
    expect(all).toEqual({ total, trainable: total, classifierTrainable: classifier });
  });

  test('a fixed head trains only α and the bias', () => {
    const backbone = 272_474 - 650;
    expect(counts('resnet20', '3x32x32', 10, 'hadamard')).toEqual({
      total: backbone + 11,
      trainable: backbone + 11,
      classifier: 11,
      classifierTrainable: 11,
    });
    expect(counts('resnet20', '3x32x32', 10, 'orthonormal')).toEqual({
      total: backbone + 11 + 640,
      trainable: backbone + 11,
      classifier: 11 + 640,
      classifierTrainable: 11,
    });
    expect(counts('resnet20', '3x32x32', 10, 'hadamard:scale=10:bias=off').classifier).toBe(0);
  });

  test('ResNets have the same number of parameters at any image size', () => {
    expect(counts('resnet8', '3x64x48', 10)).toEqual(counts('resnet8', '3x7x7', 10));
  });
});

describe('any image size and number of channels builds', () => {
  const build = (name: string, size: ImageSize): void => {
    const model = createModel(createBackbone(name, size), parseHead('hadamard'), 5);
    const b = createBuilder('test');
    const images = b.input('images', 'float32', [2, size.channels, size.height, size.width]);
    expect(model.forward(createLayerContext(b), images).type.shape).toEqual([2, 5]);
  };

  test.each(['1x28x28', '3x7x7', '3x64x48', '4x5x31'])('%s', (size) => {
    for (const name of ['mlp', 'cnn', 'resnet8', 'resnet20', 'mlp:features=8', 'cnn:features=8', 'resnet8:features=8'])
      build(name, image(size));
  });

  test('for a ResNet even a single pixel', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 70 }),
        (channels, height, width) => {
          build('resnet8', { channels, height, width });
          build('resnet8:features=6', { channels, height, width });
        },
      ),
      { numRuns: 20, examples: [[1, 1, 1]] },
    );
  });
});

describe('createBackbone', () => {
  test('builds every name it shows', () => {
    for (const name of modelNames) expect(createBackbone(name, image('3x32x32')).name).toBe(name);
    expect(createBackbone('ResNet-26', image('3x32x32')).name).toBe('resnet26');
    expect(createBackbone('resnet26:features=100', image('3x32x32'))).toMatchObject({
      name: 'resnet26:features=100',
      features: 100,
      sign: 'signed',
    });
  });

  test.each([
    ['resnet18', 'a CIFAR ResNet has depth 6n + 2; received resnet18; choose from resnet8, resnet14, resnet20'],
    ['resnet2', 'a CIFAR ResNet has depth 6n + 2; received resnet2'],
    ['cnn:features=1', 'a model name takes one option, its number of features; expected cnn:features=N with N from 2'],
    ['cnn:features=8:features=9', 'a model name takes one option'],
    ['cnn:width=2', 'a model name takes one option, its number of features; expected cnn:features=N'],
    ['resnet0', 'a CIFAR ResNet has depth 6n + 2; received resnet0'],
    ['resnet9', 'a CIFAR ResNet has depth 6n + 2; received resnet9'],
    [
      'restnet20',
      'unknown model restnet20; choose from mlp, cnn, resnet8, resnet20, resnet32, resnet44, resnet56, resnet110; did you mean resnet20?',
    ],
    [
      'cn',
      'unknown model cn; choose from mlp, cnn, resnet8, resnet20, resnet32, resnet44, resnet56, resnet110; did you mean cnn?',
    ],
    [
      'transformer',
      'unknown model transformer; choose from mlp, cnn, resnet8, resnet20, resnet32, resnet44, resnet56, resnet110',
    ],
  ])('refuses %s', (name, message) => {
    expect(() => createBackbone(name, image('3x32x32'))).toThrow(message);
  });

  test('suggests nothing where nothing is near', () => {
    expect(() => createBackbone('transformer', image('3x32x32'))).toThrow(/resnet110$/);
  });

  test('a cnn needs at least 4×4 pixels', () => {
    expect(() => createBackbone('cnn', image('3x3x8'))).toThrow(
      'image too small for model cnn; expected at least 4×4 pixels, received 3×8',
    );
  });

  test('a head without room for the classes is refused with the model', () => {
    expect(() => createModel(createBackbone('resnet8', image('3x8x8')), parseHead('orthonormal'), 64)).toThrow(
      'expected at most 63 classes for 64 non-negative features, received 64 classes',
    );
  });
});
