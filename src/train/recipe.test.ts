import { describe, expect, test } from 'vitest';
import { learningRateAt } from '../optim/schedule.ts';
import { recipe, recipes } from './recipe.ts';

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

describe('recipe', () => {
  test('replaces what is given and keeps the rest', () => {
    expect(recipe('default', { epochs: 3 })).toEqual({ ...recipes.default, epochs: 3 });
    expect(Object.isFrozen(recipe('default'))).toBe(true);
  });

  test('is plain JSON: a run stores it', () => {
    for (const name of ['default', 'paper-cifar'] as const)
      expect(JSON.parse(JSON.stringify(recipe(name)))).toEqual(recipe(name));
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
