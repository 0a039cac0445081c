import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createBuilder } from '../graph/builder.ts';
import { countParameters, createModel, modelTensors } from '../heads/model.ts';
import { parseHead } from '../heads/parse.ts';
import { createLayerContext } from '../nn/layer-context.ts';
import { readFixture } from '../../test/pytorch/fixtures.ts';
import type { ImageSize } from '../heads/backbone.ts';
import { createBackbone, modelNames, sizeNote } from './registry.ts';

const image = (text: string): ImageSize => {
  const [channels = NaN, height = NaN, width = NaN] = text.split('x').map(Number);
  return { channels, height, width };
};

const counts = (model: string, size: string, classes: number, head = 'learned') =>
  countParameters(modelTensors(createModel(createBackbone(model, image(size)), parseHead(head), classes)));

interface Sizes {
  readonly models: readonly {
    readonly model: string;
    readonly image: readonly [number, number, number];
    readonly classes: number;
    readonly parameters: number;
  }[];
}

/** Counted by PyTorch from torchvision's modules, or where it lacks them from modules of our own: test/pytorch/model_sizes.py. */
const sizes = (readFixture('model-sizes') as Sizes).models.map(
  ({ model, image: [channels, height, width], classes, parameters }) =>
    [model, `${channels}x${height}x${width}`, classes, parameters] as const,
);

/** What papers print, or the source that they cite. */
const published = [
  // Hoffer, Hubara & Soudry 2018, table 1; ShuffleNet there with one learned scale.
  ['resnet56', '3x32x32', 10, 'learned', 855_770],
  ['densenet100-bc12', '3x32x32', 100, 'learned', 800_032],
  ['resnet50', '3x224x224', 1000, 'learned', 25_557_032],
  ['densenet169', '3x224x224', 1000, 'learned', 14_149_480],
  ['shufflenet', '3x224x224', 1000, 'learned:scale=learned', 1_826_555],
  // A matrix, BatchNorm, the classifier.
  ['adapter', '64x1x1', 10, 'learned', 64 * 64 + 2 * 64 + 650],
  // timm's vit_tiny_patch16_224 and vit_small_patch16_224.
  ['vit-ti16', '3x224x224', 1000, 'learned', 5_717_416],
  ['vit-s16', '3x224x224', 1000, 'learned', 22_050_664],
  // ResNet-8 without its classifier, a matrix from 64 maps of 8×8 to the features, BatchNorm, the classifier.
  ['resnet8:features=256', '3x32x32', 10, 'learned', 78_042 - 650 + 4096 * 256 + 2 * 256 + 257 * 10],
  ['resnet8:features=256', '3x28x28', 10, 'learned', 78_042 - 650 + 64 * 49 * 256 + 2 * 256 + 257 * 10],
  ['mlp:features=32', '1x28x28', 10, 'learned', 235_146 - 1290 + 128 * 32 + 2 * 32 + 330],
  // An embedding of 7×7 maps, and of the class token.
  ['resnet18:features=64', '3x224x224', 10, 'learned', 11_689_512 - 513_000 + 512 * 49 * 64 + 2 * 64 + 650],
  ['vit-ti16:features=64', '3x224x224', 10, 'learned', 5_717_416 - 193_000 + 192 * 64 + 2 * 64 + 650],
] as const;

describe('parameters', () => {
  test.each(sizes)('%s on %s with %i classes has %i, as in PyTorch', (model, size, classes, total) => {
    const { classifier, ...all } = counts(model, size, classes);
    const features = createBackbone(model, image(size)).features;
    expect(classifier).toBe(features * classes + classes);
    expect(all).toEqual({ total, trainable: total, classifierTrainable: classifier });
  });

  test.each(published)('%s on %s with %i classes and a %s head has %i', (model, size, classes, head, total) => {
    expect(counts(model, size, classes, head).total).toBe(total);
  });

  test('every model that is shown is counted', () => {
    const counted: readonly string[] = [...sizes, ...published].map(([model]) => model);
    expect(modelNames.filter((name) => !counted.includes(name))).toEqual([]);
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
    const backbone = createBackbone(name, size);
    const model = createModel(backbone, parseHead('hadamard'), 5);
    const b = createBuilder('test');
    const images = b.input('images', 'float32', [2, size.channels, size.height, size.width]);
    expect(model.forward(createLayerContext(b), images).type.shape).toEqual([2, 5]);
  };

  test.each(['1x28x28', '3x7x7', '3x64x48', '4x5x31'])('%s', (size) => {
    for (const name of ['mlp', 'cnn', 'resnet8', 'resnet20', 'mlp:features=8', 'cnn:features=8', 'resnet8:features=8'])
      build(name, image(size));
  });

  test.each(['3x224x224', '1x64x96', '4x33x47'])('the models for ImageNet on %s', (size) => {
    for (const name of ['resnet18', 'resnet50', 'densenet121', 'shufflenet', 'shufflenetv2', 'mobilenetv2'])
      for (const suffix of ['', ':features=8']) build(`${name}${suffix}`, image(size));
  });

  test('a vision transformer of patches in any rectangle', () => {
    for (const size of ['3x224x224', '1x32x48', '4x16x16'])
      for (const suffix of ['', ':features=8']) build(`vit-ti16${suffix}`, image(size));
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
          build('resnet18', { channels, height, width });
        },
      ),
      { numRuns: 20, examples: [[1, 1, 1]] },
    );
  });
});

test.each(modelNames)('%s takes every kind of head', (name) => {
  const backbone = createBackbone(name, image('3x32x32'));
  expect(backbone.sign).toBe(/^vit|^adapter/.test(name) ? 'signed' : 'non-negative');
  for (const head of ['learned', 'cosine', 'hadamard', 'biorthogonal', 'simplex', 'orthonormal', 'random', 'coset']) {
    const c = createLayerContext(createBuilder(name));
    const features = c.b.input('features', 'float32', [2, backbone.features]);
    expect(createModel(backbone, parseHead(head), 10).head.logits(c, features).type.shape).toEqual([2, 10]);
  }
});

describe('createBackbone', () => {
  test('builds every name it shows', () => {
    for (const name of modelNames) expect(createBackbone(name, image('3x32x32')).name).toBe(name);
    const canonical = {
      'ResNet-26': 'resnet26',
      'ResNet-50': 'resnet50',
      'resnet50-cifar': 'resnet50-cifar',
      'resnet20-cifar': 'resnet20',
      'DenseNet-100-BC-12': 'densenet100-bc12',
      'densenet40-bc24': 'densenet40-bc24',
      'DenseNet-121': 'densenet121',
      'ShuffleNet-V1': 'shufflenet',
      'shufflenetv2-x1': 'shufflenetv2',
      'ShuffleNetV2-x0.5': 'shufflenetv2-x0.5',
      'MobileNet-V2': 'mobilenetv2',
      'ViT-Ti16': 'vit-ti16',
    };
    for (const [name, expected] of Object.entries(canonical)) {
      expect(createBackbone(name, image('3x32x32')).name).toBe(expected);
      // A run stores the name and finds the model by it again.
      expect(createBackbone(expected, image('3x32x32')).name).toBe(expected);
    }
    expect(createBackbone('resnet26:features=100', image('3x32x32'))).toMatchObject({
      name: 'resnet26:features=100',
      features: 100,
      sign: 'signed',
    });
  });

  test.each([
    ['resnet19', 'a CIFAR ResNet has depth 6n + 2; received resnet19; choose from resnet8, resnet14, resnet20'],
    ['resnet18-cifar', 'a CIFAR ResNet has depth 6n + 2; received resnet18'],
    ['densenet100', 'unknown model densenet100; choose from densenet121, densenet169, densenet201, densenet100-bc12'],
    ['densenet101-bc12', 'a CIFAR DenseNet-BC has depth 6n + 4 and a positive growth rate; expected densenetL-bcK'],
    ['densenet4-bc12', 'a CIFAR DenseNet-BC has depth 6n + 4'],
    ['densenet100-bc0', 'a CIFAR DenseNet-BC has depth 6n + 4 and a positive growth rate'],
    ['shufflenetv2-x3', 'unknown model shufflenetv2-x3; choose from shufflenetv2-x0.5, shufflenetv2-x1.0'],
    ['vit-l16', 'unknown model vit-l16'],
    ['resnet2', 'a CIFAR ResNet has depth 6n + 2; received resnet2'],
    ['cnn:features=1', 'a model name takes one option, its number of features; expected cnn:features=N with N from 2'],
    ['cnn:features=8:features=9', 'a model name takes one option'],
    ['cnn:width=2', 'a model name takes one option, its number of features; expected cnn:features=N'],
    ['resnet0', 'a CIFAR ResNet has depth 6n + 2; received resnet0'],
    ['resnet9', 'a CIFAR ResNet has depth 6n + 2; received resnet9'],
    ['restnet20', `unknown model restnet20; choose from ${modelNames.join(', ')}; did you mean resnet20?`],
    ['cn', `unknown model cn; choose from ${modelNames.join(', ')}; did you mean cnn?`],
    ['transformer', `unknown model transformer; choose from ${modelNames.join(', ')}`],
  ])('refuses %s', (name, message) => {
    expect(() => createBackbone(name, image('3x32x32'))).toThrow(message);
  });

  test('suggests nothing where nothing is near', () => {
    expect(() => createBackbone('transformer', image('3x32x32'))).toThrow(new RegExp(`${modelNames.at(-1)}$`));
  });

  test('a cnn needs at least 4×4 pixels', () => {
    expect(() => createBackbone('cnn', image('3x3x8'))).toThrow(
      'image too small for model cnn; expected at least 4×4 pixels, received 3×8',
    );
  });

  test('a DenseNet says from which size on a pixel is left, and takes that size', () => {
    expect(() => createBackbone('densenet121', image('3x28x64'))).toThrow(
      'image too small for model densenet121: pooling would leave no pixel; expected at least 29×29 pixels, received 28×64; densenet100-bc12 is the DenseNet for small images',
    );
    expect(() => createBackbone('densenet100-bc12', image('3x4x3'))).toThrow(
      'image too small for model densenet100-bc12: pooling would leave no pixel; expected at least 4×4 pixels, received 4×3',
    );
    for (const [name, size] of [
      ['densenet121', '3x29x29'],
      ['densenet100-bc12', '3x4x4'],
    ] as const)
      expect(counts(name, size, 10).trainable).toBeGreaterThan(0);
  });

  test('a vision transformer takes whole patches only', () => {
    expect(() => createBackbone('vit-ti16', image('3x28x40'))).toThrow(
      'model vit-ti16 cuts images into patches of 16×16 pixels; expected height and width that are multiples of 16, received 28×40; make the images 32×48',
    );
  });

  test('models for large images say what becomes of small ones', () => {
    const note = (name: string, size: string) => sizeNote(createBackbone(name, image(size)));
    expect(note('resnet18', '3x32x32')).toBe(
      'resnet18 is built for images of about 224×224 and shrinks them 32-fold: of 32×32 pixels its last map has 1×1. ' +
        'resnet20 … resnet110 and densenet100-bc12 are built for small images.',
    );
    expect(note('shufflenetv2-x0.5:features=16', '3x48x100')).toContain('of 48×100 pixels its last map has 2×4');
    expect(note('resnet18', '3x64x64')).toBeUndefined();
    expect(note('resnet20', '3x32x32')).toBeUndefined();
    expect(note('vit-ti16', '3x32x32')).toBeUndefined();
  });

  test('a head without room for the classes is refused with the model', () => {
    expect(() => createModel(createBackbone('resnet8', image('3x8x8')), parseHead('orthonormal'), 64)).toThrow(
      'expected at most 63 classes for 64 non-negative features, received 64 classes',
    );
  });
});
