import { inputError, usageError } from '../core/errors.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import type { Model } from '../heads/model.ts';
import type { Weights } from '../nn/layer-context.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { evaluateSession, type Evaluation } from '../train/evaluate.ts';
import { featuresFrom, featuresOf } from '../train/features.ts';
import { backboneGraph, deploymentGraph, embeddingGraph, topClassesGraph } from '../train/inference-graph.ts';

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
});

/** Folding changes the order of float32 operations; a prediction may flip only where two logits were this close. */
export const LARGEST_PROBABILITY_CHANGE = 0.02;
const LARGEST_SHARE_OF_FLIPS = 0.002;

/** The model as ONNX bytes: standard operators, any batch size, pixels in 0 … 1, labels in the metadata. */
export function exportModel(
  model: Model,
  weights: Weights,
  dataset: Pick<ImageDataset, 'classes' | 'normalization'>,
): Uint8Array {
  return toOnnx(deploymentGraph(model, weights, dataset.normalization), {
    producer: 'fixhead',
    metadata: {
      [metadataKeys.labels]: JSON.stringify(dataset.classes),
      ...aboutModel(model),
    },
  });
}

function aboutModel({ image, name, head, backbone }: Model): Readonly<Record<string, string>> {
  const { channels, height, width } = image;
  return {
    [metadataKeys.input]: `images: float32 [batch, ${channels}, ${height}, ${width}], ${channels === 1 ? 'grey' : 'RGB'} planes, pixels in 0 … 1`,
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

/** Evaluates exported bytes as a user would run them. */
export async function evaluateExported(
  runtime: Runtime,
  bytes: Uint8Array,
  dataset: ImageDataset,
): Promise<Evaluation> {
  await using session = await runtime.createSession(bytes, 'inference');
  return await evaluateSession(session, asPixels(dataset.image), dataset.validation, {
    classes: dataset.classes.length,
  });
}

/** For models that normalise by themselves: images are fed as p/255. */
export function asPixels(image: ImageDataset['image']): Pick<ImageDataset, 'image' | 'normalization'> {
  const { channels } = image;
  const normalization = { mean: new Array<number>(channels).fill(0), std: new Array<number>(channels).fill(1) };
  return { image, normalization };
}

/**
 * Runs an exported model on the validation images and compares it with the run's own evaluation.
 *
 * @throws an input error if they differ by more than float32 rounding explains: such a model must not be shipped.
 */
export async function checkExported(
  runtime: Runtime,
  bytes: Uint8Array,
  dataset: ImageDataset,
  own: Evaluation,
): Promise<Evaluation> {
  const exported = await evaluateExported(runtime, bytes, dataset);
  let flips = 0;
  let change = 0;
  own.predicted.forEach((label, index) => {
    if (exported.predicted[index] === label) {
      change = Math.max(change, Math.abs((exported.probability[index] ?? 0) - (own.probability[index] ?? 0)));
    } else flips++;
  });
  if (flips > Math.max(1, own.count * LARGEST_SHARE_OF_FLIPS) || change > LARGEST_PROBABILITY_CHANGE) {
    throw inputError('the exported model does not agree with the trained one', {
      expected: `the same predictions within rounding`,
      received: `${flips} of ${own.count} other predictions, probabilities off by up to ${change.toFixed(4)}`,
    });
  }
  return exported;
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
  const count = Math.min(COMPARED_IMAGES, validation.count);
  const pixels = image.channels * image.height * image.width;
  const some = {
    count,
    pixels: validation.pixels.subarray(0, count * pixels),
    labels: validation.labels.slice(0, count),
  };
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
