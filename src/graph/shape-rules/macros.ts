import { inputError } from '../../core/errors.ts';
import { formatShape, sameShape } from '../../core/shape.ts';
import type { TensorType } from '../graph.ts';
import type { macrosOps } from '../ops/macros.ts';
import { dimOf, like, numberOf, of, type ShapeRules } from './context.ts';

const channelVector = (type: TensorType, where: string): TensorType => of(type.dtype, [dimOf(type.shape, 1, where)]);

export const macroShapes: ShapeRules<Exclude<keyof typeof macrosOps, 'Detach' | 'ClipGrad'>> = {
  GivenGradient: (c) => {
    const [value, x, g] = [c.input(0), c.input(1), c.input(2)];
    if (value.shape.length !== 0 || !sameShape(x.shape, g.shape)) {
      throw inputError('a given gradient is that of a scalar, of the shape of its variable', {
        where: c.where,
        expected: `[] and twice ${formatShape(x.shape)}`,
        received: `${formatShape(value.shape)}, ${formatShape(x.shape)} and ${formatShape(g.shape)}`,
      });
    }
    return [value];
  },
  Recompute: like,
  BatchNormTraining: (c) => [c.input(0), channelVector(c.input(0), c.where), channelVector(c.input(0), c.where)],
  BatchNormGrad: (c) => [c.input(1), c.input(2), c.input(2)],
  ReluGrad: like,
  ConvInputGrad: (c) => [of(c.input(0).dtype, c.attributes.input_shape)],
  ConvWeightGrad: (c) => {
    const [x, gy] = [c.input(0), c.input(1)];
    return [
      of(x.dtype, [
        dimOf(gy.shape, 1, c.where),
        numberOf(x.shape, 1, c.where) / c.attributes.group,
        ...c.attributes.kernel_shape,
      ]),
    ];
  },
  MaxPoolGrad: (c) => [c.input(1)],
  AveragePoolGrad: (c) => [of(c.input(0).dtype, c.attributes.input_shape)],
};
