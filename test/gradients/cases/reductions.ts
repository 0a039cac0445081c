import type { StaticShape } from '../../../src/core/shape.ts';
import type { reductionsOps } from '../../../src/graph/ops/reductions.ts';
import {
  any,
  distinct,
  integers,
  nonzero,
  positive,
  repeated,
  values,
  type CaseInput,
  type CaseTable,
} from '../case.ts';

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

const indices = {
  noGradient: 'piecewise constant',
  forward: [0, 1].flatMap((keepdims) =>
    [0, 1, -1].map((axis) => ({
      name: `axis ${axis}, keepdims ${keepdims}, with ties`,
      inputs: [repeated(shape)],
      attributes: { axis, keepdims },
    })),
  ),
};

export const reductionCases: CaseTable<keyof typeof reductionsOps> = {
  ReduceSum: reductions(any),
  ReduceMean: reductions(any),
  ReduceMax: reductions((size) => distinct(size)),
  ReduceMin: reductions((size) => distinct(size)),
  ReduceProd: [
    ...reductions(nonzero),
    {
      name: 'no, one and two zeros',
      inputs: [values([3, 3], [2, -3, 0.5, 2, 0, -0.5, 0, 0, 3])],
      attributes: { axes: [1], keepdims: 0 },
    },
  ],
  ReduceL1: reductions(nonzero),
  ReduceL2: reductions(nonzero),
  ReduceSumSquare: reductions(any),
  ReduceLogSum: reductions(positive),
  ReduceLogSumExp: [
    ...reductions(any),
    { name: 'large entries', inputs: [values([3], [200, 199, 198.5])], attributes: { axes: [0], keepdims: 0 } },
  ],
  CumSum: [0, 1].flatMap((exclusive) =>
    [0, 1].flatMap((reverse) =>
      [0, 1, -1].map((axis) => ({
        name: `axis ${axis}, exclusive ${exclusive}, reverse ${reverse}`,
        inputs: [any(shape), integers([], [axis])],
        attributes: { exclusive, reverse },
      })),
    ),
  ),
  ArgMax: indices,
  ArgMin: indices,
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
  Hardmax: {
    noGradient: 'zero almost everywhere',
    forward: [0, 1, -1].map((axis) => ({
      name: `axis ${axis}, with ties`,
      inputs: [repeated(shape)],
      attributes: { axis },
    })),
  },
  LpNormalization: [1, 2].flatMap((p) => [
    ...[0, 1, -1].map((axis) => ({ name: `p ${p}, axis ${axis}`, inputs: [nonzero(shape)], attributes: { axis, p } })),
    {
      name: `p ${p}, a row of zeros`,
      inputs: [values([2, 3], [1, -2, 3, 0, 0, 0])],
      attributes: { axis: 1, p },
      forwardOnly: true as const,
    },
  ]),
};
