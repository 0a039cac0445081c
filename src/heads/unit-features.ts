import type { Value } from '../graph/builder.ts';
import { add, div, mul, reduceMean, reduceSum, sqrt, sub } from '../graph/functions.ts';
import type { LayerContext } from '../nn/layer-context.ts';

/** Keeps the norm of an all-zero feature vector from dividing by zero; far below the square of any real norm. */
const NORM_EPSILON = 1e-12;

/** x/‖x‖ for each row of x `[batch, features]`: per sample, so a logit never depends on its neighbours in the batch. */
export function normalizeRows(c: LayerContext, x: Value): Value {
  const squared = reduceSum(c.b, mul(c.b, x, x), [1], { keepdims: true });
  return div(c.b, x, sqrt(c.b, add(c.b, squared, NORM_EPSILON)));
}

const VARIANCE_EPSILON = 1e-5;
/** The weight of a batch in the running statistics: that of all batch normalisations, which share one update. */
const MOMENTUM = 0.1;

/**
 * Batch normalisation of features x `[batch, N]` without a learned scale and shift: (x − μ)/√(σ² + ε) per feature, ε = 10⁻⁵. After it,
 * features that were non-negative have either sign and no common direction.
 *
 * In training μ and σ² are the batch's; running ← 0.9·running + 0.1·batch with the unbiased variance. In inference the running
 * statistics are used, and all of it is one multiplication and one addition for each feature.
 */
export function centred(c: LayerContext, x: Value): Value {
  const { b } = c;
  const [batch = 1, features = 1] = x.type.shape.map(Number);
  const runningMean = c.buffer('running_mean', [features], 0);
  const runningVariance = c.buffer('running_var', [features], 1);
  const scaled = (difference: Value, variance: Value): Value =>
    div(b, difference, sqrt(b, add(b, variance, VARIANCE_EPSILON)));
  if (c.mode === 'inference') return scaled(sub(b, x, runningMean), runningVariance);
  const mean = reduceMean(b, x, [0]);
  const difference = sub(b, x, mean);
  const variance = reduceMean(b, mul(b, difference, difference), [0]);
  c.updateBuffer({ buffer: runningMean, statistic: mean, momentum: MOMENTUM });
  const unbiased = mul(b, variance, batch / Math.max(1, batch - 1));
  c.updateBuffer({ buffer: runningVariance, statistic: unbiased, momentum: MOMENTUM });
  return scaled(difference, variance);
}

/** {@link centred} in inference as gain·x + shift: gain = 1/√(σ² + ε), shift = −μ·gain, each `[N]`, in float64 before they are rounded. */
export function centringOf(
  runningMean: Float32Array,
  runningVariance: Float32Array,
): { readonly gain: Float32Array; readonly shift: Float32Array } {
  const gain = Float64Array.from(runningVariance, (variance) => 1 / Math.sqrt(variance + VARIANCE_EPSILON));
  return {
    gain: Float32Array.from(gain),
    shift: Float32Array.from(runningMean, (mean, k) => -mean * (gain[k] ?? 0)),
  };
}
