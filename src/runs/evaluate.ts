import { inputError, usageError } from '../core/errors.ts';
import type { ImageDataset, ImageSet } from '../data/dataset.ts';
import { isFeatureSpec } from '../data/features/read-features.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { evaluateSession, type Evaluation } from '../train/evaluate.ts';
import { featuresFrom } from '../train/features.ts';
import { knnAccuracy, type KnnEvaluation } from '../train/knn.ts';
import { neighbourVote } from '../train/task.ts';
import {
  givesFeatures,
  imageInputOf,
  openClassifier,
  readClassifier,
  type ClassifierFile,
  type WeightsChoice,
} from './classifier-file.ts';
import type { DatasetChoice } from './config.ts';
import { asPixels } from './export.ts';
import { refuseUnlabelled } from './unlabelled.ts';
import { openChoice, reopenDataset, type OpenChoiceOptions } from './prepare.ts';

/** What `evaluateClassifier` evaluates on, and how. */
export interface EvaluateOptions extends OpenChoiceOptions {
  readonly runtime: Runtime;
  /** The data; a run's own unless given. Its images take the model's size. */
  readonly data?: Omit<DatasetChoice, 'imageSize'>;
  readonly split?: 'validation' | 'train';
  readonly weights?: WeightsChoice;
  /** Of a model that gives features: how many neighbours vote (the run’s own number, or 200). */
  readonly neighbours?: number;
  readonly signal?: AbortSignal;
  /** Called with the number of images done and of all. */
  readonly onProgress?: (done: number, count: number) => void;
  /** Receives one line for each decision that a reader should know about. */
  readonly log?: (line: string) => void;
}

/** How a classifier did, and on which data. */
export interface FileEvaluation extends Evaluation {
  readonly dataset: ImageDataset;
}

/** How the features of a model did, and on which data. */
export interface FeatureEvaluation extends KnnEvaluation {
  readonly dataset: ImageDataset;
}

/** The dataset's labels as the model counts its classes. */
function relabelled(set: ImageSet, dataset: ImageDataset, file: ClassifierFile): ImageSet {
  const { labels, path } = file;
  if (labels === undefined) return set;
  // The first of equal names, as a search would find it.
  const placeOf = new Map(labels.map((name, place) => [name, place] as const).reverse());
  const unknown = dataset.classes.filter((name) => !placeOf.has(name));
  if (unknown.length > 0) {
    throw inputError('the data has classes that the model does not know', {
      where: dataset.name,
      received: unknown.slice(0, 5).join(', ') + (unknown.length > 5 ? ', …' : ''),
      expected: `classes of ${path}: ${labels.slice(0, 10).join(', ')}${labels.length > 10 ? ', …' : ''}`,
    });
  }
  const places = dataset.classes.map((name) => placeOf.get(name));
  return { ...set, labels: set.labels.map((label) => places[label] ?? label) };
}

async function datasetFor(
  file: ClassifierFile,
  image: ImageDataset['image'],
  options: EvaluateOptions,
): Promise<ImageDataset> {
  const { data } = options;
  if (data === undefined) {
    if (file.config === undefined) {
      throw usageError('an .onnx file alone does not say which data', {
        where: file.path,
        hint: 'name the data, as in: fixhead evaluate model.onnx my-photos/',
      });
    }
    refuseUnlabelled(file.config.dataset);
    return await reopenDataset(file.config, options);
  }
  const { channels, height, width } = image;
  const size = { height, width, channels: channels === 1 ? 1 : 3 } as const;
  const features = isFeatureSpec(data.spec);
  const dataset = await openChoice(features ? data : { ...data, imageSize: size }, options);
  const own = dataset.image;
  if (own.channels === channels && own.height === height && own.width === width) return dataset;
  throw inputError('the data does not fit the model', {
    where: dataset.name,
    expected: `images of ${channels}×${height}×${width}, as ${file.path} takes them`,
    received: features ? `${own.channels} features` : `${own.channels}×${own.height}×${own.width}`,
  });
}

/**
 * How a run's model or an `.onnx` file does on a set of images.
 *
 * @throws an input error for a model that cannot be read, data whose classes the model does not know, or images of another
 * size; a usage error where no data is named and the model does not say which.
 */
export async function evaluateClassifier(path: string, options: EvaluateOptions): Promise<FileEvaluation> {
  return await classifierEvaluation(await readClassifier(path, options.weights), options);
}

/**
 * How a run's model or an `.onnx` file does: a classifier by its answers, a model that was trained to tell images apart by the
 * nearest neighbours of its features ({@link knnAccuracy}), which are training images of the data.
 *
 * @throws as {@link evaluateClassifier}; a usage error for a number of neighbours where there are none, or for training images
 * to be judged by themselves.
 */
export async function evaluatePath(
  path: string,
  options: EvaluateOptions,
): Promise<FileEvaluation | FeatureEvaluation> {
  const file = await readClassifier(path, options.weights);
  if (givesFeatures(file)) return await featureEvaluation(file, options);
  if (options.neighbours !== undefined) {
    throw usageError('only features have neighbours, and this model is a classifier', {
      where: '--knn',
      hint: 'a run with --task instance gives features',
    });
  }
  return await classifierEvaluation(file, options);
}

async function featureEvaluation(file: ClassifierFile, options: EvaluateOptions): Promise<FeatureEvaluation> {
  const { runtime, split = 'validation', signal, onProgress } = options;
  if (split === 'train') {
    throw usageError('training images are the neighbours, so they cannot be judged by them', {
      where: file.path,
      legal: ['validation'],
    });
  }
  const dataset = await datasetFor(file, imageInputOf(file).image, options);
  const { train, validation } = dataset;
  const stop = signal === undefined ? {} : { signal };
  const count = train.count + 2 * validation.count;
  const after = (before: number) => ({ ...stop, onProgress: (done: number) => onProgress?.(before + done, count) });
  const own = file.config?.task.kind === 'instance' ? file.config.task : neighbourVote;
  await using session = await runtime.createSession(file.bytes, 'inference');
  const pixels = asPixels(dataset.image);
  const bank = await featuresFrom(session, pixels, train, after(0));
  const queries = await featuresFrom(session, pixels, validation, after(train.count));
  const result = await knnAccuracy(runtime, bank, queries, {
    neighbours: options.neighbours ?? own.neighbours,
    temperature: own.temperature,
    ...after(train.count + validation.count),
  });
  return { ...result, dataset };
}

async function classifierEvaluation(file: ClassifierFile, options: EvaluateOptions): Promise<FileEvaluation> {
  const { runtime, split = 'validation', signal, onProgress, log = () => undefined } = options;
  await using classifier = await openClassifier(runtime, file);
  const { image, normalization, classes, batchSize, session } = classifier;
  if (batchSize !== undefined && batchSize !== 1) {
    throw inputError(`the model takes exactly ${batchSize} images at a time`, {
      where: file.path,
      hint: 'export it with a free batch size, or with one of 1',
    });
  }
  const dataset = await datasetFor(file, image, options);
  if (file.labels === undefined) {
    log(`note: ${file.path} has no labels; its outputs are taken as the classes of ${dataset.name} in order`);
    if (dataset.classes.length > classes) {
      throw inputError('the data has more classes than the model', {
        where: dataset.name,
        expected: `at most ${classes}`,
        received: `${dataset.classes.length}`,
      });
    }
  }
  const set = relabelled(dataset[split], dataset, file);
  const evaluation = await evaluateSession(session, { image, normalization }, set, {
    classes,
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(signal === undefined ? {} : { signal }),
    onProgress: (done) => onProgress?.(done, set.count),
  });
  return { ...evaluation, dataset };
}
