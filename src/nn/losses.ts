import { int32 } from '../core/tensor.ts';
import { staticShapeOf, type Builder, type Value } from '../graph/builder.ts';
import {
  add,
  cast,
  greater,
  logSoftmax,
  mul,
  neg,
  reduceMax,
  reduceMean,
  reduceSum,
  reshape,
  sub,
} from '../graph/functions.ts';

/** One-hot rows `[batch, classes]` (float32) of int32 labels `[batch]`; a label outside the classes gives a row of zeros. */
export function oneHot(b: Builder, labels: Value, classes: number): Value {
  const [batch = 1] = staticShapeOf(labels);
  const indices = b.constant(
    int32(
      [1, classes],
      Int32Array.from({ length: classes }, (_, index) => index),
    ),
    'class_indices',
  );
  return cast(b, b.op('Equal', [reshape(b, labels, [batch, 1]), indices], {}), 'float32');
}

/**
 * Softmax cross-entropy, averaged over the batch: L = −(1/B) Σᵢ Σⱼ tᵢⱼ·log softmax(zᵢ)ⱼ with logits z `[batch, classes]`.
 *
 * Label smoothing ε replaces the one-hot target by (1 − ε)·one-hot + ε/C, C the number of classes (Szegedy et al. 2016;
 * PyTorch's `label_smoothing`).
 */
export function crossEntropy(b: Builder, logits: Value, targets: Value, labelSmoothing = 0): Value {
  const [, classes = 1] = staticShapeOf(logits);
  const smoothed =
    labelSmoothing === 0 ? targets : add(b, mul(b, targets, 1 - labelSmoothing), labelSmoothing / classes);
  const perImage = reduceSum(b, mul(b, logSoftmax(b, logits), smoothed), [1]);
  return neg(b, reduceMean(b, perImage, [0]));
}

/**
 * The cosine loss of a fixed classifier: L = (1/B) Σᵢ (1 − cos(q_tᵢ, xᵢ)), pulling features towards the vector of their class
 * without a softmax (Hoffer, Hubara & Soudry 2018, section 3). Cosines are `[batch, classes]`, in [−1, 1].
 */
export function cosineLoss(b: Builder, cosines: Value, targets: Value): Value {
  return sub(b, 1, reduceMean(b, reduceSum(b, mul(b, cosines, targets), [1]), [0]));
}

/**
 * How many rows of logits `[batch, classes]` give their target strictly the largest value. Ties, NaN and labels
 * outside the classes count as wrong, so a dead network does not look accurate.
 */
export function correctCount(b: Builder, logits: Value, targets: Value): Value {
  // Far above any logit, yet finite: an infinity times zero would be NaN.
  const beyond = 1e30;
  // 0 for a one-hot row, −beyond for a row of zeros: a label outside the classes is never right.
  const missing = mul(b, sub(b, reduceSum(b, targets, [1]), 1), beyond);
  const own = add(b, reduceSum(b, mul(b, logits, targets), [1]), missing);
  const others = reduceMax(b, sub(b, logits, mul(b, targets, beyond)), [1]);
  return reduceSum(b, cast(b, greater(b, own, others), 'float32'), [0]);
}
