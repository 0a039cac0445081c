import { copyFile, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { defined, inputError, internalError, usageError } from '../core/errors.ts';
import type { HostTensor } from '../core/tensor.ts';
import { withExtraClass, type ExtraClass } from '../data/merge.ts';
import { codesName, codesTensor } from '../heads/assignment/codes.ts';
import { modelTensors, type Model } from '../heads/model.ts';
import type { Weights } from '../nn/layer-context.ts';
import { extendedBias, grownModel, roomToGrow } from '../surgery/index.ts';
import { writeCheckpoint } from '../train/checkpoint.ts';
import type { Evaluation } from '../train/evaluate.ts';
import { progressFrom, progressState } from '../train/progress.ts';
import type { Recipe } from '../train/recipe.ts';
import { createRun, type LockedRun, type Run } from '../train/run-folder.ts';
import { initialTensors } from '../train/step-program.ts';
import { trainingProgram } from '../train/training-program.ts';
import { modelFromCheckpoint, openTrainingRun } from './classifier-file.ts';
import { storedConfig, type DatasetChoice, type TrainConfig, type TrainSettings } from './config.ts';
import { readBefore, writeBefore } from './fix-measure.ts';
import { finishFix } from './fix-result.ts';
import type { Growth, GrowSettings, NewScores, OldScores } from './grow.ts';
import { completeConfig, identityOf, resumeTraining, type RunOptions, type TrainedRun } from './training-run.ts';

/** A run that goes on with one class more. */
export interface GrownRun {
  readonly run: TrainedRun;
  /** After the training; `undefined` for a run that was interrupted. */
  readonly scores: { readonly old: OldScores; readonly new: NewScores } | undefined;
}

/** What training on depends on besides the run. */
export interface GrowRunSettings extends Pick<GrowSettings, 'path' | 'folder' | 'onUnreadable'> {
  readonly recipe: Recipe;
}

/** How the new class's images are divided where a run grows: as the run's own data. */
export function divisionOf({
  dataset: { seed, validationFraction, onUnreadable },
}: Pick<TrainConfig, 'dataset'>): Pick<GrowSettings, 'seed' | 'validationFraction' | 'onUnreadable'> {
  return { seed, onUnreadable, ...(validationFraction === undefined ? {} : { validationFraction }) };
}

function settingsOf(
  config: TrainConfig,
  added: ExtraClass,
  { recipe, onUnreadable }: GrowRunSettings,
  head: TrainConfig['head'],
): TrainSettings {
  const { dataset: choice, model, original, seed, lowering, task } = config;
  const dataset: DatasetChoice = { ...choice, onUnreadable, extra: [...(choice.extra ?? []), added] };
  const settings = { dataset, model, head, task, recipe, seed, lowering };
  if (original === undefined) return settings;
  // The original does not know the new class, so it cannot teach any longer.
  const { teacher: _, ...kept } = original;
  return { ...settings, original: kept };
}

/** Training's first state: the weights that there are, the new class's bias behind the others', an optimiser that has seen nothing. */
function firstTensors(
  model: Model,
  { weights, bias }: { readonly weights: Weights; readonly bias: number },
  config: Pick<TrainConfig, 'recipe' | 'seed'>,
): ReadonlyMap<string, HostTensor> {
  const tensors = new Map(initialTensors(trainingProgram(model, config.recipe), config.seed));
  const { parameters, buffers } = modelTensors(model);
  for (const { name } of [...parameters, ...buffers]) {
    const known = weights.get(name);
    if (known === undefined) throw inputError('the checkpoint of the run lacks a weight', { where: name });
    tensors.set(name, name === 'head.bias' ? extendedBias(known, bias) : known);
  }
  tensors.set(codesName, defined(codesTensor(model), 'slots of the classes'));
  return tensors;
}

/** What a run that replaced a classifier keeps besides: the original, and what was measured of it. */
async function copyOriginal(from: Run, to: LockedRun, name: string): Promise<void> {
  await copyFile(from.paths.original, to.paths.original);
  const before = await readBefore(from.paths.before);
  await writeBefore(to.paths.before, {
    ...before,
    notes: [...before.notes, `class ${name} was added later; the original does not know it`],
  });
}

/**
 * Trains on with one class more, in a new run folder: its data is that of the run with the new images, its first checkpoint the run's last
 * one with the new class on the vector and bias that were chosen. Ctrl-C saves; `resumeTraining` goes on.
 *
 * @param growth of the same run, its old data included
 * @throws a usage error for a recipe that would move classes to other vectors, and for a folder that is taken.
 */
export async function startGrowth(
  folder: string,
  growth: Growth,
  settings: GrowRunSettings,
  options: RunOptions & { readonly overwrite?: boolean },
): Promise<GrownRun> {
  const { path, folder: images, recipe, onUnreadable } = settings;
  if (resolve(folder) === resolve(path)) {
    throw usageError('a run cannot grow in its own folder: its weights would be lost if the training stopped', {
      where: '--out',
      hint: 'name another folder',
    });
  }
  if (recipe.assignment.length > 0) {
    throw usageError('classes keep their vectors when a model grows', { where: '--assign', legal: ['off'] });
  }
  const { run: source, config } = await openTrainingRun(path);
  const { old, labels, choice } = growth;
  if (old === undefined) throw internalError('a run has its own data', { where: path });
  const { model, weights } = await modelFromCheckpoint(source, config, source.paths.last);
  const room = roomToGrow(model);
  const grown = grownModel(model.backbone, model.head, room, choice.slot);
  const added: ExtraClass = { class: defined(labels.at(-1), 'the new class'), folder: resolve(images) };
  const dataset = await withExtraClass(old, added, {
    ...divisionOf(config),
    onUnreadable,
    ...(options.onDataProgress === undefined ? {} : { onProgress: options.onDataProgress }),
  });
  const next = completeConfig(
    settingsOf(config, added, settings, room.spec),
    dataset,
    options.log ?? (() => undefined),
  );
  const tensors = firstTensors(grown, { weights, bias: choice.bias }, next);
  {
    await using run = await createRun(folder, storedConfig('train', next), { overwrite: options.overwrite ?? false });
    try {
      if (config.original !== undefined) await copyOriginal(source, run, added.class);
      const state = progressState(progressFrom(undefined));
      const checkpoint = { step: 0, epoch: 0, batch: 0, tensors, state };
      await writeCheckpoint(run.paths.last, checkpoint, identityOf(grown, next, dataset));
    } catch (error) {
      // Without its first checkpoint it would start from nothing when it is resumed.
      await rm(run.paths.config, { force: true });
      throw error;
    }
  }
  const run = await resumeTraining(folder, { ...options, dataset });
  if (run.config.original !== undefined) await finishFix(run, options);
  return { run, scores: scoresOf(run, growth) };
}

function scoresOf({ evaluation }: TrainedRun, { labels, scores }: Growth): GrownRun['scores'] {
  if (evaluation === undefined || !('confusion' in evaluation)) return undefined;
  const place = labels.length - 1;
  const count = (chosen: (entry: Evaluation['confusion'][number]) => boolean): number =>
    evaluation.confusion.reduce((sum, entry) => sum + (chosen(entry) ? entry.count : 0), 0);
  const [own, others] = [count(({ label }) => label === place), count(({ label }) => label !== place)];
  const share = (part: number, all: number): number => (all === 0 ? 0 : part / all);
  return {
    old: {
      classes: place,
      images: others,
      before: scores.old?.before ?? 0,
      after: share(
        count(({ label, predicted }) => label !== place && predicted === label),
        others,
      ),
      takenForNew: share(
        count(({ label, predicted }) => label !== place && predicted === place),
        others,
      ),
    },
    new: {
      ...scores.new,
      accuracy:
        own === 0
          ? null
          : share(
              count(({ label, predicted }) => label === place && predicted === place),
              own,
            ),
    },
  };
}
