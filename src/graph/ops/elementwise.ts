import { binary, unary, type OpDefinition } from './definition.ts';

/** Operators that work element by element, broadcast where they have several operands. */
export const elementwiseOps = {
  Identity: unary,
  Relu: unary,
  Exp: unary,
  Log: unary,
  Sqrt: unary,
  Reciprocal: unary,
  Neg: unary,
  Abs: unary,
  Sigmoid: unary,
  Tanh: unary,
  HardSigmoid: { ...unary, attributes: { alpha: 'float', beta: 'float' } },
  Cast: { ...unary, attributes: { to: 'dtype' } },
  Add: binary,
  Sub: binary,
  Mul: binary,
  Div: binary,
  Max: { ...binary, inputs: ['a', 'b'] },
  Min: { ...binary, inputs: ['a', 'b'] },
  Equal: binary,
  Greater: binary,
  Where: { domain: '', inputs: ['condition', 'a', 'b'], outputs: ['c'], attributes: {} },
} as const satisfies Record<string, OpDefinition>;
