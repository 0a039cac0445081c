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
  ArgMax: { defaults: () => ({ axis: 0, keepdims: 1 }), assumed: { select_last_index: is(0) } },
  TopK: { defaults: () => ({ axis: -1, largest: 1 }), assumed: { sorted: is(1) } },
  Softmax: { defaults: () => ({ axis: -1 }) },
  LogSoftmax: { defaults: () => ({ axis: -1 }) },
};
