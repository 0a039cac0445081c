import { sgd } from '../optim/optimizer.ts';
import type { TrainChoice } from '../surgery/index.ts';
import type { Recipe } from '../train/recipe.ts';

/**
 * What the commands do where nothing is asked for: all the numbers in one place. `fixhead compare` alone must be done within
 * three minutes on two cores.
 */
export const firstRun = Object.freeze({
  data: 'mnist-small',
  model: 'resnet8',
  heads: 'learned,hadamard',
  seeds: '0',
});

/** Recipes that replace parts of the default one for data that needs less. */
export const recipeFor: Readonly<Record<string, Partial<Recipe>>> = Object.freeze({
  'mnist-small': Object.freeze({ epochs: 6, batchSize: 32 }),
});

/** Learning rate of an adaptive optimiser where none is given: SGD's would be a hundred times too much. */
export const adaptiveLearningRate = 0.001;

/**
 * What differs from the default recipe where a trained model is changed: fewer and smaller steps, so that it keeps what it knows, no
 * augmentation unless asked for, and classes placed by their features, which mean something from the start.
 */
export function fineTuning({ kind }: TrainChoice): Partial<Recipe> {
  return {
    epochs: 5,
    batchSize: 32,
    learningRate: kind === 'head' ? 0.1 : 0.003,
    optimizer: sgd({ momentum: 0.9, nesterov: true, weightDecay: 1e-4 }),
    augmentation: { cropPadding: 0, horizontalFlip: false },
    assignment: [0],
  };
}
