import { isDeepStrictEqual } from 'node:util';
import { usageError } from '../core/errors.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { kindOf } from '../data/files.ts';
import { formatHead } from '../heads/parse.ts';
import type { HeadSpec } from '../heads/spec.ts';
import { writeReport } from '../report/write.ts';
import type { ComparisonDocument, HeadComparison, ReportInput } from '../report/comparison.ts';
import type { OnTrainEvent, TrainEvent } from '../train/events.ts';
import { checkPrecision } from '../train/precision.ts';
import { createRun, lockRun, nestedRunFolder, openRun, runPaths, type LockedRun } from '../train/run-folder.ts';
import { classesTask, type TaskSpec } from '../train/task.ts';
import { lastEpoch } from '../train/trainer.ts';
import { trainingProgram } from '../train/training-program.ts';
import type { NeighbourBaselines } from './baselines.ts';
import { measureClassifier } from './classifier-time.ts';
import {
  compareConfigOf,
  storedConfig,
  trainConfigOf,
  type CompareConfig,
  type CompareSettings,
  type TrainSettings,
} from './config.ts';
import { historyOf } from './history.ts';
import { keepVectors, keptVectors, vectorsFor, type VectorsByHead } from './class-vectors.ts';
import { absoluteChoice, fittingRecipe, modelOf, openChoice, reopenDataset } from './prepare.ts';
import { completeConfig, resumeTraining, startTrainingOn, type RunOptions, type TrainedRun } from './training-run.ts';

/** What a comparison needs besides its settings; nothing here changes its result. */
export interface CompareOptions extends Omit<RunOptions, 'onEvent'> {
  /** Receives the events of each run, with its head and seed. */
  readonly onEvent?: (head: string, seed: number, event: TrainEvent) => void;
  /** Extra lines for the report: the command, the date. */
  readonly provenance?: ReportInput['provenance'];
}

/** A comparison that has ended. */
export interface Comparison {
  readonly status: 'finished' | 'interrupted';
  readonly folder: string;
  /** The finished part of the comparison; heads without a finished run are missing. */
  readonly document: ComparisonDocument;
  readonly report: ReportInput;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Sample standard deviation (n − 1); 0 for one value. */
function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}

async function headComparison(
  runs: readonly TrainedRun[],
  options: CompareOptions,
): Promise<HeadComparison | undefined> {
  const [first] = runs;
  if (first === undefined) return undefined;
  const seeds = runs.map((run) => ({
    seed: run.config.seed,
    validationAccuracy: run.evaluation?.accuracy ?? 0,
    trainAccuracy: lastEpoch(run.result).trainAccuracy,
  }));
  const accuracies = seeds.map(({ validationAccuracy }) => validationAccuracy);
  return {
    head: first.model.head.name,
    seeds,
    validationAccuracy: { mean: mean(accuracies), sd: deviation(accuracies) },
    parameters: first.parameters,
    exportedBytes: first.exportedBytes,
    stepMilliseconds: mean(runs.map((run) => run.result.stepMilliseconds)),
    classifierMicroseconds: await measureClassifier(options.runtime, first.model.head, first.result.weights),
  };
}

/**
 * Whether a folder holds the run of exactly these settings. A comparison that replaced another one and was cut may still
 * have runs of the other one, which must not count as its own.
 */
async function isRunOf(folder: string, dataset: ImageDataset, settings: TrainSettings): Promise<boolean> {
  if ((await kindOf(runPaths(folder).config)) === undefined) return false;
  const run = await openRun(folder);
  const expected = completeConfig(settings, dataset, () => undefined);
  // Both as they are read: what a later version adds with a default makes no difference.
  return isDeepStrictEqual(trainConfigOf(run), trainConfigOf({ ...run, config: storedConfig('train', expected) }));
}

type Start = 'new' | 'continue';

/** Trains the run of one head and seed; where the comparison continues, resumes or re-reads what is there. */
async function runOne(
  folder: string,
  dataset: ImageDataset,
  settings: TrainSettings,
  start: Start,
  options: CompareOptions,
): Promise<TrainedRun> {
  const { onEvent, ...rest } = options;
  const head = formatHead(settings.head);
  const forward: OnTrainEvent = (event) => onEvent?.(head, settings.seed, event);
  // A custom head's name has a path in it.
  const nested = nestedRunFolder(folder, head.replaceAll(':', '+').replaceAll(/[^\w.+=-]/g, '_'), settings.seed);
  if (start === 'continue' && (await isRunOf(nested, dataset, settings))) {
    return await resumeTraining(nested, { ...rest, onEvent: forward, dataset });
  }
  // The comparison owns its nested folders: a new one replaces runs that an earlier one left there.
  return await startTrainingOn(dataset, nested, settings, { ...rest, onEvent: forward, overwrite: true });
}

async function compareInFolder(
  run: LockedRun,
  dataset: ImageDataset,
  start: Start,
  options: CompareOptions,
): Promise<Comparison> {
  const settings = compareConfigOf(run);
  const { heads, seeds, fingerprint: _, ...shared } = settings;
  const classVectors = await keptVectors(run, heads);
  const finished: TrainedRun[] = [];
  let status: Comparison['status'] = 'finished';
  // Seed by seed, so that an interrupted comparison still has every head.
  for (const seed of seeds) {
    for (const head of heads) {
      if (status === 'interrupted') continue;
      const trained = await runOne(run.paths.folder, dataset, { ...shared, head, seed }, start, {
        ...options,
        classVectors,
        knownBaselines: knownBaselines(finished, seed),
      });
      if (trained.result.status === 'interrupted') status = 'interrupted';
      else finished.push(trained);
    }
  }
  const compared: HeadComparison[] = [];
  for (const head of heads) {
    const entry = await headComparison(
      finished.filter((one) => one.model.head.name === formatHead(head)),
      options,
    );
    if (entry !== undefined) compared.push(entry);
  }
  const document: ComparisonDocument = {
    dataset: {
      name: dataset.name,
      classes: dataset.classes.length,
      train: dataset.train.count,
      validation: dataset.validation.count,
    },
    model: settings.model,
    ...neighbourFacts(settings.task, finished),
    heads: compared,
    report: run.paths.report,
  };
  const report: ReportInput = {
    document,
    classes: dataset.classes,
    histories: await Promise.all(finished.map(historyOf)),
    provenance: [...provenanceOf(settings, dataset, options), ...(options.provenance ?? [])],
  };
  if (compared.length > 0) await writeReport(run.paths.report, report);
  return Object.freeze({ status, folder: run.paths.folder, document, report });
}

/** Pixels are the same for all runs, and an untrained network for all heads on it. */
function knownBaselines(finished: readonly TrainedRun[], seed: number): Partial<NeighbourBaselines> {
  const pixels = finished.find(({ baselines }) => baselines !== undefined)?.baselines?.pixels;
  const untrained = finished.find(({ config, baselines }) => config.seed === seed && baselines !== undefined)?.baselines
    ?.untrained;
  return { ...(pixels === undefined ? {} : { pixels }), ...(untrained === undefined ? {} : { untrained }) };
}

/** How features were judged and what they had to beat, where the task was to tell images apart. */
function neighbourFacts(task: TaskSpec, finished: readonly TrainedRun[]): Pick<ComparisonDocument, 'neighbours'> {
  const measured = finished.flatMap(({ baselines, evaluation }) =>
    baselines === undefined || evaluation === undefined || 'loss' in evaluation ? [] : [{ baselines, evaluation }],
  );
  const [first] = measured;
  if (task.kind === 'classes' || first === undefined) return {};
  const over = (which: 'accuracy' | 'nearest'): number =>
    mean(measured.map(({ baselines }) => baselines.untrained[which]));
  return {
    neighbours: {
      k: first.evaluation.vote.neighbours,
      temperature: task.temperature,
      pixels: first.baselines.pixels,
      untrained: { accuracy: over('accuracy'), nearest: over('nearest') },
    },
  };
}

function provenanceOf(
  { recipe, seeds }: CompareSettings,
  dataset: ImageDataset,
  { runtime }: CompareOptions,
): ReportInput['provenance'] {
  const { optimizer, schedule, augmentation, precision } = recipe;
  const momentum =
    optimizer.kind === 'sgd' ? `momentum ${optimizer.momentum}${optimizer.nesterov ? ' (Nesterov)' : ''}, ` : '';
  const images = `${dataset.image.channels}×${dataset.image.height}×${dataset.image.width}`;
  return [
    [
      'Data',
      `${dataset.name}, ${images} pixels, ${dataset.train.count} training and ${dataset.validation.count} validation images`,
    ],
    [
      'Training',
      `${recipe.epochs} epochs, batch ${recipe.batchSize}, ${optimizer.kind}, ${momentum}weight decay ${optimizer.weightDecay}`,
    ],
    ['Learning rate', `${recipe.learningRate}, ${schedule.kind} schedule, warm-up ${schedule.warmupEpochs} epochs`],
    [
      'Augmentation',
      [
        ...(augmentation.randomResizedCrop === undefined
          ? []
          : [`random resized crop ${augmentation.randomResizedCrop.scale.join(' to ')} of the area`]),
        `crop padding ${augmentation.cropPadding}`,
        `horizontal flip ${augmentation.horizontalFlip ? 'on' : 'off'}`,
      ].join(', '),
    ],
    ['Seeds', seeds.join(', ')],
    ['Device', runtime.description],
    ...(precision === 'mixed' ? [['Precision', 'mixed: 16-bit products, the rest float32'] as const] : []),
    ...dataset.notes.map((note) => ['Note', note] as const),
  ];
}

function checkSettings({ heads, seeds }: CompareSettings): void {
  const names = heads.map(formatHead);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw usageError('a head is listed twice', { received: repeated });
  if (new Set(seeds).size !== seeds.length) throw usageError('a seed is listed twice', { received: seeds.join(', ') });
}

/**
 * Trains the same backbone with each head, from the same initial weights on the same batches, for each seed, and writes a report.
 *
 * @throws as `startTraining`; everything that can be checked (names, classes against capacities) is checked before training.
 */
export async function startComparison(
  folder: string,
  settings: CompareSettings,
  options: CompareOptions & { readonly overwrite?: boolean },
): Promise<Comparison> {
  checkSettings(settings);
  const dataset = await openChoice(settings.dataset, options);
  const log = options.log ?? (() => undefined);
  const recipe = fittingRecipe(settings.recipe, dataset, log);
  const vectors = options.classVectors ?? (await vectorsFor(settings.heads));
  for (const head of settings.heads) checkHead(settings, head, vectors, dataset, recipe.batchSize);
  await checkPrecision(options.runtime, recipe.precision);
  const { fingerprint } = dataset;
  const task = settings.task ?? classesTask;
  const stored: CompareConfig = {
    ...settings,
    task,
    recipe,
    dataset: absoluteChoice(settings.dataset, dataset),
    fingerprint,
  };
  await using run = await createRun(folder, storedConfig('compare', stored), { overwrite: options.overwrite ?? false });
  await keepVectors(run.paths, vectors, settings.heads);
  return await compareInFolder(run, dataset, 'new', options);
}

function checkHead(
  { heads: _heads, seeds: _seeds, ...shared }: CompareSettings,
  head: HeadSpec,
  vectors: VectorsByHead,
  dataset: ImageDataset,
  batchSize: number,
): void {
  const config = completeConfig({ ...shared, head, seed: 0 }, dataset, () => undefined);
  trainingProgram(modelOf(config, { vectors }), { ...config.recipe, batchSize });
}

/** Goes on with a comparison: finished runs are read again, a cut run is resumed, the others are trained. */
export async function resumeComparison(folder: string, options: CompareOptions): Promise<Comparison> {
  await using run = await lockRun(folder);
  const { dataset: choice, fingerprint } = compareConfigOf(run);
  const dataset = await reopenDataset({ dataset: choice, fingerprint }, options);
  return await compareInFolder(run, dataset, 'continue', options);
}
