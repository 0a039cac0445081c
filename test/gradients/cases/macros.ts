import type { macrosOps } from '../../../src/graph/ops/macros.ts';
import type { providerOps } from '../../../src/graph/ops/provider.ts';
import { any, positive, type CaseInput, type CaseTable } from '../case.ts';

const given = (input: CaseInput): CaseInput => ({ ...input, constant: true });
const gradient = 'a gradient itself';
const blocked = { noGradient: 'made by a lowering, after differentiation', forward: [] } as const;
const convolution = { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1], dilations: [1, 1], group: 1 };
const halves = { kernel_shape: [2, 2], pads: [0, 0, 0, 0], strides: [2, 2] };

export const macroCases: CaseTable<Exclude<keyof typeof macrosOps, 'Detach' | 'ReluGrad' | 'ClipGrad'>> = {
  BatchNormTraining: [
    {
      name: 'image',
      inputs: [any([3, 2, 2, 3]), any([2]), any([2])],
      attributes: { epsilon: 1e-5, relu: 0 },
      outputs: 1,
    },
    {
      name: 'large epsilon, one pixel',
      inputs: [any([5, 3, 1, 1]), any([3]), any([3])],
      attributes: { epsilon: 0.1, relu: 0 },
      outputs: 1,
    },
  ],
  // What it gives to x is no derivative of what it computes: see sweep.test.ts.
  GivenGradient: [{ name: 'the value', inputs: [any([]), given(any([2, 3])), given(any([2, 3]))], attributes: {} }],
  Recompute: {
    noGradient: 'made by a lowering, after differentiation',
    forward: [{ name: 'image', inputs: [any([2, 3, 2, 2]), any([1, 4, 2, 3])], attributes: {} }],
  },
  BatchNormGrad: {
    noGradient: gradient,
    forward: [
      {
        name: 'image',
        inputs: [any([2, 3, 2, 2]), any([2, 3, 2, 2]), any([3]), any([3]), positive([3])],
        attributes: { epsilon: 1e-5 },
      },
    ],
  },
  ConvInputGrad: {
    noGradient: gradient,
    forward: [
      {
        name: '3×3',
        inputs: [any([2, 4, 3, 5]), any([4, 2, 3, 3])],
        attributes: { ...convolution, input_shape: [2, 2, 3, 5] },
      },
    ],
  },
  ConvWeightGrad: {
    noGradient: gradient,
    forward: [{ name: '3×3', inputs: [any([2, 2, 3, 5]), any([2, 4, 3, 5])], attributes: convolution }],
  },
  MaxPoolGrad: {
    noGradient: gradient,
    forward: [
      {
        name: '2×2',
        inputs: [any([1, 2, 2, 2]), any([1, 2, 4, 4]), any([1, 2, 2, 2])],
        attributes: { ...halves, dilations: [1, 1] },
      },
    ],
  },
  AveragePoolGrad: {
    noGradient: gradient,
    forward: [
      {
        name: '2×2',
        inputs: [any([1, 2, 2, 2])],
        attributes: { ...halves, count_include_pad: 0, input_shape: [1, 2, 4, 4] },
      },
    ],
  },
};

export const blockedCases: CaseTable<Exclude<keyof typeof providerOps, 'FusedMatMul'>> = {
  'nchwc.ReorderInput': blocked,
  'nchwc.ReorderOutput': blocked,
  'nchwc.Conv': blocked,
  'nchwc.MaxPool': blocked,
  'nchwc.GlobalAveragePool': blocked,
};
