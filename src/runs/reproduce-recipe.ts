import { stepSchedule, type ScheduleSpec } from '../optim/schedule.ts';
import { recipe, recipes, type Recipe, type RecipeName } from '../train/recipe.ts';

/** What may be changed of a recipe that is reproduced. */
export interface RecipeChanges {
  readonly epochs?: number;
  readonly batchSize?: number;
}

/**
 * A recipe with another length or batch. Another length keeps the shape of the schedule: with E′ epochs in place of E a milestone m moves to
 * round(m·E′/E) and a warm-up of w epochs becomes one of w·E′/E. Milestones that would fall on the first epoch are left out, since the rate
 * would never have its first value. The learning rate stays as it is, whatever the batch.
 *
 * @throws a usage error for a number of epochs or a batch size that is not a positive integer.
 */
export function scaledRecipe(name: RecipeName, { epochs, batchSize }: RecipeChanges = {}): Recipe {
  const base = recipes[name];
  const length = epochs ?? base.epochs;
  const checked = recipe(name, { epochs: length, batchSize: batchSize ?? base.batchSize });
  return length === base.epochs
    ? checked
    : recipe(name, { ...checked, schedule: scaledSchedule(base.schedule, length / base.epochs, length) });
}

function scaledSchedule(schedule: ScheduleSpec, factor: number, epochs: number): ScheduleSpec {
  const warmupEpochs = schedule.warmupEpochs * factor;
  if (schedule.kind !== 'step') return Object.freeze({ ...schedule, warmupEpochs });
  const moved = schedule.milestones.map((milestone) => Math.round(milestone * factor));
  const milestones = [...new Set(moved)].filter((milestone) => milestone > 0 && milestone < epochs);
  return stepSchedule(milestones, { factor: schedule.factor, warmupEpochs });
}
