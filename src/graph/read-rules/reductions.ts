import type { reductionsOps } from '../ops/reductions.ts';
import { is, anything, rankOf, type ReadRules, type ReadRule } from './rule.ts';

const reduction: ReadRule = {
  defaults: (context) => ({
    axes:
      context.stated['noop_with_empty_axes'] === 1 ? [] : Array.from({ length: rankOf(context) }, (_, axis) => axis),
    keepdims: 1,
  }),
  assumed: { noop_with_empty_axes: anything },
};

export const reductionsReadRules: ReadRules<typeof reductionsOps> = {
  ReduceSum: reduction,
  ReduceMean: reduction,
  ReduceMax: reduction,
  ReduceMin: reduction,
  ReduceProd: reduction,
  ReduceL1: reduction,
  ReduceL2: reduction,
  ReduceSumSquare: reduction,
  ReduceLogSum: reduction,
  ReduceLogSumExp: reduction,
  CumSum: { defaults: () => ({ exclusive: 0, reverse: 0 }) },
  ArgMax: { defaults: () => ({ axis: 0, keepdims: 1 }), assumed: { select_last_index: is(0) } },
  ArgMin: { defaults: () => ({ axis: 0, keepdims: 1 }), assumed: { select_last_index: is(0) } },
  TopK: { defaults: () => ({ axis: -1, largest: 1 }), assumed: { sorted: is(1) } },
  Softmax: { defaults: () => ({ axis: -1 }) },
  LogSoftmax: { defaults: () => ({ axis: -1 }) },
  Hardmax: { defaults: () => ({ axis: -1 }) },
  LpNormalization: { defaults: () => ({ axis: -1, p: 2 }) },
};
