import { binary, unary, type OpDefinition } from './definition.ts';

const variadic = { domain: '', inputs: ['...x'], outputs: ['y'], attributes: {} } as const;
const slope = { ...unary, attributes: { alpha: 'float' } } as const;

/** Operators that work element by element, broadcast where they have several operands. */
export const elementwiseOps = {
  Identity: unary,
  Exp: unary,
  Log: unary,
  Sqrt: unary,
  Reciprocal: unary,
  Neg: unary,
  Abs: unary,
  Erf: unary,
  Sin: unary,
  Cos: unary,
  Floor: unary,
  Ceil: unary,
  // To the nearest integer, halves to the even one.
  Round: unary,
  Sign: unary,
  Cast: { ...unary, attributes: { to: 'dtype' } },

  Relu: unary,
  // y = min(max(x, min), max); a bound may be absent
  Clip: { domain: '', inputs: ['x', 'min?', 'max?'], outputs: ['y'], attributes: {} },
  LeakyRelu: slope,
  PRelu: { domain: '', inputs: ['x', 'slope'], outputs: ['y'], attributes: {} },
  ThresholdedRelu: slope,
  Elu: slope,
  Selu: { ...unary, attributes: { alpha: 'float', gamma: 'float' } },
  Celu: slope,
  Sigmoid: unary,
  HardSigmoid: { ...unary, attributes: { alpha: 'float', beta: 'float' } },
  HardSwish: unary,
  Mish: unary,
  Softplus: unary,
  Softsign: unary,
  Tanh: unary,

  Add: binary,
  Sub: binary,
  Mul: binary,
  Div: binary,
  Pow: binary,
  // The remainder of a/b: of a's sign (fmod 1, floats and integers) or of b's (fmod 0, integers only).
  Mod: { ...binary, attributes: { fmod: 'int' } },
  Max: variadic,
  Min: variadic,
  Sum: variadic,
  Mean: variadic,

  Equal: binary,
  Greater: binary,
  GreaterOrEqual: binary,
  Less: binary,
  LessOrEqual: binary,
  And: binary,
  Or: binary,
  Xor: binary,
  Not: unary,
  IsNaN: unary,
  IsInf: { ...unary, attributes: { detect_negative: 'int', detect_positive: 'int' } },
  Where: { domain: '', inputs: ['condition', 'a', 'b'], outputs: ['c'], attributes: {} },
} as const satisfies Record<string, OpDefinition>;
