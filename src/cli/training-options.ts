import { resolve } from 'node:path';
import type { Command } from 'commander';
import { usageError } from '../core/errors.ts';
import { findEntry } from '../data/catalog.ts';
import { isFeatureSpec } from '../data/features/read-features.ts';
import type { NormalizationChoice } from '../data/normalization.ts';
import { noAugmentation } from '../data/prepare-batch.ts';
import { adam, adamw, sgd, type OptimizerSpec } from '../optim/optimizer.ts';
import { constantSchedule, cosineSchedule, scheduleKinds, stepSchedule, type ScheduleSpec } from '../optim/schedule.ts';
import type { DatasetChoice } from '../runs/config.ts';
import type { SoftmaxSpec } from '../heads/softmax.ts';
import { recipe, recipes, type Recipe, type RecipeName } from '../train/recipe.ts';
import { classesTask, instanceTask, neighbourVote, type TaskSpec } from '../train/task.ts';
import { adaptiveLearningRate, firstRun, recipeFor } from './defaults.ts';
import { addGlyphOptions, glyphChoiceOf, type GlyphFlags } from './glyph-options.ts';
import * as parse from './parse.ts';

const recipeNames = Object.keys(recipes) as RecipeName[];
const optimizerKinds = ['sgd', 'adam', 'adamw'] as const satisfies readonly OptimizerSpec['kind'][];

/** Options about which data is used; `undefined` where nothing was given. */
export interface DataFlags extends GlyphFlags {
  readonly validationFraction?: number;
  readonly dataSeed: number;
  readonly imageSize?: DatasetChoice['imageSize'];
  readonly onUnreadable: 'skip' | 'fail';
  readonly inMemory: 'auto' | 'always' | 'never';
  readonly normalization?: NormalizationChoice;
  readonly labels?: string;
  readonly download?: true;
  readonly dataDir?: string;
}

/** Options about how training goes. */
export interface RecipeFlags {
  readonly recipe: RecipeName;
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly lr?: number;
  readonly optimizer?: OptimizerSpec['kind'];
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly weightDecay?: number;
  readonly schedule?: ScheduleSpec['kind'];
  readonly milestones?: readonly number[];
  readonly warmup?: number;
  readonly labelSmoothing?: number;
  readonly clip?: number;
  readonly checkpointActivations?: true;
  readonly precision?: NonNullable<Recipe['precision']>;
  readonly augment?: Recipe['augmentation'];
  readonly assign?: readonly number[];
  readonly softmax?: SoftmaxSpec;
}

/** Options about what is learned to tell apart. */
export interface TaskFlags {
  readonly task: TaskSpec['kind'];
  readonly knn?: number;
}

export function addTaskOptions(command: Command): Command {
  return command
    .option(
      '--task <what>',
      'classes of the data, or instance: every training image from every other, judged by nearest neighbours',
      parse.oneOf('--task', ['classes', 'instance'] as const satisfies readonly TaskSpec['kind'][]),
      'classes',
    )
    .option(
      '--knn <k>',
      `with --task instance: how many neighbours vote (default: ${neighbourVote.neighbours})`,
      parse.whole('--knn', 1),
    );
}

/** The task that the options choose. */
export function taskOf({ task, knn }: TaskFlags): TaskSpec {
  if (task === 'instance') return instanceTask(knn === undefined ? {} : { neighbours: knn });
  if (knn !== undefined) throw usageError('neighbours vote only with --task instance', { where: '--knn' });
  return classesTask;
}

/** How image files and features are read. */
export function addFileOptions(command: Command): Command {
  return command
    .option(
      '--in-memory <when>',
      'decode image files once (always) or whenever they are asked for (never); auto: always, if that takes at most 2 GB and half of the free memory',
      parse.oneOf('--in-memory', ['auto', 'always', 'never']),
      'auto',
    )
    .option('--labels <file>', 'labels of features in an .npy or .csv file, one for each row: .npy, .csv or .txt');
}

export function addDataOptions(command: Command): Command {
  return addFileOptions(addGlyphOptions(command))
    .option(
      '--validation-fraction <share>',
      'share of the training images held out for validation (default: the data’s own split, or 0.2)',
      parse.real('--validation-fraction', { above: 0, below: 1 }),
    )
    .option('--data-seed <n>', 'seed of that division', parse.whole('--data-seed', 0), 0)
    .option('--image-size <HxW[xC]>', 'size that the images of a folder are brought to', parse.imageSize)
    .option(
      '--on-unreadable <what>',
      'images that cannot be read: skip (and say which) or fail',
      parse.oneOf('--on-unreadable', ['skip', 'fail']),
      'fail',
    )
    .option(
      '--normalization <what>',
      'mean and deviation of pixels: measured on the training images, or those of imagenet (default: measured)',
      parse.oneOf('--normalization', ['measured', 'imagenet'] as const satisfies readonly NormalizationChoice[]),
    )
    .option('--download', 'fetch a named dataset that is not on this machine')
    .option('--data-dir <folder>', 'where named datasets are looked for first and fetched to');
}

export function addRecipeOptions(command: Command): Command {
  return command
    .option(
      '--recipe <name>',
      `settings to start from: ${recipeNames.join(', ')}`,
      parse.oneOf('--recipe', recipeNames),
      'default',
    )
    .option('--epochs <n>', 'passes over the training images', parse.whole('--epochs', 1))
    .option('--batch-size <n>', 'images of one step', parse.whole('--batch-size', 1))
    .option('--lr <rate>', 'learning rate', parse.real('--lr', { above: 0 }))
    .option('--optimizer <name>', 'sgd, adam or adamw', parse.oneOf('--optimizer', optimizerKinds))
    .option('--momentum <m>', 'momentum of sgd', parse.real('--momentum', { least: 0, below: 1 }))
    .option('--nesterov', 'Nesterov’s momentum (sgd)')
    .option('--no-nesterov', 'plain momentum (sgd)')
    .option('--weight-decay <w>', 'weight decay of filters and matrices', parse.real('--weight-decay', { least: 0 }))
    .option('--schedule <kind>', 'constant, step or cosine', parse.oneOf('--schedule', scheduleKinds))
    .option(
      '--milestones <epochs>',
      'epochs at which a step schedule divides the rate by 10, as in 10,15',
      parse.listOf('--milestones', parse.whole('--milestones', 0)),
    )
    .option(
      '--warmup <epochs>',
      'epochs in which the rate rises to its full value',
      parse.real('--warmup', { least: 0 }),
    )
    .option('--label-smoothing <e>', 'label smoothing', parse.real('--label-smoothing', { least: 0, below: 1 }))
    .option('--clip <norm>', 'largest norm of the gradients', parse.real('--clip', { above: 0 }))
    .option(
      '--checkpoint-activations',
      'compute activations again in the backward pass instead of keeping them: less memory, the same results, slower',
    )
    .option(
      '--precision <p>',
      'float32, or mixed: convolutions and matrix products in 16-bit floats, on a GPU that has them (default: float32)',
      parse.oneOf('--precision', ['float32', 'mixed'] as const satisfies readonly Recipe['precision'][]),
    )
    .option(
      '--augment <how>',
      'crop=PIXELS, flip, resized-crop, rotate=DEGREES, scale=SHARE, shift=PIXELS, as in crop=4,flip, or none',
      parse.augmentation,
    )
    .option(
      '--assign <when>',
      'give classes the class vectors that fit their features: warmup (after the first epoch), init (before it), off, or epochs as in 1,3 (default: off)',
      parse.assignment,
    )
    .option(
      '--softmax <how>',
      'full, streaming (never holds all logits), sampled=BASES (an estimate), or auto (default: auto)',
      parse.softmax,
    );
}

/** The data that the options choose. */
export function datasetChoiceOf(spec: string, flags: DataFlags): DatasetChoice {
  return {
    spec,
    seed: flags.dataSeed,
    onUnreadable: flags.onUnreadable,
    ...(flags.validationFraction === undefined ? {} : { validationFraction: flags.validationFraction }),
    ...(flags.imageSize === undefined ? {} : { imageSize: flags.imageSize }),
    ...fileChoiceOf(flags),
    ...glyphChoiceOf(flags),
  };
}

/** How files of images and features are read. */
export function fileChoiceOf({
  inMemory,
  normalization,
  labels,
}: Pick<DataFlags, 'inMemory' | 'normalization' | 'labels'>): Pick<
  DatasetChoice,
  'inMemory' | 'normalization' | 'labels'
> {
  return {
    inMemory,
    ...(normalization === undefined ? {} : { normalization }),
    ...(labels === undefined ? {} : { labels }),
  };
}

/** The model where none is named. */
export function modelFor(data: string): string {
  return isFeatureSpec(data) ? 'adapter' : firstRun.model;
}

/** What opening data needs besides. */
export function openOptionsOf({ download, dataDir }: Pick<DataFlags, 'download' | 'dataDir'>) {
  return {
    allowDownload: download === true,
    ...(dataDir === undefined ? {} : { cacheDirectory: resolve(dataDir) }),
  };
}

/** The recipe that the options ask for on that data, and what was decided on the way; `changes` replace parts of the default one. */
export function recipeOf(
  flags: RecipeFlags,
  data: string,
  changes: Partial<Recipe> = {},
): { readonly recipe: Recipe; readonly notes: readonly string[] } {
  const known = isFeatureSpec(data) ? { augmentation: noAugmentation } : recipeFor[findEntry(data)?.name ?? ''];
  const forData = flags.recipe === 'default' ? (known ?? {}) : {};
  const base: Recipe = { ...recipes[flags.recipe], ...forData, ...(flags.recipe === 'default' ? changes : {}) };
  const epochs = flags.epochs ?? base.epochs;
  const optimizer = optimizerOf(flags, base.optimizer);
  const { schedule, notes } = scheduleOf(flags, base, epochs);
  const adaptive = optimizer.kind !== base.optimizer.kind && optimizer.kind !== 'sgd';
  return {
    recipe: recipe(flags.recipe, {
      ...base,
      epochs,
      optimizer,
      schedule,
      batchSize: flags.batchSize ?? base.batchSize,
      learningRate: flags.lr ?? (adaptive ? adaptiveLearningRate : base.learningRate),
      labelSmoothing: flags.labelSmoothing ?? base.labelSmoothing,
      clipNorm: flags.clip ?? base.clipNorm,
      augmentation: flags.augment ?? base.augmentation,
      assignment: flags.assign ?? base.assignment,
      softmax: flags.softmax ?? base.softmax,
      ...(flags.checkpointActivations === true ? { checkpointActivations: true } : {}),
      ...(flags.precision === 'mixed' ? { precision: flags.precision } : {}),
    }),
    notes,
  };
}

function optimizerOf(flags: RecipeFlags, base: OptimizerSpec): OptimizerSpec {
  const kind = flags.optimizer ?? base.kind;
  const decay = flags.weightDecay === undefined ? {} : { weightDecay: flags.weightDecay };
  if (kind !== 'sgd') {
    if (flags.momentum !== undefined || flags.nesterov !== undefined) {
      const where = flags.momentum === undefined ? '--nesterov' : '--momentum';
      throw usageError('only sgd has momentum', { where, received: `--optimizer ${kind}` });
    }
    const own = base.kind === kind ? base : {};
    return kind === 'adam' ? adam({ ...own, ...decay }) : adamw({ ...own, ...decay });
  }
  const own = base.kind === 'sgd' ? base : {};
  return sgd({
    ...own,
    ...decay,
    ...(flags.momentum === undefined ? {} : { momentum: flags.momentum }),
    ...(flags.nesterov === undefined ? {} : { nesterov: flags.nesterov }),
  });
}

function scheduleOf(
  flags: RecipeFlags,
  base: Recipe,
  epochs: number,
): { schedule: ScheduleSpec; notes: readonly string[] } {
  const kind = flags.schedule ?? base.schedule.kind;
  const warmupEpochs = flags.warmup ?? base.schedule.warmupEpochs;
  if (warmupEpochs >= epochs) {
    throw usageError('the warm-up is not shorter than the training', {
      where: '--warmup',
      expected: `less than ${epochs} epochs`,
      received: String(warmupEpochs),
    });
  }
  if (kind !== 'step') {
    if (flags.milestones !== undefined) {
      throw usageError('only a step schedule has milestones', { where: '--milestones', received: `schedule ${kind}` });
    }
    return {
      schedule: kind === 'cosine' ? cosineSchedule({ warmupEpochs }) : constantSchedule({ warmupEpochs }),
      notes: [],
    };
  }
  if (flags.milestones !== undefined) return { schedule: stepSchedule(flags.milestones, { warmupEpochs }), notes: [] };
  if (base.schedule.kind !== 'step') {
    throw usageError('a step schedule needs milestones', {
      where: '--schedule step',
      hint: 'as in --milestones 10,15: the epochs at which the learning rate is divided by 10',
    });
  }
  const { milestones, factor } = base.schedule;
  if (epochs === base.epochs) return { schedule: stepSchedule(milestones, { factor, warmupEpochs }), notes: [] };
  // Another length keeps the shape of the schedule; otherwise a short run would never reach its first milestone.
  const moved = [...new Set(milestones.map((milestone) => Math.round((milestone * epochs) / base.epochs)))];
  const note = `milestones of ${flags.recipe} moved from ${milestones.join(', ')} of ${base.epochs} to ${moved.join(', ')} of ${epochs} epochs`;
  return { schedule: stepSchedule(moved, { factor, warmupEpochs }), notes: [note] };
}
