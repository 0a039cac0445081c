import type { Builder, Value } from '../graph/builder.ts';
import { detach, logSoftmax, mul, reduceMean, reduceSum, softmax, sub } from '../graph/functions.ts';

/** How a model is taught by another one’s answers; see {@link distillationLoss}. */
export interface Distillation {
  /** T > 0: logits are divided by it before the softmax, so that more than the best class counts. */
  readonly temperature: number;
  /** λ, 0 ≤ λ ≤ 1: share of the teacher’s term in the loss; the labels have the rest. 1 needs no labels. */
  readonly weight: number;
}

/** T = 2 and the teacher’s answers alone. */
export const distillation: Distillation = Object.freeze({ temperature: 2, weight: 1 });

/**
 * T²·KL(softmax(t/T) ‖ softmax(z/T)), averaged over the batch, with logits z and the teacher’s logits t `[batch, classes]`: 0 where both agree.
 * The factor T² keeps the size of the gradients as T grows (Hinton, Vinyals & Dean 2015, “Distilling the Knowledge in a Neural
 * Network”, section 2). No gradient flows to the teacher.
 */
export function distillationLoss(b: Builder, logits: Value, teacher: Value, temperature: number): Value {
  const soften = (z: Value): Value => (temperature === 1 ? z : mul(b, z, 1 / temperature));
  const given = detach(b, soften(teacher));
  const divergence = mul(b, softmax(b, given), sub(b, logSoftmax(b, given), logSoftmax(b, soften(logits))));
  return mul(b, reduceMean(b, reduceSum(b, divergence, [1]), [0]), temperature * temperature);
}
