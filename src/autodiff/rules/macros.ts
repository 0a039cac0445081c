import { internalError } from '../../core/errors.ts';
import { mul } from '../../graph/functions.ts';
import type { macrosOps } from '../../graph/ops/macros.ts';
import type { providerOps } from '../../graph/ops/provider.ts';
import { when, type GradientRules } from '../rule.ts';

const gradient = { noGradient: 'it is a gradient itself, and second derivatives are not offered' } as const;
const lowered = { noGradient: 'it is made by a lowering, after differentiation' } as const;

export const macroRules: GradientRules<Exclude<keyof typeof macrosOps, 'Detach' | 'ClipGrad'>> = {
  BatchNormTraining: (c) => {
    if (c.count > 3 || c.attributes.relu === 1) throw internalError('differentiate before fusing', { where: c.where });
    if (c.hasGrad(1) || c.hasGrad(2))
      throw internalError('batch statistics are not differentiated', { where: c.where });
    return c.b.node('BatchNormGrad', [c.grad(), c.input(0), c.input(1), c.output(1), c.output(2)], {
      epsilon: c.attributes.epsilon,
    });
  },
  GivenGradient: (c) => [
    when(c, 0, () => c.grad()),
    // Most often the value is the loss itself: then the gradient is the given one, with nothing computed.
    when(c, 1, () => (c.isLoss ? c.input(2) : mul(c.b, c.input(2), c.grad()))),
    undefined,
  ],
  Recompute: lowered,
  BatchNormGrad: gradient,
  ReluGrad: gradient,
  ConvInputGrad: gradient,
  ConvWeightGrad: gradient,
  MaxPoolGrad: gradient,
  AveragePoolGrad: gradient,
};

export const blockedRules: GradientRules<Exclude<keyof typeof providerOps, 'FusedMatMul'>> = {
  'nchwc.ReorderInput': lowered,
  'nchwc.ReorderOutput': lowered,
  'nchwc.Conv': lowered,
  'nchwc.MaxPool': lowered,
  'nchwc.GlobalAveragePool': lowered,
};
