import { inputError, usageError } from '../core/errors.ts';
import type { ImageDataset, ImageSet } from '../data/dataset.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { evaluateSession, type Evaluation } from '../train/evaluate.ts';
import { openClassifier, readClassifier, type ClassifierFile, type WeightsChoice } from './classifier-file.ts';
import type { DatasetChoice } from './config.ts';
import { openChoice, reopenDataset, type OpenChoiceOptions } from './prepare.ts';

/** What `evaluateClassifier` evaluates on, and how. */
export interface EvaluateOptions extends OpenChoiceOptions {
  readonly runtime: Runtime;
  /** The data; a run's own unless given. Its images take the model's size. */
  readonly data?: Omit<DatasetChoice, 'imageSize'>;
  readonly split?: 'validation' | 'train';
  readonly weights?: WeightsChoice;
  readonly signal?: AbortSignal;
  /** Called with the number of images done and of all. */
  readonly onProgress?: (done: number, count: number) => void;
  /** Receives one line for each decision that a reader should know about. */
  readonly log?: (line: string) => void;
}

export interface FileEvaluation extends Evaluation {
  readonly dataset: ImageDataset;
}

/** The dataset's labels as the model counts its classes. */
function relabelled(set: ImageSet, dataset: ImageDataset, file: ClassifierFile): ImageSet {
  const { labels, path } = file;
  if (labels === undefined) return set;
  const unknown = dataset.classes.filter((name) => !labels.includes(name));
  if (unknown.length > 0) {
    throw inputError('the data has classes that the model does not know', {
      where: dataset.name,
      received: unknown.slice(0, 5).join(', ') + (unknown.length > 5 ? ', …' : ''),
      expected: `classes of ${path}: ${labels.slice(0, 10).join(', ')}${labels.length > 10 ? ', …' : ''}`,
    });
  }
  const places = dataset.classes.map((name) => labels.indexOf(name));
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
    return await reopenDataset(file.config.dataset, file.config.fingerprint, options);
  }
  const { channels, height, width } = image;
  const size = { height, width, channels: channels === 1 ? 1 : 3 } as const;
  return await openChoice({ ...data, imageSize: size }, options);
}

/**
 * How a run's model or an `.onnx` file does on a set of images.
 *
 * @throws an input error for a model that cannot be read, data whose classes the model does not know, or images of another
 * size; a usage error where no data is named and the model does not say which.
 */
export async function evaluateClassifier(path: string, options: EvaluateOptions): Promise<FileEvaluation> {
  const { runtime, split = 'validation', signal, onProgress, log = () => undefined } = options;
  const file = await readClassifier(path, options.weights);
  await using classifier = await openClassifier(runtime, file);
  const { image, classes, batchSize, session } = classifier;
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
  // The file normalises by itself: pixels are fed as p/255.
  const channels = new Array<number>(image.channels);
  const normalization = { mean: channels.fill(0), std: [...channels].fill(1) };
  const evaluation = await evaluateSession(session, { image, normalization }, set, {
    classes,
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(signal === undefined ? {} : { signal }),
    onProgress: (done) => onProgress?.(done, set.count),
  });
  return { ...evaluation, dataset };
}
