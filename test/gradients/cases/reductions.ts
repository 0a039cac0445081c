import type { StaticShape } from '../../../src/core/shape.ts';
import { any, distinct, repeated, type CaseInput, type CaseTable } from '../case.ts';

const shape: StaticShape = [2, 3, 4];
const axesCases: readonly (readonly number[])[] = [[0], [1], [-1], [0, 2], [-2, -1], [0, 1, 2], []];

const reductions = (draw: (shape: StaticShape) => CaseInput) => [
  ...axesCases.flatMap((axes) =>
    [0, 1].map((keepdims) => ({
      name: `axes [${axes.join(', ')}], keepdims ${keepdims}`,
      inputs: [draw(shape)],
      attributes: { axes, keepdims },
    })),
  ),
  { name: 'vector to scalar', inputs: [draw([5])], attributes: { axes: [0], keepdims: 0 } },
];

const softmax = [
  { name: 'last axis', inputs: [any([2, 5])], attributes: { axis: -1 } },
  { name: 'first axis', inputs: [any([3, 2])], attributes: { axis: 0 } },
  { name: 'channels', inputs: [any([2, 3, 2, 2])], attributes: { axis: 1 } },
  { name: 'one class', inputs: [any([3, 1])], attributes: { axis: 1 } },
];

export const reductionCases: CaseTable<
  'ReduceSum' | 'ReduceMean' | 'ReduceMax' | 'ArgMax' | 'TopK' | 'Softmax' | 'LogSoftmax'
> = {
  ReduceSum: reductions(any),
  ReduceMean: reductions(any),
  ReduceMax: reductions((size) => distinct(size)),
  ArgMax: {
    noGradient: 'piecewise constant',
    forward: [0, 1].flatMap((keepdims) =>
      [0, 1, -1].map((axis) => ({
        name: `axis ${axis}, keepdims ${keepdims}, with ties`,
        inputs: [repeated(shape)],
        attributes: { axis, keepdims },
      })),
    ),
  },
  TopK: [0, 1].flatMap((largest) => [
    ...[1, 2, 3].map((k) => ({
      name: `k = ${k} of 4, largest ${largest}`,
      inputs: [distinct([2, 3, 4])],
      attributes: { k: [k], axis: -1, largest },
    })),
    {
      name: `all along the first axis, largest ${largest}`,
      inputs: [distinct([3, 2])],
      attributes: { k: [3], axis: 0, largest },
    },
    {
      name: `with ties, largest ${largest}`,
      inputs: [repeated([4, 6])],
      attributes: { k: [4], axis: 1, largest },
      forwardOnly: true as const,
    },
  ]),
  Softmax: softmax,
  LogSoftmax: softmax,
};
