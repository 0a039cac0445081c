import { describe, expect, test } from 'vitest';
import { learningRateAt } from '../optim/schedule.ts';
import { recipe, recipes, type RecipeName } from './recipe.ts';

const names = Object.keys(recipes) as RecipeName[];

/** The learning rates of a recipe at the first steps of these epochs, of 4 steps each. */
function ratesAt(name: RecipeName, epochs: readonly number[]): readonly number[] {
  const { schedule, learningRate, epochs: all } = recipe(name);
  return epochs.map((epoch) =>
    Number(learningRateAt(schedule, learningRate, 4 * epoch, { epochs: all, stepsPerEpoch: 4 }).toPrecision(6)),
  );
}

describe('paper-cifar', () => {
  test('is the published training of the CIFAR ResNets', () => {
    const { optimizer, schedule, augmentation, ...numbers } = recipe('paper-cifar');
    expect(optimizer).toEqual({ kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 1e-4 });
    expect(augmentation).toEqual({ cropPadding: 4, horizontalFlip: true });
    expect(numbers).toMatchObject({
      epochs: 200,
      batchSize: 128,
      learningRate: 0.1,
      labelSmoothing: 0,
      clipNorm: null,
    });
    const rate = (epoch: number): number => learningRateAt(schedule, 0.1, epoch, { epochs: 200, stepsPerEpoch: 1 });
    expect([0, 80, 81, 121, 122, 163, 164, 199].map((epoch) => Number(rate(epoch).toPrecision(6)))).toEqual([
      0.1, 0.1, 0.01, 0.01, 0.001, 0.001, 0.0001, 0.0001,
    ]);
  });
});

test('paper-cifar-densenet is the published training of DenseNet-BC', () => {
  const { optimizer, augmentation, epochs, batchSize } = recipe('paper-cifar-densenet');
  expect(optimizer).toEqual({ kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 1e-4 });
  expect(augmentation).toEqual({ cropPadding: 4, horizontalFlip: true });
  expect([epochs, batchSize]).toEqual([300, 64]);
  expect(ratesAt('paper-cifar-densenet', [0, 149, 150, 224, 225, 299])).toEqual([0.1, 0.1, 0.01, 0.01, 0.001, 0.001]);
});

describe('paper-imagenet', () => {
  test('is the published training on ImageNet', () => {
    const { optimizer, augmentation, epochs, batchSize, labelSmoothing } = recipe('paper-imagenet');
    expect(optimizer).toEqual({ kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 1e-4 });
    expect(augmentation).toEqual({
      cropPadding: 0,
      horizontalFlip: true,
      randomResizedCrop: { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] },
    });
    expect([epochs, batchSize, labelSmoothing]).toEqual([90, 256, 0]);
    expect(ratesAt('paper-imagenet', [0, 29, 30, 59, 60, 79, 80, 89])).toEqual([
      0.1, 0.1, 0.01, 0.01, 0.001, 0.001, 0.0001, 0.0001,
    ]);
  });

  test('warms up over 5 epochs for DenseNets, and is the same afterwards', () => {
    // Steps 1, 5, 17 and 20 of the 20 steps of the warm-up.
    expect(ratesAt('paper-imagenet-densenet', [0, 1, 4, 4.75])).toEqual([0.005, 0.025, 0.085, 0.1]);
    const later = [5, 29, 30, 60, 80, 89];
    expect(ratesAt('paper-imagenet-densenet', later)).toEqual(ratesAt('paper-imagenet', later));
    expect({ ...recipe('paper-imagenet-densenet'), schedule: null }).toEqual({
      ...recipe('paper-imagenet'),
      schedule: null,
    });
  });
});

test('vit is AdamW with warm-up and a cosine', () => {
  expect(recipe('vit')).toMatchObject({
    epochs: 300,
    optimizer: { kind: 'adamw', weightDecay: 0.05 },
    schedule: { kind: 'cosine', warmupEpochs: 5 },
    labelSmoothing: 0.1,
    clipNorm: 1,
  });
  // Touvron et al. 2021: 5e-4 at batch 512, in proportion to the batch.
  expect(recipe('vit').learningRate).toBe((5e-4 * recipe('vit').batchSize) / 512);
});

describe('recipe', () => {
  test('replaces what is given and keeps the rest', () => {
    expect(recipe('default', { epochs: 3 })).toEqual({ ...recipes.default, epochs: 3 });
    expect(Object.isFrozen(recipe('default'))).toBe(true);
  });

  test('is plain JSON: a run stores it', () => {
    for (const name of names) expect(JSON.parse(JSON.stringify(recipe(name)))).toEqual(recipe(name));
  });

  test.each([
    [{ epochs: 0 }, 'epochs must be a positive integer; received 0'],
    [{ epochs: 1.5 }, 'epochs must be a positive integer; received 1.5'],
    [{ batchSize: -1 }, 'batch size must be a positive integer; received -1'],
    [{ learningRate: 0 }, 'learning rate must be positive; received 0'],
    [{ learningRate: NaN }, 'learning rate must be positive; received NaN'],
    [{ learningRate: Infinity }, 'learning rate must be positive; received Infinity'],
    [{ labelSmoothing: 1 }, 'label smoothing out of range; expected 0 ≤ ε < 1, received 1'],
    [{ labelSmoothing: NaN }, 'label smoothing out of range; expected 0 ≤ ε < 1, received NaN'],
    [{ clipNorm: 0 }, 'gradient norm must be positive; received 0'],
    [{ clipNorm: NaN }, 'gradient norm must be positive; received NaN'],
  ])('refuses %o', (changes, message) => {
    expect(() => recipe('default', changes)).toThrow(message);
  });
});
