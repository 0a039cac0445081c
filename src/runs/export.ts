import { inputError } from '../core/errors.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import type { Model } from '../heads/model.ts';
import type { Weights } from '../nn/layer-context.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { evaluateSession, type Evaluation } from '../train/evaluate.ts';
import { deploymentGraph } from '../train/inference-graph.ts';

/** Keys of the metadata that an exported model carries. */
export const metadataKeys = Object.freeze({ labels: 'labels', input: 'input', model: 'model', head: 'head' });

/** Folding changes the order of float32 operations; a prediction may flip only where two logits were this close. */
const LARGEST_PROBABILITY_CHANGE = 0.02;
const LARGEST_SHARE_OF_FLIPS = 0.002;

/** The model as ONNX bytes: standard operators, any batch size, pixels in 0 … 1, labels in the metadata. */
export function exportModel(
  model: Model,
  weights: Weights,
  dataset: Pick<ImageDataset, 'classes' | 'normalization'>,
): Uint8Array {
  const { channels, height, width } = model.image;
  return toOnnx(deploymentGraph(model, weights, dataset.normalization), {
    producer: 'fixhead',
    metadata: {
      [metadataKeys.labels]: JSON.stringify(dataset.classes),
      [metadataKeys.input]: `images: float32 [batch, ${channels}, ${height}, ${width}], ${channels === 1 ? 'grey' : 'RGB'} planes, pixels in 0 … 1`,
      [metadataKeys.model]: model.name,
      [metadataKeys.head]: model.head.name,
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
  // The model normalises by itself: feed p/255.
  const { channels } = dataset.image;
  const plain = { mean: new Array<number>(channels).fill(0), std: new Array<number>(channels).fill(1) };
  return await evaluateSession(session, { image: dataset.image, normalization: plain }, dataset.validation, {
    classes: dataset.classes.length,
  });
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
