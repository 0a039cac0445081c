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
