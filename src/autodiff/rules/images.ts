import { internalError } from '../../core/errors.ts';
import { staticShapeOf, type Value } from '../../graph/builder.ts';
import { add, expand, mul, reciprocal, reduceSum, reshape, sqrt, sub } from '../../graph/functions.ts';
import type { Op } from '../../graph/ops.ts';
import { when, type GradientRules } from '../rule.ts';

const macro = { noGradient: 'it is a gradient itself, and second derivatives are not offered' } as const;
const lowered = { noGradient: 'it is made by a lowering, after differentiation' } as const;

export const imageRules: GradientRules<
  Extract<
    Op,
    | 'Conv'
    | 'ConvTranspose'
    | 'MaxPool'
    | 'AveragePool'
    | 'GlobalAveragePool'
    | `BatchNorm${string}`
    | `${'Relu' | 'ConvInput' | 'ConvWeight' | 'MaxPool' | 'AveragePool'}Grad`
    | `nchwc.${string}`
  >
> = {
  Conv: (c) => [
    when(c, 0, () =>
      c.b.op('ConvInputGrad', [c.grad(), c.input(1)], { ...c.attributes, input_shape: staticShapeOf(c.input(0)) }),
    ),
    when(c, 1, () => c.b.op('ConvWeightGrad', [c.input(0), c.grad()], c.attributes)),
    ...(c.count > 2 ? [when(c, 2, () => reduceSum(c.b, c.grad(), [0, 2, 3]))] : []),
  ],
  ConvTranspose: { noGradient: 'fixhead only emits it inside gradients; no model layer uses it yet' },
  MaxPool: (c) => [c.b.op('MaxPoolGrad', [c.grad(), c.input(0), c.output(0)], c.attributes)],
  AveragePool: (c) => [
    c.b.op('AveragePoolGrad', [c.grad()], { ...c.attributes, input_shape: staticShapeOf(c.input(0)) }),
  ],
  GlobalAveragePool: (c) => {
    const shape = staticShapeOf(c.input(0));
    const pixels = shape.slice(2).reduce((product, extent) => product * extent, 1);
    return [expand(c.b, mul(c.b, c.grad(), 1 / pixels), shape)];
  },
  // y = (x − μ)/√(σ²+ε)·γ + β with given μ and σ²: an affine map per channel
  BatchNormalization: (c) => {
    if (c.needs(3) || c.needs(4)) throw internalError('running statistics are not differentiated', { where: c.where });
    const channels = (index: number) => reshape(c.b, c.input(index), [1, staticShapeOf(c.input(1))[0] ?? 0, 1, 1]);
    let shared: Value | undefined;
    const inverse = () => (shared ??= reciprocal(c.b, sqrt(c.b, add(c.b, channels(4), c.attributes.epsilon))));
    return [
      when(c, 0, () => mul(c.b, c.grad(), mul(c.b, channels(1), inverse()))),
      when(c, 1, () =>
        reduceSum(c.b, mul(c.b, c.grad(), mul(c.b, sub(c.b, c.input(0), channels(3)), inverse())), [0, 2, 3]),
      ),
      when(c, 2, () => reduceSum(c.b, c.grad(), [0, 2, 3])),
      undefined,
      undefined,
    ];
  },
  BatchNormTraining: (c) => {
    if (c.count > 3 || c.attributes.relu === 1) throw internalError('differentiate before fusing', { where: c.where });
    if (c.hasGrad(1) || c.hasGrad(2))
      throw internalError('batch statistics are not differentiated', { where: c.where });
    const [gx, gscale, gbias] = c.b.node(
      'BatchNormGrad',
      [c.grad(), c.input(0), c.input(1), c.output(1), c.output(2)],
      {
        epsilon: c.attributes.epsilon,
      },
    );
    return [gx, gscale, gbias];
  },
  BatchNormGrad: macro,
  ReluGrad: macro,
  ConvInputGrad: macro,
  ConvWeightGrad: macro,
  MaxPoolGrad: macro,
  AveragePoolGrad: macro,
  'nchwc.ReorderInput': lowered,
  'nchwc.ReorderOutput': lowered,
  'nchwc.Conv': lowered,
  'nchwc.MaxPool': lowered,
  'nchwc.GlobalAveragePool': lowered,
};
