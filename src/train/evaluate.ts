import { defined, inputError } from '../core/errors.ts';
import { float32, type HostTensor } from '../core/tensor.ts';
import { batchesInOrder } from '../data/batches.ts';
import type { ImageDataset, ImageSet } from '../data/dataset.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import type { Model } from '../heads/model.ts';
import type { Weights } from '../nn/layer-context.ts';
import type { Runtime, Session } from '../runtime/runtime.ts';
import { confusionOf, type Answers } from './answers.ts';
import { evaluationGraph } from './inference-graph.ts';

/**
 * How a model does on a set of images. The loss is the mean cross-entropy in nats, the probabilities are those of the softmax. Of
 * equal logits the class that comes first counts as the larger. An image with a NaN among its logits is wrong, and makes the
 * loss NaN.
 */
export interface Evaluation extends Answers {
  readonly loss: number;
}

/** Collects logits `[n, classes]` batch by batch. Two passes over each row, whatever the number of classes. */
function createTally(count: number, classes: number) {
  const seenLabels = new Int32Array(count);
  const predicted = new Int32Array(count);
  const probability = new Float32Array(count);
  let [seen, counted, correct, amongFive, loss] = [0, 0, 0, 0, 0];

  const addRow = (row: Float32Array, label: number): void => {
    const own = row[label] ?? 0;
    let [best, above] = [0, 0];
    let largest = row[0] ?? 0;
    for (let k = 0; k < classes; k++) {
      const logit = row[k] ?? 0;
      if (logit > largest) {
        best = k;
        largest = logit;
      }
      if (logit > own || (logit === own && k < label)) above++;
    }
    let total = 0;
    for (let k = 0; k < classes; k++) total += Math.exp((row[k] ?? 0) - largest);
    loss += Math.log(total) + largest - own;
    const valid = !Number.isNaN(total);
    if (valid && best === label) correct++;
    if (valid && above < 5) amongFive++;
    predicted[seen] = best;
    probability[seen] = 1 / total;
    counted++;
  };

  return {
    add: (logits: Float32Array, labels: Int32Array): void => {
      labels.forEach((label, row) => {
        seenLabels[seen] = label;
        // An image that could not be decoded has no answer, right or wrong.
        if (label < 0) predicted[seen] = -1;
        else addRow(logits.subarray(row * classes, (row + 1) * classes), label);
        seen++;
      });
    },
    result: (): Evaluation => {
      if (counted === 0) throw inputError('none of the images can be decoded', { received: `${seen} images` });
      return Object.freeze({
        accuracy: correct / counted,
        top5: amongFive / counted,
        loss: loss / counted,
        count: counted,
        confusion: confusionOf(seenLabels, predicted),
        predicted,
        probability,
      });
    },
  };
}

/** Images of a batch where nothing else is asked for. */
const BATCH = 256;
/** Logits of a batch take at most this much memory: 64 MB. */
const LARGEST_LOGITS_BYTES = 64e6;

/** How many images are run at a time: 256, or fewer where there are so many classes that their logits would exceed 64 MB. */
export function evaluationBatchSize(classes: number): number {
  return Math.max(1, Math.min(BATCH, Math.floor(LARGEST_LOGITS_BYTES / (Float32Array.BYTES_PER_ELEMENT * classes))));
}

function logitsOf(outputs: Readonly<Record<string, HostTensor>>, images: number, classes: number): Float32Array {
  const logits = defined(outputs['logits'], 'output logits');
  if (logits.dtype !== 'float32') throw inputError('logits are not float32', { received: logits.dtype });
  if (logits.data.length !== images * classes) {
    throw inputError('logits of another size than the images and classes', {
      expected: `[${images}, ${classes}]`,
      received: `[${logits.shape.join(', ')}]`,
    });
  }
  return logits.data;
}

/** How a set of images is evaluated; batches have `evaluationBatchSize` images unless `batchSize` says otherwise. */
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
  const { classes, signal, onProgress } = options;
  const batchSize = options.batchSize ?? evaluationBatchSize(classes);
  if (set.count === 0) throw inputError('no images to evaluate');
  const { channels, height, width } = dataset.image;
  const tally = createTally(set.count, classes);
  let done = 0;
  for await (const batch of batchesInOrder(set, dataset.image, dataset.normalization, batchSize)) {
    signal?.throwIfAborted();
    const images = float32([batch.size, channels, height, width], batch.images);
    tally.add(logitsOf(await session.run({ images }), batch.size, classes), batch.labels);
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
