import { basename } from 'node:path';
import { inputError } from '../core/errors.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { identityNormalization } from '../data/normalization.ts';
import { formatHead } from '../heads/parse.ts';
import type { HeadSpec } from '../heads/spec.ts';
import { countParameters, modelTensors, type Model, type ParameterCounts } from '../heads/model.ts';
import type { FixedClassifier, FixMeasure } from '../report/fix-document.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { trainedParameters, unsupportedOnPath, type Cut, type TrainChoice } from '../surgery/index.ts';
import { evaluateSession, type Evaluation } from '../train/evaluate.ts';
import type { Recipe } from '../train/recipe.ts';
import { adaptedTo, keptClasses } from './adapt-data.ts';
import { choosePixels } from './choose-pixels.ts';
import { openClassifier, type OpenClassifier } from './classifier-file.ts';
import { vectorsFor } from './class-vectors.ts';
import type { DatasetChoice, OriginalChoice, TrainSettings } from './config.ts';
import { foundClassifier } from './fix-facts.ts';
import { classScores, scoresOf, timeOneImage, writeBefore, type Before } from './fix-measure.ts';
import { finishFix, type FixedRun } from './fix-result.ts';
import { openOriginal, type Original } from './original.ts';
import type { PixelChoice } from './pixels.ts';
import { modelOf, openChoice, type OpenChoiceOptions } from './prepare.ts';
import { labelledBy, openUnlabelled, outputNames } from './unlabelled.ts';
import { completeConfig, startTrainingOn, type RunOptions } from './training-run.ts';

/** What replacing a classifier depends on. */
export interface FixSettings {
  /** The model and what is trained of it; see {@link OriginalChoice}. */
  readonly original: OriginalChoice;
  readonly dataset: DatasetChoice;
  readonly head: HeadSpec;
  readonly recipe: Recipe;
  readonly seed: number;
  readonly lowering: 'auto' | 'portable';
  /** How pixels are fed; `auto` finds out. */
  readonly pixels: PixelChoice | 'auto';
  /** Whether the classes of the data replace those of the model. */
  readonly newClasses: boolean;
}

/** Everything about a replacement but its training. */
export interface FixPlan {
  readonly original: Original;
  /** As it is trained on: pixels as the model wants them, classes in the order of its outputs. */
  readonly dataset: ImageDataset;
  readonly settings: TrainSettings;
  readonly model: Model;
  readonly parameters: ParameterCounts;
  readonly classifier: FixedClassifier;
  readonly before: Before;
}

/** What planning needs. */
export interface FixPlanOptions extends OpenChoiceOptions {
  readonly runtime: Runtime;
  /** Receives one line for each decision that a reader should know about. */
  readonly log?: (line: string) => void;
  /** Called with the number of images done and of all, while the original is measured. */
  readonly onProgress?: (done: number, count: number) => void;
  readonly signal?: AbortSignal;
}

/** All operators at once that a gradient would have to pass and cannot. @throws an input error naming them with their nodes. */
function checkDifferentiable(cut: Cut, train: TrainChoice): void {
  const wrong = unsupportedOnPath(cut, train);
  if (wrong.length === 0) return;
  throw inputError('gradients cannot pass some operators of the model', {
    where: `${wrong.length} ${wrong.length === 1 ? 'node' : 'nodes'}`,
    received: wrong.map(({ node, operator, reason }) => `${operator} at ${node} (${reason})`).join('; '),
    hint: 'train less of the model, from behind them on: --train last=K or --train head',
  });
}

async function openData(
  { dataset: choice }: FixSettings,
  { cut, file }: Original,
  options: FixPlanOptions,
  log: (line: string) => void,
): Promise<ImageDataset> {
  const { channels, height, width } = cut.image;
  const flat = height === 1 && width === 1 && channels > 4;
  const wanted = flat ? choice : { ...choice, imageSize: sizeOfImages(cut) };
  const dataset =
    choice.unlabelled === true
      ? await openUnlabelled(wanted, outputNames(file, cut.classifier.classes), options)
      : await openChoice(wanted, options);
  const own = dataset.image;
  if (own.channels !== channels || own.height !== height || own.width !== width) {
    throw inputError('the data is not what the model takes', {
      where: dataset.name,
      expected: `${channels}×${height}×${width}, the input of the model`,
      received: `${own.channels}×${own.height}×${own.width}`,
    });
  }
  if (!flat) log(`images are brought to the model’s ${height}×${width}: scaled to cover it, the middle kept`);
  for (const note of dataset.notes) log(`note: ${note}`);
  return dataset;
}

/**
 * Finds the classifier, opens the data, measures the original on it and puts the new model together: all but the training.
 *
 * @throws an input error for a model that cannot be read, has no classifier that can be replaced, or has operators in the way of the
 * gradients; for data of other classes than the model's unless `newClasses`; a usage error for what the settings ask in vain.
 */
export async function planFix(settings: FixSettings, options: FixPlanOptions): Promise<FixPlan> {
  const { runtime, log = () => undefined } = options;
  const { original: choice, head, newClasses } = settings;
  const { imageSize } = settings.dataset;
  const original = await openOriginal(choice.file, {
    ...(choice.output === undefined ? {} : { output: choice.output }),
    ...(choice.node === undefined ? {} : { node: choice.node }),
    ...(imageSize === undefined ? {} : { imageSize }),
  });
  const { cut, file } = original;
  for (const note of original.notes) log(`note: ${note}`);
  const classifier = foundClassifier(cut);
  log(`classifier: ${classifier.how}`);
  trainedParameters(cut, choice.train);
  checkDifferentiable(cut, choice.train);
  const vectors = await vectorsFor([head]);

  const opened = await openData(settings, original, options, log);
  const classes = newClasses
    ? opened.classes
    : keptClasses(opened, { where: choice.file, classes: classifier.classes, labels: file.labels });
  if (!newClasses && file.labels === undefined) {
    log(`note: ${choice.file} has no labels; its outputs are taken as the classes of ${opened.name} in order`);
  }
  await using own = await openClassifier(runtime, file, cut.image);
  const { channels } = cut.image;
  const counted = adaptedTo(opened, { normalization: identityNormalization(channels), classes });
  const flat = opened.train.kind === 'floats';
  const unlabelled = settings.dataset.unlabelled === true;
  const judged = !newClasses && !unlabelled;
  const pixels = flat
    ? { normalization: opened.normalization, how: 'features are fed as they are' }
    : await choosePixels(settings.pixels, channels, judged ? { classifier: own, data: counted } : undefined);
  log(pixels.how);
  const fed: ImageDataset = { ...counted, normalization: pixels.normalization };
  const dataset = unlabelled ? await labelledBy(runtime, file, fed, options) : fed;
  const notes = unlabelled
    ? ['the images have no labels: accuracy is the share of images on which the new model answers as the original does']
    : [];
  const train: TrainSettings = {
    dataset: flat ? settings.dataset : { ...settings.dataset, imageSize: sizeOfImages(cut) },
    model: basename(choice.file),
    original: choice,
    head,
    recipe: settings.recipe,
    seed: settings.seed,
    lowering: settings.lowering,
  };
  const config = completeConfig(train, dataset, () => undefined);
  const model = modelOf(config, { vectors, cut });
  const parameters = countParameters(modelTensors(model));
  const evaluation = newClasses ? undefined : await evaluateOriginal(own, dataset, options);
  return {
    ...{ original, dataset, settings: train, model, parameters, classifier },
    before: {
      measure: await measureOriginal(original, own, evaluation),
      classes: evaluation === undefined ? null : classScores(evaluation, dataset.classes.length),
      notes: [...original.notes, pixels.how, ...notes],
    },
  };
}

function sizeOfImages({ image }: Cut): NonNullable<DatasetChoice['imageSize']> {
  const { channels, height, width } = image;
  return { height, width, channels: channels === 1 ? 1 : 3 };
}

async function evaluateOriginal(
  { session, classes, batchSize }: OpenClassifier,
  dataset: ImageDataset,
  { signal, onProgress }: FixPlanOptions,
): Promise<Evaluation> {
  return await evaluateSession(session, dataset, dataset.validation, {
    classes,
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(signal === undefined ? {} : { signal }),
    onProgress: (done) => onProgress?.(done, dataset.validation.count),
  });
}

async function measureOriginal(
  { cut, size }: Original,
  own: OpenClassifier,
  evaluation: Evaluation | undefined,
): Promise<FixMeasure> {
  const [milliseconds] = await timeOneImage([own], cut.image);
  return {
    ...scoresOf(evaluation),
    bytes: size,
    parameters: cut.size.total.parameters,
    classifierParameters: cut.size.classifier.parameters,
    milliseconds: milliseconds ?? null,
  };
}

/**
 * Replaces the classifier of a model by a fixed head and fine-tunes it, in a new run folder: `model.onnx` with the original's inputs and
 * outputs, checkpoints, `report.html`. Ctrl-C saves; `resumeTraining` and {@link finishFix} go on.
 *
 * @throws as {@link planFix} and `startTraining`; nothing is written before the model and the data are known to fit.
 */
export async function startFix(
  folder: string,
  settings: FixSettings,
  options: RunOptions & FixPlanOptions & { readonly overwrite?: boolean; readonly onPlan?: (plan: FixPlan) => void },
): Promise<FixedRun> {
  const plan = await planFix(settings, options);
  options.onPlan?.(plan);
  const run = await startTrainingOn(plan.dataset, folder, plan.settings, {
    ...options,
    original: plan.original,
    onCreated: async (paths) => {
      await writeBefore(paths.before, plan.before);
    },
  });
  return await finishFix(run, options);
}

/** The name of a new run: `hadamard` on `resnet18.onnx`. */
export function fixName({ original, head }: Pick<FixSettings, 'original' | 'head'>): string {
  return `${basename(original.file).replace(/\.onnx$/i, '')}-${formatHead(head)}`;
}
