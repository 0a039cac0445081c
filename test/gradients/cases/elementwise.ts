import type { StaticShape } from '../../../src/core/shape.ts';
import type { elementwiseOps } from '../../../src/graph/ops/elementwise.ts';
import {
  any,
  booleans,
  broadcastPairs,
  distinct,
  integers,
  nonzero,
  positive,
  repeated,
  values,
  type CaseInput,
  type CaseTable,
} from '../case.ts';
import { activationCases } from './activations.ts';

type Draw = (shape: StaticShape) => CaseInput;

const shapes: readonly StaticShape[] = [[], [5], [2, 3, 4]];
const unary = (draw: Draw) =>
  shapes.map((shape) => ({ name: `rank ${shape.length}`, inputs: [draw(shape)], attributes: {} }));
const binary = (left: Draw, right: Draw = left) =>
  broadcastPairs.map(([name, a, b]) => ({ name, inputs: [left(a), right(b)], attributes: {} }));
const variadic = (draw: (shape: StaticShape, offset: number) => CaseInput) => [
  ...broadcastPairs.map(([name, a, b]) => ({ name, inputs: [draw(a, 0), draw(b, 0.125)], attributes: {} })),
  { name: 'one operand', inputs: [draw([2, 3], 0)], attributes: {} },
  {
    name: 'three that broadcast',
    inputs: [draw([2, 1], 0), draw([3], 0.125), draw([2, 1, 3], 0.0625)],
    attributes: {},
  },
  {
    name: 'four',
    inputs: [draw([2, 3], 0), draw([2, 3], 0.125), draw([], 0.0625), draw([3], 0.1875)],
    attributes: {},
  },
];
/** Half a step apart: no element of one operand is near any of the others. */
const selected = variadic(distinct);
const step = {
  noGradient: 'zero almost everywhere',
  forward: [
    ...unary(any),
    { name: 'halves and wholes', inputs: [values([9], [-2.5, -2, -1.5, -0.5, 0, 0.5, 1.5, 2, 2.5])], attributes: {} },
  ],
};
const comparison = { noGradient: 'piecewise constant', forward: binary(repeated) };
const logical = { noGradient: 'no floats', forward: binary(booleans) };
const unusual = values([6], [-Infinity, Infinity, NaN, 0, -1, 2]);

export const elementwiseCases: CaseTable<keyof typeof elementwiseOps | 'ReluGrad' | 'ClipGrad' | 'Detach'> = {
  ...activationCases,
  Detach: { noGradient: 'stops gradients', forward: unary(any) },
  Identity: unary(any),
  Exp: unary(any),
  Log: unary(positive),
  Sqrt: unary(positive),
  Reciprocal: unary(nonzero),
  Neg: unary(any),
  Abs: unary(nonzero),
  Erf: [...unary(any), { name: 'tails', inputs: [values([4], [-4, -2, 2.5, 5])], attributes: {} }],
  Sin: unary(any),
  Cos: unary(any),
  Floor: step,
  Ceil: step,
  Round: step,
  Sign: step,
  Cast: [
    { name: 'float32 to float32', inputs: [any([2, 3])], attributes: { to: 'float32' } },
    { name: 'float32 to float64', inputs: [any([2, 3])], attributes: { to: 'float64' } },
    { name: 'int64 to float32', inputs: [integers([3], [-2, 0, 7])], attributes: { to: 'float32' }, forwardOnly: true },
    { name: 'bool to float32', inputs: [booleans([2, 3])], attributes: { to: 'float32' }, forwardOnly: true },
    { name: 'float32 to int64', inputs: [distinct([11])], attributes: { to: 'int64' }, forwardOnly: true },
    { name: 'float32 to bool', inputs: [repeated([7])], attributes: { to: 'bool' }, forwardOnly: true },
  ],
  Add: binary(any),
  Sub: binary(any),
  Mul: binary(any),
  Div: binary(any, nonzero),
  Pow: [
    ...binary(positive, any),
    {
      name: 'negative bases, whole exponents',
      inputs: [nonzero([5]), { ...values([5], [2, 3, -1, 0, 1]), constant: true }],
      attributes: {},
    },
    {
      name: 'integer exponents',
      inputs: [nonzero([4]), integers([4], [3, 2, -2, 0])],
      attributes: {},
    },
    { name: 'integer exponent repeats', inputs: [nonzero([2, 3]), integers([], [3])], attributes: {} },
    {
      name: 'base 0',
      inputs: [{ ...values([4], [0, 0, 0, 0]), constant: true }, values([4], [2, 1, 3, 0.5])],
      attributes: {},
    },
  ],
  Mod: [
    // No quotient is near a whole number.
    {
      name: 'floats of both signs',
      inputs: [values([4], [5.3, -5.3, 5.3, -5.3]), values([4], [2, 2, -2, -2])],
      attributes: { fmod: 1 },
    },
    {
      name: 'repeated divisor',
      inputs: [values([2, 2], [1.5, 2.25, -3.6, 0.25]), values([], [0.7])],
      attributes: { fmod: 1 },
    },
    ...[0, 1].map((fmod) => ({
      name: `integers, fmod ${fmod}`,
      inputs: [integers([6], [7, -7, 7, -7, 6, -6]), integers([6], [3, 3, -3, -3, 3, -3])],
      attributes: { fmod },
      forwardOnly: true as const,
    })),
  ],
  Max: selected,
  Min: selected,
  Sum: variadic(any),
  Mean: variadic(any),
  Equal: comparison,
  Greater: comparison,
  GreaterOrEqual: comparison,
  Less: comparison,
  LessOrEqual: comparison,
  And: logical,
  Or: logical,
  Xor: logical,
  Not: { noGradient: 'no floats', forward: unary(booleans) },
  IsNaN: { noGradient: 'piecewise constant', forward: [{ name: 'unusual values', inputs: [unusual], attributes: {} }] },
  IsInf: {
    noGradient: 'piecewise constant',
    forward: [0, 1].flatMap((detect_negative) =>
      [0, 1].map((detect_positive) => ({
        name: `negative ${detect_negative}, positive ${detect_positive}`,
        inputs: [unusual],
        attributes: { detect_negative, detect_positive },
      })),
    ),
  },
  Where: [
    ...broadcastPairs.map(([name, a, b]) => ({
      name: `values: ${name}`,
      inputs: [booleans(b), any(a), any(b)],
      attributes: {},
    })),
    { name: 'condition repeats', inputs: [booleans([3, 1]), any([2, 3, 4]), any([4])], attributes: {} },
    { name: 'condition is larger', inputs: [booleans([2, 3, 4]), any([4]), any([])], attributes: {} },
  ],
};
