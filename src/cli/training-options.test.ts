import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { recipes } from '../train/recipe.ts';
import { addRecipeOptions, recipeOf, type RecipeFlags } from './training-options.ts';

function parsed(...argv: readonly string[]): RecipeFlags {
  const command = addRecipeOptions(new Command('test').exitOverride());
  return command.parse(argv, { from: 'user' }).opts<RecipeFlags>();
}

const recipeFor = (...argv: readonly string[]) => recipeOf(parsed(...argv), 'some-folder');

describe('recipes from options', () => {
  it('are the named ones where nothing else is said', () => {
    expect(recipeFor().recipe).toEqual(recipes.default);
    expect(recipeFor('--recipe', 'paper-cifar').recipe).toEqual(recipes['paper-cifar']);
  });

  it('take every single value', () => {
    const argv =
      '--epochs 7 --batch-size 16 --lr 0.5 --momentum 0.8 --no-nesterov --weight-decay 0 --schedule constant --warmup 1 --label-smoothing 0.1 --clip 2 --augment crop=3,flip --assign 0,3 --softmax sampled=8';
    expect(recipeFor(...argv.split(' ')).recipe).toEqual({
      epochs: 7,
      batchSize: 16,
      learningRate: 0.5,
      optimizer: { kind: 'sgd', momentum: 0.8, nesterov: false, weightDecay: 0 },
      schedule: { kind: 'constant', warmupEpochs: 1 },
      labelSmoothing: 0.1,
      clipNorm: 2,
      augmentation: { cropPadding: 3, horizontalFlip: true },
      assignment: [0, 3],
      softmax: { kind: 'sampled', bases: 8 },
    });
    expect(recipeFor('--precision', 'mixed', '--checkpoint-activations').recipe).toEqual({
      ...recipes.default,
      precision: 'mixed',
      checkpointActivations: true,
    });
    expect(recipeFor('--precision', 'float32').recipe).toEqual(recipes.default);
    expect(recipeFor('--augment', 'none').recipe.augmentation).toEqual({ cropPadding: 0, horizontalFlip: false });
  });

  it('say when classes are assigned and how the softmax is computed', () => {
    const assignment = (when: string) => recipeFor('--assign', when).recipe.assignment;
    expect(['off', 'init', 'warmup', '0,2'].map(assignment)).toEqual([[], [0], [1], [0, 2]]);
    expect(() => assignment('soon')).toThrow('--assign');
    expect(() => assignment('10')).toThrow('classes are assigned between epochs; expected 0 (before training) to 9');
    const softmax = (how: string) => recipeFor('--softmax', how).recipe.softmax;
    expect(['auto', 'full', 'streaming'].map(softmax)).toEqual(['auto', 'full', 'streaming'].map((kind) => ({ kind })));
    for (const how of ['sampled', 'sampled=0', 'full=2', 'approximate'])
      expect(() => softmax(how)).toThrow('--softmax');
  });

  it('give an adaptive optimiser its own rate and decay, unless they are said', () => {
    expect(recipeFor('--optimizer', 'adam').recipe).toMatchObject({
      learningRate: 0.001,
      optimizer: { kind: 'adam', weightDecay: 0 },
    });
    expect(recipeFor('--optimizer', 'adamw', '--lr', '0.01', '--weight-decay', '0.2').recipe).toMatchObject({
      learningRate: 0.01,
      optimizer: { kind: 'adamw', weightDecay: 0.2, beta1: 0.9 },
    });
  });

  it('keep the shape of a step schedule in a run of another length, and say so', () => {
    const { recipe, notes } = recipeFor('--recipe', 'paper-cifar', '--epochs', '20');
    // 81, 122 and 164 of 200.
    expect(recipe.schedule).toEqual({ kind: 'step', milestones: [8, 12, 16], factor: 0.1, warmupEpochs: 0 });
    expect(notes.join()).toContain('from 81, 122, 164 of 200 to 8, 12, 16 of 20 epochs');
    const own = recipeFor('--recipe', 'paper-cifar', '--epochs', '20', '--milestones', '5,9');
    expect(own.recipe.schedule).toMatchObject({ milestones: [5, 9] });
    expect(own.notes).toEqual([]);
  });
});
