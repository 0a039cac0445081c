import { reduction, unary, type OpDefinition } from './definition.ts';

/** Operators that reduce or normalise along axes. */
export const reductionsOps = {
  ReduceSum: reduction,
  ReduceMean: reduction,
  ReduceMax: reduction,
  ArgMax: { ...unary, attributes: { axis: 'int', keepdims: 'int' } },
  // The k largest (or smallest) entries along an axis, best first; of equal ones the first comes first.
  TopK: {
    domain: '',
    inputs: ['x'],
    outputs: ['values', 'indices'],
    attributes: { k: 'operand1', axis: 'int', largest: 'int' },
  },
  Softmax: { ...unary, attributes: { axis: 'int' } },
  LogSoftmax: { ...unary, attributes: { axis: 'int' } },
} as const satisfies Record<string, OpDefinition>;
