import { usageError } from '../core/errors.ts';
import type { Augmentation } from '../data/dataset.ts';
import { imageNetCrop } from '../data/resized-crop.ts';
import type { SoftmaxSpec } from '../heads/softmax.ts';
import type { Precision } from '../lowering/lower.ts';
import { adamw, sgd, type OptimizerSpec } from '../optim/optimizer.ts';
import { cosineSchedule, stepSchedule, type ScheduleSpec } from '../optim/schedule.ts';

/** Everything that decides how a model is trained, but for the data, the model and the seed. Plain JSON: a run stores it. */
export interface Recipe {
  readonly epochs: number;
  readonly batchSize: number;
  /** η₀ of the schedule. */
  readonly learningRate: number;
  readonly optimizer: OptimizerSpec;
  readonly schedule: ScheduleSpec;
  /** ε of label smoothing, 0 ≤ ε < 1. */
  readonly labelSmoothing: number;
  /** Largest global norm of the gradients; `null` leaves them as they are. */
  readonly clipNorm: number | null;
  readonly augmentation: Augmentation;
  /** How the softmax over the classes is computed. */
  readonly softmax: SoftmaxSpec;
  /**
   * After how many epochs classes are assigned to class vectors by the class means of their features: `[0]` before training,
   * `[1]` after the first epoch; empty for never. Fixed heads only.
   */
  readonly assignment: readonly number[];
  /** Compute activations again in the backward pass instead of keeping them all: less memory, the same results, slower steps. */
  readonly checkpointActivations?: true;
  /** `mixed`: convolutions and matrix products in 16-bit floats, on a GPU that has them. Default: `float32`. */
  readonly precision?: Precision;
}

/** What is used where nothing is asked for: a short, steady training of a small network. */
const defaults: Recipe = {
  epochs: 10,
  batchSize: 128,
  learningRate: 0.1,
  optimizer: sgd({ momentum: 0.9, nesterov: true, weightDecay: 5e-4 }),
  schedule: cosineSchedule({ warmupEpochs: 0.5 }),
  labelSmoothing: 0,
  clipNorm: null,
  augmentation: { cropPadding: 2, horizontalFlip: false },
  softmax: { kind: 'auto' },
  assignment: [],
};

/**
 * The CIFAR ResNet training of Hoffer, Hubara & Soudry 2018 (their public code): SGD with momentum 0.9, weight decay 1e-4 on
 * filters and matrices, batch 128, learning rate 0.1 divided by 10 at epochs 81, 122 and 164 of 200, crops from images padded
 * by 4 pixels, horizontal flips.
 */
const paperCifar: Recipe = {
  epochs: 200,
  batchSize: 128,
  learningRate: 0.1,
  optimizer: sgd({ momentum: 0.9, nesterov: false, weightDecay: 1e-4 }),
  schedule: stepSchedule([81, 122, 164]),
  labelSmoothing: 0,
  clipNorm: null,
  augmentation: { cropPadding: 4, horizontalFlip: true },
  softmax: { kind: 'auto' },
  assignment: [],
};

/**
 * The training of DenseNet-BC on CIFAR of Huang et al. 2017, which Hoffer, Hubara & Soudry 2018 follow: batch 64, learning rate 0.1
 * divided by 10 at epochs 150 and 225 of 300; else as `paper-cifar`.
 */
const paperCifarDensenet: Recipe = {
  ...paperCifar,
  epochs: 300,
  batchSize: 64,
  schedule: stepSchedule([150, 225]),
};

/**
 * The ImageNet training of Hoffer, Hubara & Soudry 2018 (their public code): SGD with momentum 0.9, weight decay 1e-4 on filters
 * and matrices, batch 256, learning rate 0.1 divided by 10 at epochs 30, 60 and 80 of 90, parts of the image scaled to the full size,
 * horizontal flips.
 */
const paperImagenet: Recipe = {
  ...paperCifar,
  epochs: 90,
  batchSize: 256,
  schedule: stepSchedule([30, 60, 80]),
  augmentation: { cropPadding: 0, horizontalFlip: true, randomResizedCrop: imageNetCrop },
};

/** `paper-imagenet` with the learning rate rising over the first 5 epochs, as the authors train DenseNet-169. */
const paperImagenetDensenet: Recipe = {
  ...paperImagenet,
  schedule: stepSchedule([30, 60, 80], { warmupEpochs: 5 }),
};

/**
 * A training of vision transformers from scratch, after Touvron et al. 2021: AdamW with weight decay 0.05 on matrices, 300 epochs, a
 * cosine after 5 epochs of warm-up, learning rate 5e-4·batch/512, label smoothing 0.1, gradients clipped to norm 1. Their stronger
 * augmentations (RandAugment, Mixup, CutMix, erasing) and stochastic depth are not part of it.
 */
const visionTransformer: Recipe = {
  ...paperImagenet,
  epochs: 300,
  batchSize: 256,
  learningRate: 2.5e-4,
  optimizer: adamw({ weightDecay: 0.05 }),
  schedule: cosineSchedule({ warmupEpochs: 5 }),
  labelSmoothing: 0.1,
  clipNorm: 1,
};

/** The recipes that have a name. */
export const recipes = Object.freeze({
  default: Object.freeze(defaults),
  'paper-cifar': Object.freeze(paperCifar),
  'paper-cifar-densenet': Object.freeze(paperCifarDensenet),
  'paper-imagenet': Object.freeze(paperImagenet),
  'paper-imagenet-densenet': Object.freeze(paperImagenetDensenet),
  vit: Object.freeze(visionTransformer),
});
/** The name of a recipe. */
export type RecipeName = keyof typeof recipes;

const whole = (name: string, value: number): void => {
  if (!Number.isInteger(value) || value < 1)
    throw usageError(`${name} must be a positive integer`, { received: String(value) });
};

/**
 * A recipe by name with some of its values replaced.
 *
 * @throws a usage error for a value out of range.
 */
export function recipe(name: RecipeName, changes: Partial<Recipe> = {}): Recipe {
  const result: Recipe = { ...recipes[name], ...changes };
  whole('epochs', result.epochs);
  whole('batch size', result.batchSize);
  if (!(result.learningRate > 0 && Number.isFinite(result.learningRate))) {
    throw usageError('learning rate must be positive', { received: String(result.learningRate) });
  }
  if (!(result.labelSmoothing >= 0 && result.labelSmoothing < 1)) {
    throw usageError('label smoothing out of range', {
      expected: '0 ≤ ε < 1',
      received: String(result.labelSmoothing),
    });
  }
  if (result.clipNorm !== null && !(result.clipNorm > 0)) {
    throw usageError('gradient norm must be positive', { received: String(result.clipNorm) });
  }
  if (result.softmax.kind === 'sampled') whole('number of sampled bases', result.softmax.bases);
  for (const epoch of result.assignment) {
    if (!Number.isInteger(epoch) || epoch < 0 || epoch >= result.epochs) {
      throw usageError('classes are assigned between epochs', {
        expected: `0 (before training) to ${result.epochs - 1}`,
        received: String(epoch),
      });
    }
  }
  return Object.freeze(result);
}
