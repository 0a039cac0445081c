import { defined, inputError } from '../core/errors.ts';
import { float32, type HostTensor } from '../core/tensor.ts';
import { evaluationBatches } from '../data/batches.ts';
import type { ImageDataset, ImageSet } from '../data/dataset.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import type { Model } from '../heads/model.ts';
import type { Weights } from '../nn/layer-context.ts';
import type { Runtime, Session } from '../runtime/runtime.ts';
import { evaluationGraph } from './inference-graph.ts';

/**
 * How a model does on a set of images. Accuracies are fractions in [0, 1]; the loss is the mean cross-entropy in nats. Of equal
 * logits the class that comes first counts as the larger. An image with a NaN among its logits is wrong, and makes the loss NaN.
 */
export interface Evaluation {
  readonly accuracy: number;
  /** Share of images whose label is among the five largest logits (all of them with five classes or fewer). */
  readonly top5: number;
  readonly loss: number;
  readonly count: number;
  /** `[classes × classes]` counts: row = label, column = prediction. */
  readonly confusion: Uint32Array;
  /** `[count]` predicted class of each image. */
  readonly predicted: Int32Array;
  /** `[count]` softmax probability of the predicted class. */
  readonly probability: Float32Array;
}

/** Collects logits `[n, classes]` batch by batch. */
function createTally(count: number, classes: number) {
  const confusion = new Uint32Array(classes * classes);
  const predicted = new Int32Array(count);
  const probability = new Float32Array(count);
  let [seen, correct, amongFive, loss] = [0, 0, 0, 0];

  const addRow = (row: Float32Array, label: number): void => {
    let best = 0;
    for (let k = 1; k < classes; k++) if ((row[k] ?? 0) > (row[best] ?? 0)) best = k;
    const largest = row[best] ?? 0;
    let total = 0;
    for (const logit of row) total += Math.exp(logit - largest);
    const own = row[label] ?? 0;
    let above = 0;
    row.forEach((logit, k) => {
      if (logit > own || (logit === own && k < label)) above++;
    });
    loss += Math.log(total) + largest - own;
    const valid = !Number.isNaN(total);
    if (valid && best === label) correct++;
    if (valid && above < 5) amongFive++;
    const cell = label * classes + best;
    confusion[cell] = (confusion[cell] ?? 0) + 1;
    predicted[seen] = best;
    probability[seen] = 1 / total;
    seen++;
  };

  return {
    add: (logits: Float32Array, labels: Int32Array): void => {
      labels.forEach((label, index) => {
        addRow(logits.subarray(index * classes, (index + 1) * classes), label);
      });
    },
    result: (): Evaluation =>
      Object.freeze({
        accuracy: correct / seen,
        top5: amongFive / seen,
        loss: loss / seen,
        count: seen,
        confusion,
        predicted,
        probability,
      }),
  };
}

function logitsOf(outputs: Readonly<Record<string, HostTensor>>): Float32Array {
  const logits = defined(outputs['logits'], 'output logits');
  if (logits.dtype !== 'float32') throw inputError('logits are not float32', { received: logits.dtype });
  return logits.data;
}

/** How a set of images is evaluated; batches have 256 images unless `batchSize` says otherwise. */
export interface EvaluateSessionOptions {
  readonly classes: number;
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
  /** Called with the number of images done. */
  readonly onProgress?: (done: number) => void;
}

/** Evaluates any session from normalised `images` to `logits` on a set of images. */
export async function evaluateSession(
  session: Session,
  dataset: Pick<ImageDataset, 'image' | 'normalization'>,
  set: ImageSet,
  options: EvaluateSessionOptions,
): Promise<Evaluation> {
  const { classes, batchSize = 256, signal, onProgress } = options;
  if (set.count === 0) throw inputError('no images to evaluate');
  const { channels, height, width } = dataset.image;
  const tally = createTally(set.count, classes);
  let done = 0;
  for (const batch of evaluationBatches(set, dataset.image, dataset.normalization, batchSize)) {
    signal?.throwIfAborted();
    const images = float32([batch.size, channels, height, width], batch.images);
    tally.add(logitsOf(await session.run({ images })), batch.labels);
    done += batch.size;
    onProgress?.(done);
  }
  return tally.result();
}

/** Evaluates a model with given weights (running statistics, no augmentation). */
export async function evaluateModel(
  runtime: Runtime,
  model: Model,
  weights: Weights,
  dataset: ImageDataset,
  set: ImageSet,
  options: Omit<EvaluateSessionOptions, 'classes'> = {},
): Promise<Evaluation> {
  await using session = await runtime.createSession(toOnnx(evaluationGraph(model, weights)), 'inference');
  return await evaluateSession(session, dataset, set, { ...options, classes: model.head.classes });
}
