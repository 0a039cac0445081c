import { inputError } from '../core/errors.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { readOnnx } from '../graph/onnx-read.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { evaluateSession, type Evaluation } from '../train/evaluate.ts';
import { openClassifier } from './classifier-file.ts';
import { LARGEST_PROBABILITY_CHANGE } from './export.ts';

const LARGEST_SHARE_OF_FLIPS = 0.002;

/** Evaluates exported bytes as a user would run them. */
export async function evaluateExported(
  runtime: Runtime,
  bytes: Uint8Array,
  dataset: ImageDataset,
): Promise<Evaluation> {
  const path = 'the exported model';
  const file = { path, bytes, onnx: readOnnx(bytes, path), labels: dataset.classes, config: undefined };
  await using classifier = await openClassifier(runtime, file, dataset.image);
  const { session, normalization, batchSize } = classifier;
  return await evaluateSession(session, { image: dataset.image, normalization }, dataset.validation, {
    classes: dataset.classes.length,
    ...(batchSize === undefined ? {} : { batchSize }),
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
