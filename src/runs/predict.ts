import { join } from 'node:path';
import { FixheadError, inputError, usageError } from '../core/errors.ts';
import { createLargest } from '../core/largest.ts';
import { float32 } from '../core/tensor.ts';
import type { Normalization } from '../data/dataset.ts';
import { decodeImage } from '../data/decode-image.ts';
import { kindOf } from '../data/files.ts';
import { listImages } from '../data/list-images.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { evaluationBatchSize } from '../train/evaluate.ts';
import { openClassifier, readClassifier, type OpenClassifier, type WeightsChoice } from './classifier-file.ts';

/** One answer of a model for an image. */
export interface ClassProbability {
  /** The class's name, or its number where the model has no names. */
  readonly label: string;
  readonly index: number;
  /** Softmax probability, in [0, 1]. */
  readonly probability: number;
}

/** The largest probabilities for one image, or why it could not be read. */
export type Prediction =
  | { readonly kind: 'read'; readonly file: string; readonly top: readonly ClassProbability[] }
  | { readonly kind: 'failed'; readonly file: string; readonly error: string };

/** How `predictImages` runs. */
export interface PredictOptions {
  readonly runtime: Runtime;
  /** How many classes to give for each image; at least 1. */
  readonly top?: number;
  readonly weights?: WeightsChoice;
  readonly signal?: AbortSignal;
  /** Called with the number of images done and of all. */
  readonly onProgress?: (done: number, count: number) => void;
  /** Receives each prediction as soon as it is known, in the order of the files. */
  readonly onPrediction?: (prediction: Prediction) => void;
}

/** The predictions for a list of files, in its order. */
export interface Predictions {
  /** Class names, where the model has some. */
  readonly labels: readonly string[] | undefined;
  readonly predictions: readonly Prediction[];
}

const BATCH = 32;

/** The image files that paths name: files as they are, folders by the images in them. */
export async function imageFiles(paths: readonly string[]): Promise<readonly string[]> {
  const files: string[] = [];
  for (const path of paths) {
    if ((await kindOf(path)) !== 'folder') {
      files.push(path);
      continue;
    }
    const { images } = await listImages(path);
    if (images.length === 0) throw inputError('no image in the folder', { where: path });
    files.push(...images.map((name) => join(path, name)));
  }
  return files;
}

/** The most probable classes by the softmax of a row of logits. */
function topOf(row: Float32Array, count: number, labels: readonly string[] | undefined): readonly ClassProbability[] {
  const best = createLargest(Math.min(count, row.length));
  best.offer(row);
  const { places, values } = best.ranked();
  const largest = values[0] ?? 0;
  const total = row.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
  return Array.from(places, (index, rank) => ({
    label: labels?.[index] ?? String(index),
    index,
    probability: Math.exp((values[rank] ?? 0) - largest) / total,
  }));
}

/** (p/255 − mean)/std of planar bytes `[channels, plane]`. */
function normalizedPixels(pixels: Uint8Array, plane: number, { mean, std }: Normalization): Float32Array {
  return Float32Array.from(pixels, (pixel, place) => {
    const channel = Math.floor(place / plane);
    return (pixel / 255 - (mean[channel] ?? 0)) / (std[channel] ?? 1);
  });
}

/** Logits of images of `[c, h, w]` bytes, row by row. */
async function logitsOf(
  { session, image, normalization, classes, batchSize }: OpenClassifier,
  images: readonly Uint8Array[],
): Promise<Float32Array[]> {
  const { channels, height, width } = image;
  const size = channels * height * width;
  // A file with a fixed batch gets black images in the places that are left.
  const data = new Float32Array((batchSize ?? images.length) * size);
  images.forEach((pixels, index) => {
    data.set(normalizedPixels(pixels, height * width, normalization), index * size);
  });
  const { logits } = await session.run({ images: float32([data.length / size, channels, height, width], data) });
  if (logits?.dtype !== 'float32') throw inputError('logits are not float32');
  const { data: values } = logits;
  return images.map((_, index) => values.subarray(index * classes, (index + 1) * classes));
}

/**
 * Classifies image files with a run's model or an `.onnx` file. Images are brought to the model's size as training images
 * are; one that cannot be read is reported in its place and does not stop the others.
 *
 * @throws an input error for a model that cannot be read or a folder without images; a usage error for no files.
 */
export async function predictImages(
  path: string,
  paths: readonly string[],
  options: PredictOptions,
): Promise<Predictions> {
  const { runtime, top = 5, signal, onProgress, onPrediction } = options;
  if (paths.length === 0) throw usageError('no images are named', { hint: 'name image files or a folder' });
  const file = await readClassifier(path, options.weights);
  const files = await imageFiles(paths);
  await using classifier = await openClassifier(runtime, file);
  const predictions: Prediction[] = [];
  const step = classifier.batchSize ?? Math.min(BATCH, evaluationBatchSize(classifier.classes));
  for (let first = 0; first < files.length; first += step) {
    signal?.throwIfAborted();
    const names = files.slice(first, first + step);
    const decoded = await Promise.all(
      names.map(async (name) => {
        try {
          return await decodeImage(name, classifier.image);
        } catch (error) {
          if (error instanceof FixheadError && error.kind === 'input') return error.message;
          throw error;
        }
      }),
    );
    const readable = decoded.filter((pixels) => typeof pixels !== 'string');
    const logits = readable.length === 0 ? [] : await logitsOf(classifier, readable);
    decoded.forEach((pixels, index) => {
      const name = names[index] ?? '';
      const row = typeof pixels === 'string' ? undefined : logits[readable.indexOf(pixels)];
      const prediction: Prediction =
        row === undefined
          ? { kind: 'failed', file: name, error: String(pixels) }
          : { kind: 'read', file: name, top: topOf(row, top, file.labels) };
      predictions.push(prediction);
      onPrediction?.(prediction);
    });
    onProgress?.(predictions.length, files.length);
  }
  return { labels: file.labels, predictions };
}
