import type { Value } from '../graph/builder.ts';
import {
  add,
  cast,
  detach,
  exp,
  greater,
  log,
  maximum,
  mul,
  reduceMean,
  reduceSum,
  sqrt,
  sub,
} from '../graph/functions.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import { ownScore, rowProducts, type ClassScores, type OwnScore } from './class-scores.ts';
import { sampledClasses, type StepFeeds } from './sampled-softmax.ts';
import type { Margin } from './spec.ts';
import { biasTerm, otherClasses, sumOfLogits } from './streaming-softmax.ts';

/** What a softmax over very many classes gives to a training step. */
export interface SoftmaxResult {
  /** Averaged over the batch. */
  readonly loss: Value;
  /** How many of the batch are right. */
  readonly correct: Value;
  /** What has to be drawn anew for each step; none where the loss is exact. */
  readonly feeds: StepFeeds | undefined;
}

export interface SoftmaxOptions {
  readonly labelSmoothing: number;
  readonly margin: Margin | undefined;
}

/** log(eᵃ + eᵇ); the shift is constant for the gradient, which does not depend on it. */
function logAddExp(c: LayerContext, x: Value, y: Value): Value {
  const { b } = c;
  const shift = detach(b, maximum(b, x, y));
  return add(b, shift, log(b, add(b, exp(b, sub(b, x, shift)), exp(b, sub(b, y, shift)))));
}

/**
 * Cross-entropy for each sample, `[batch, 1]`, from ℓ = log Σ_{s ≠ t} exp z_s and the own logit z_t:
 * log(e^ℓ + e^z_t) − (1 − ε)·z_t − (ε/C)·Σ_s z_s with label smoothing ε.
 */
function lossPerSample(c: LayerContext, scores: ClassScores, own: OwnScore, total: Value, smoothing: number): Value {
  const { b } = c;
  if (smoothing === 0) return sub(b, total, own.logit);
  // A margin changes one of the logits that are summed.
  const all = add(b, sumOfLogits(c, scores), sub(b, own.logit, own.plain));
  const { classes } = scores.geometry;
  return sub(b, sub(b, total, mul(b, own.logit, 1 - smoothing)), mul(b, all, smoothing / classes));
}

/** Rounding of an inner product of N ≤ 10⁵ numbers, relative to the lengths of both vectors. */
const ROUNDING = 1e-6;

/**
 * How many samples give their own class strictly the largest logit. The own logit is computed on another path than the others, so
 * it must be larger by more than rounding: a tie, as of features that are all zero, counts as wrong.
 */
function countRight(c: LayerContext, { scaled }: ClassScores, own: OwnScore, largest: Value): Value {
  const { b } = c;
  const length = sqrt(b, rowProducts(b, scaled, scaled));
  const slack = mul(b, add(b, length, b.op('Abs', [own.plain], {})), ROUNDING);
  return reduceSum(b, cast(b, greater(b, own.plain, add(b, largest, slack)), 'float32'), [0, 1]);
}

/** Exact cross-entropy over all classes, block by block. */
export function streamingLoss(c: LayerContext, scores: ClassScores, options: SoftmaxOptions): SoftmaxResult {
  const { b } = c;
  const own = ownScore(c, scores, options.margin);
  const others = otherClasses(c, scores, own.slots, own.logit);
  const total = logAddExp(c, others.logSumExp, own.logit);
  const mean = reduceMean(b, lossPerSample(c, scores, own, total, options.labelSmoothing), [0, 1]);
  const { bias } = scores;
  const loss = bias === undefined ? mean : add(b, mean, biasTerm(c, { ...scores, bias }, others, own.slots, total));
  return { loss, correct: countRight(c, scores, own, others.largest), feeds: undefined };
}

/** An estimate of it from the classes of `bases` random bases: see {@link sampledClasses}. */
export function sampledLoss(
  c: LayerContext,
  scores: ClassScores,
  options: SoftmaxOptions & { readonly bases: number },
): SoftmaxResult {
  const { b } = c;
  const own = ownScore(c, scores, options.margin);
  const { logSumExp, largest, feeds } = sampledClasses(c, scores, own.slots, options.bases);
  const total = logAddExp(c, logSumExp, own.logit);
  const loss = reduceMean(b, lossPerSample(c, scores, own, total, options.labelSmoothing), [0, 1]);
  return { loss, correct: countRight(c, scores, own, largest), feeds };
}

/** The cosine loss without the cosines of other classes: (1/B)·Σ (1 − ⟨q_t, x̂⟩). */
export function streamingCosineLoss(c: LayerContext, scores: ClassScores): SoftmaxResult {
  const { b } = c;
  const own = ownScore(c, { ...scores, scaled: scores.unit, scale: 1 }, undefined);
  const { largest } = otherClasses(c, scores, own.slots);
  return {
    loss: sub(b, 1, reduceMean(b, own.plain, [0, 1])),
    correct: countRight(c, scores, own, largest),
    feeds: undefined,
  };
}
