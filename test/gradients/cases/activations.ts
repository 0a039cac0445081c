import type { StaticShape } from '../../../src/core/shape.ts';
import type { elementwiseOps } from '../../../src/graph/ops/elementwise.ts';
import type { activations } from '../../reference/activations.ts';
import { any, distinct, far, nonzero, values, type CaseTable } from '../case.ts';

const shapes: readonly StaticShape[] = [[], [5], [2, 3, 4]];
const smooth = shapes.map((shape) => ({ name: `rank ${shape.length}`, inputs: [any(shape)], attributes: {} }));
/** Elements on a grid of ±3 a tenth off the kinks at multiples of a quarter. */
const grid = [distinct([2, 3, 4], 0.1)];
const slopes = (...alphas: readonly number[]) =>
  alphas.map((alpha) => ({ name: `alpha ${alpha}`, inputs: [nonzero([3, 4])], attributes: { alpha } }));
const scalar = (value: number) => ({ ...values([], [value]), constant: true as const });

export const activationCases: CaseTable<
  keyof typeof activations & (keyof typeof elementwiseOps | 'ReluGrad' | 'ClipGrad')
> = {
  Relu: shapes.map((shape) => ({ name: `rank ${shape.length}`, inputs: [nonzero(shape)], attributes: {} })),
  Clip: [
    { name: 'two bounds', inputs: [...grid, scalar(-1), scalar(1.5)], attributes: {} },
    { name: 'lower bound', inputs: [...grid, scalar(0.5)], attributes: {} },
    { name: 'upper bound', inputs: [...grid, undefined, scalar(0.5)], attributes: {} },
    { name: 'no bound', inputs: grid, attributes: {} },
    { name: 'learned bounds', inputs: [...grid, values([], [-1]), values([], [1.5])], attributes: {} },
    { name: 'scalar', inputs: [values([], [3]), scalar(-1), scalar(2)], attributes: {} },
    {
      name: 'values at the bounds',
      inputs: [values([5], [-2, -1, 0, 2, 3]), scalar(-1), scalar(2)],
      attributes: {},
      forwardOnly: true,
    },
  ],
  LeakyRelu: slopes(0.01, 0.3, 0, -0.5, 2),
  PRelu: [
    { name: 'a slope for each element', inputs: [nonzero([2, 3]), any([2, 3])], attributes: {} },
    { name: 'a slope for each channel', inputs: [nonzero([2, 3, 2, 2]), any([3, 1, 1])], attributes: {} },
    { name: 'one slope', inputs: [nonzero([2, 3]), any([1])], attributes: {} },
    { name: 'scalar slope', inputs: [nonzero([2, 3]), any([])], attributes: {} },
  ],
  ThresholdedRelu: [1, 0.25, -0.5].map((alpha) => ({ name: `alpha ${alpha}`, inputs: grid, attributes: { alpha } })),
  Elu: slopes(1, 0.4, -0.7),
  Selu: [
    { name: 'the standard constants', inputs: [nonzero([3, 4])], attributes: { alpha: 1.6732632, gamma: 1.050701 } },
    { name: 'a negative slope', inputs: [nonzero([3, 4])], attributes: { alpha: -0.5, gamma: 2 } },
    { name: 'a negative factor', inputs: [nonzero([3, 4])], attributes: { alpha: 0.5, gamma: -2 } },
  ],
  Celu: slopes(1, 0.25, 2),
  Sigmoid: smooth,
  HardSigmoid: [
    // Clamped outside ±2.5: the grid of ±3 has elements on all three pieces and none on a kink.
    { name: 'default slope', inputs: grid, attributes: { alpha: 0.2, beta: 0.5 } },
    { name: 'other slope', inputs: [distinct([11], 0.1)], attributes: { alpha: 0.75, beta: 0.25 } },
  ],
  HardSwish: [
    { name: 'all pieces', inputs: [distinct([2, 3, 5], 0.1)], attributes: {} },
    { name: 'scalar', inputs: [any([])], attributes: {} },
  ],
  Mish: [...smooth, { name: 'far from 0', inputs: [far([9])], attributes: {} }],
  Softplus: [...smooth, { name: 'far from 0', inputs: [far([9])], attributes: {} }],
  Softsign: [...smooth, { name: 'far from 0', inputs: [far([9])], attributes: {} }],
  Tanh: smooth,
  ReluGrad: {
    noGradient: 'a gradient itself',
    forward: [{ name: 'rank 2', inputs: [any([2, 3]), any([2, 3])], attributes: {} }],
  },
  ClipGrad: {
    noGradient: 'a gradient itself',
    forward: [
      {
        name: 'two bounds',
        inputs: [any([5]), values([5], [-1, -0.5, 0, 1.5, 1]), scalar(-1), scalar(1.5)],
        attributes: {},
      },
      { name: 'lower bound', inputs: [any([3]), values([3], [-1, 0, 1]), scalar(0)], attributes: {} },
      { name: 'upper bound', inputs: [any([3]), values([3], [-1, 0, 1]), undefined, scalar(0)], attributes: {} },
      { name: 'no bound', inputs: [any([3]), any([3])], attributes: {} },
    ],
  },
};
