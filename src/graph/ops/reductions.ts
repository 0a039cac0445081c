import { reduction, unary, type OpDefinition } from './definition.ts';

/** Operators that reduce or normalise along axes. */
export const reductionsOps = {
  ReduceSum: reduction,
  ReduceMean: reduction,
  ReduceMax: reduction,
  ReduceMin: reduction,
  ReduceProd: reduction,
  // Σ|x|, √Σx², Σx², log Σx and log Σeˣ
  ReduceL1: reduction,
  ReduceL2: reduction,
  ReduceSumSquare: reduction,
  ReduceLogSum: reduction,
  ReduceLogSumExp: reduction,
  // Running sums along the axis that the int64 scalar `axis` names.
  CumSum: { domain: '', inputs: ['x', 'axis'], outputs: ['y'], attributes: { exclusive: 'int', reverse: 'int' } },
  ArgMax: { ...unary, attributes: { axis: 'int', keepdims: 'int' } },
  ArgMin: { ...unary, attributes: { axis: 'int', keepdims: 'int' } },
  // The k largest (or smallest) entries along an axis, best first; of equal ones the first comes first.
  TopK: {
    domain: '',
    inputs: ['x'],
    outputs: ['values', 'indices'],
    attributes: { k: 'operand1', axis: 'int', largest: 'int' },
  },
  Softmax: { ...unary, attributes: { axis: 'int' } },
  LogSoftmax: { ...unary, attributes: { axis: 'int' } },
  // 1 at the first of the largest entries along an axis, 0 elsewhere.
  Hardmax: { ...unary, attributes: { axis: 'int' } },
  // x/‖x‖ along an axis, by the 1-norm or the 2-norm; 0 where the norm is 0.
  LpNormalization: { ...unary, attributes: { axis: 'int', p: 'int' } },
} as const satisfies Record<string, OpDefinition>;
