import { defined, inputError } from '../core/errors.ts';
import { float32 } from '../core/tensor.ts';
import { batchesInOrder } from '../data/batches.ts';
import type { Batch, ImageDataset, ImageSet } from '../data/dataset.ts';
import { sourceOf } from '../data/split.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import type { Model } from '../heads/model.ts';
import type { Weights } from '../nn/layer-context.ts';
import type { Runtime, Session } from '../runtime/runtime.ts';
import { featuresGraph } from './inference-graph.ts';

/** Vectors of length 1 with the labels of the images that they stand for. */
export interface LabelledFeatures {
  /** N, numbers of one vector. */
  readonly dimension: number;
  /** `[count, dimension]` row-major; rows of Euclidean norm 1, or 0 for an image without any feature. */
  readonly values: Float32Array;
  /** `[count]` */
  readonly labels: Int32Array;
}

/** How features are computed: in batches of 256 images unless `batchSize` says otherwise. */
export interface FeatureOptions {
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
  /** Called with the number of images done. */
  readonly onProgress?: (done: number) => void;
}

const BATCH = 256;

/** A vector of zeros in place of an image would vote and be voted on. @throws an input error that names the first unreadable image. */
function checkReadable({ labels }: Batch, set: ImageSet, first: number): void {
  const missing = labels.indexOf(-1);
  if (missing < 0) return;
  throw inputError('an image cannot be decoded, and features are taken of all of them', {
    where: sourceOf(set, first + missing) ?? `image ${first + missing}`,
    hint: 'remove it from the data',
  });
}

/** The features that a session from normalised `images` to `features` gives a set of images. */
export async function featuresFrom(
  session: Session,
  dataset: Pick<ImageDataset, 'image' | 'normalization'>,
  set: ImageSet,
  options: FeatureOptions = {},
): Promise<LabelledFeatures> {
  const { batchSize = BATCH, signal, onProgress } = options;
  if (set.count === 0) throw inputError('no images to take features of');
  const { channels, height, width } = dataset.image;
  let values = new Float32Array(0);
  let dimension = 0;
  let done = 0;
  for await (const batch of batchesInOrder(set, dataset.image, dataset.normalization, batchSize)) {
    signal?.throwIfAborted();
    checkReadable(batch, set, done);
    const images = float32([batch.size, channels, height, width], batch.images);
    const features = defined((await session.run({ images }))['features'], 'output features');
    if (features.dtype !== 'float32' || features.shape[0] !== batch.size || features.shape.length !== 2) {
      throw inputError('not features of images', {
        expected: `float32[${batch.size}, features]`,
        received: `${features.dtype}[${features.shape.join(', ')}]`,
      });
    }
    if (done === 0) {
      dimension = features.data.length / batch.size;
      values = new Float32Array(set.count * dimension);
    }
    values.set(features.data, done * dimension);
    done += batch.size;
    onProgress?.(done);
  }
  return Object.freeze({ dimension, values, labels: set.labels });
}

/**
 * The features of a model for a set of images, brought to length 1: what {@link featuresGraph} computes.
 *
 * @throws an input error for an empty set.
 */
export async function featuresOf(
  runtime: Runtime,
  model: Model,
  weights: Weights,
  dataset: Pick<ImageDataset, 'image' | 'normalization'>,
  set: ImageSet,
  options: FeatureOptions = {},
): Promise<LabelledFeatures> {
  await using session = await runtime.createSession(toOnnx(featuresGraph(model, weights)), 'inference');
  return await featuresFrom(session, dataset, set, options);
}

/** So many numbers are held as features at most: 4 GB. */
const MOST_NUMBERS = 1e9;

/**
 * The normalised pixels themselves as features, brought to length 1: what a network must beat. `dimension` is channels·height·width.
 *
 * @throws an input error for more than 4 GB of them.
 */
export async function pixelFeatures(
  dataset: Pick<ImageDataset, 'image' | 'normalization'>,
  set: ImageSet,
): Promise<LabelledFeatures> {
  const { channels, height, width } = dataset.image;
  const dimension = channels * height * width;
  if (set.count * dimension > MOST_NUMBERS) {
    throw inputError('too many pixels to compare images by', {
      expected: `at most ${MOST_NUMBERS} numbers`,
      received: `${set.count} images of ${channels}×${height}×${width}`,
      hint: 'choose a smaller image size (--image-size)',
    });
  }
  const values = new Float32Array(set.count * dimension);
  let done = 0;
  for await (const batch of batchesInOrder(set, dataset.image, dataset.normalization, BATCH)) {
    checkReadable(batch, set, done);
    for (let index = 0; index < batch.size; index++) {
      const row = batch.images.subarray(index * dimension, (index + 1) * dimension);
      const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
      if (norm > 0)
        values.set(
          row.map((value) => value / norm),
          (done + index) * dimension,
        );
    }
    done += batch.size;
  }
  return Object.freeze({ dimension, values, labels: set.labels });
}
