import { inputError, usageError } from '../core/errors.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { identityNormalization } from '../data/normalization.ts';
import { firstImages } from '../data/split.ts';
import type { Graph } from '../graph/graph.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import type { Model } from '../heads/model.ts';
import type { Weights } from '../nn/layer-context.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { featuresFrom, featuresOf } from '../train/features.ts';
import { backboneGraph, deploymentGraph, embeddingGraph, topClassesGraph } from '../train/inference-graph.ts';
import { storedPixels } from './pixels.ts';

/** Keys of the metadata that an exported model carries. */
export const metadataKeys = Object.freeze({
  labels: 'labels',
  input: 'input',
  output: 'output',
  model: 'model',
  head: 'head',
  /** Of the features that enter the head: with it and the head's name its class vectors can be made again. */
  sign: 'sign',
  task: 'task',
  /** Mean and deviation per channel that pixels in 0 … 1 are fed with, where a file does not take them as they are. */
  pixels: 'pixels',
});

/** Folding changes the order of float32 operations; a prediction may flip only where two logits were this close. */
export const LARGEST_PROBABILITY_CHANGE = 0.02;

/** The model as ONNX bytes: standard operators, any batch size, pixels in 0 … 1, labels in the metadata. */
export function exportModel(
  model: Model,
  weights: Weights,
  dataset: Pick<ImageDataset, 'classes' | 'normalization'>,
): Uint8Array {
  const { deployment } = model.backbone;
  if (deployment !== undefined) return exportOriginal(model, deployment(model, weights), dataset);
  return toOnnx(deploymentGraph(model, weights, dataset.normalization), {
    producer: 'fixhead',
    metadata: {
      [metadataKeys.labels]: JSON.stringify(dataset.classes),
      ...aboutModel(model),
    },
  });
}

/** Whether images of that size are features: numbers that another model computed, one of them a channel. */
export function isFeatures({ channels, height, width }: ImageDataset['image']): boolean {
  return height === 1 && width === 1 && channels !== 3;
}

/** A model on a backbone that was read from a file: its inputs and outputs are that file's, and the metadata says how pixels are fed. */
function exportOriginal(
  model: Model,
  graph: Graph,
  { classes, normalization }: Pick<ImageDataset, 'classes' | 'normalization'>,
): Uint8Array {
  const { [metadataKeys.input]: _, ...about } = aboutModel(model);
  const metadata = {
    [metadataKeys.labels]: JSON.stringify(classes),
    [metadataKeys.pixels]: storedPixels(normalization),
    ...about,
  };
  return toOnnx(graph, { producer: 'fixhead', metadata });
}

function aboutModel({ image, name, head, backbone }: Model): Readonly<Record<string, string>> {
  const { channels, height, width } = image;
  return {
    [metadataKeys.input]: `images: float32 [batch, ${channels}, ${height}, ${width}], ${
      isFeatures(image) ? 'features' : `${channels === 1 ? 'grey' : 'RGB'} planes, pixels in 0 … 1`
    }`,
    [metadataKeys.model]: name,
    [metadataKeys.head]: head.name,
    [metadataKeys.sign]: backbone.sign,
  };
}

/**
 * A model that was trained to tell images apart as ONNX bytes: standard operators, any batch size, pixels in 0 … 1 to features of
 * norm 1. Its classifier, whose classes are the training images, is left out.
 */
export function exportEmbedding(
  model: Model,
  weights: Weights,
  dataset: Pick<ImageDataset, 'normalization'>,
): Uint8Array {
  return toOnnx(embeddingGraph(model, weights, dataset.normalization), {
    producer: 'fixhead',
    metadata: {
      [metadataKeys.task]: 'instance',
      [metadataKeys.output]: `features: float32 [batch, ${model.backbone.features}], rows of Euclidean norm 1`,
      ...aboutModel(model),
    },
  });
}

/**
 * The model with its k best classes for each image instead of all logits, as ONNX bytes: `classes` int64 and `logits` float32
 * `[batch, k]`, the largest logit first and of equal ones the class that comes first; otherwise as {@link exportModel}.
 *
 * @throws a usage error unless 1 ≤ k ≤ classes.
 */
export function exportTopClasses(
  model: Model,
  weights: Weights,
  dataset: Pick<ImageDataset, 'classes' | 'normalization'>,
  k: number,
): Uint8Array {
  const { classes } = model.head;
  if (!Number.isInteger(k) || k < 1 || k > classes) {
    throw usageError('not so many classes to choose from', {
      where: '--top-k',
      expected: `a whole number from 1 to ${classes}, the classes of the model`,
      received: String(k),
    });
  }
  return toOnnx(topClassesGraph(model, weights, dataset.normalization, k), {
    producer: 'fixhead',
    metadata: {
      [metadataKeys.labels]: JSON.stringify(dataset.classes),
      [metadataKeys.output]: `classes: int64 [batch, ${k}], logits: float32 [batch, ${k}], largest first`,
      ...aboutModel(model),
    },
  });
}

/** The model without its head as ONNX bytes: pixels in 0 … 1 to `features` `[batch, N]`, as the described head takes them. */
export function exportBackbone(
  model: Model,
  weights: Weights,
  dataset: Pick<ImageDataset, 'normalization'>,
): Uint8Array {
  return toOnnx(backboneGraph(model, weights, dataset.normalization), {
    producer: 'fixhead',
    metadata: {
      [metadataKeys.output]: `features: float32 [batch, ${model.backbone.features}], as the head takes them`,
      ...aboutModel(model),
    },
  });
}

/** For models that normalise by themselves: images are fed as p/255. */
export function asPixels(image: ImageDataset['image']): Pick<ImageDataset, 'image' | 'normalization'> {
  return { image, normalization: identityNormalization(image.channels) };
}

/** The features of so many validation images are compared: enough to notice a wrong graph, few enough to take no time. */
export const COMPARED_IMAGES = 512;
/** Folding changes the order of float32 operations; vectors of norm 1 turn by far less than this. */
const SMALLEST_COSINE = 0.999;

/**
 * Runs an exported embedding on validation images and compares it with the trained model.
 *
 * @throws an input error if features differ by more than float32 rounding explains: such a model must not be shipped.
 */
export async function checkExportedEmbedding(
  runtime: Runtime,
  bytes: Uint8Array,
  model: Model,
  weights: Weights,
  dataset: Pick<ImageDataset, 'validation' | 'image' | 'normalization'>,
): Promise<void> {
  const { validation, image } = dataset;
  const some = firstImages(validation, image, COMPARED_IMAGES);
  const { count } = some;
  await using session = await runtime.createSession(bytes, 'inference');
  const own = await featuresOf(runtime, model, weights, dataset, some);
  const exported = await featuresFrom(session, asPixels(image), some);
  const { dimension } = own;
  let least = 1;
  for (let index = 0; index < count; index++) {
    const [a, b] = [own, exported].map(({ values }) => values.subarray(index * dimension, (index + 1) * dimension));
    const norm = a?.reduce((sum, value) => sum + value * value, 0) ?? 0;
    const cosine = a?.reduce((sum, value, place) => sum + value * (b?.[place] ?? 0), 0) ?? 0;
    // An image without any feature has none in the exported model either, and no direction to compare.
    if (norm > 0.5 || cosine > 0) least = Math.min(least, cosine);
  }
  if (!(least >= SMALLEST_COSINE)) {
    throw inputError('the exported model does not agree with the trained one', {
      expected: 'the same features within rounding',
      received: `a cosine of ${least.toFixed(4)} between the two feature vectors of an image`,
    });
  }
}
