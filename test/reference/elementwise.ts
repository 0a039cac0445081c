import type { DType } from '../../src/core/tensor.ts';
import type { Op } from '../../src/graph/ops.ts';
import type { elementwiseOps } from '../../src/graph/ops/elementwise.ts';
import { activations } from './activations.ts';
import { atBroadcast, generate, type EvaluateContext, type EvaluateTable, type NdArray } from './array.ts';
import { binary, broadcastShape, unary } from './maps.ts';

function castTo(to: DType): (x: number) => number {
  if (to === 'bool') return (x) => (x === 0 ? 0 : 1);
  return to.includes('float') ? (x) => x : Math.trunc;
}

/** Any number of operands, folded in order. */
const variadic =
  (fold: (values: readonly number[]) => number) =>
  ({ inputs }: Pick<EvaluateContext<Op>, 'inputs'>): readonly NdArray[] => {
    const operands = inputs.filter((operand) => operand !== undefined);
    return [generate(broadcastShape(...operands), (index) => fold(operands.map((x) => atBroadcast(x, index))))];
  };

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const truth = (value: boolean): number => (value ? 1 : 0);

/** 2/√π·e^(−x²)·Σ 2ⁿx²ⁿ⁺¹/(2n + 1)!!: all terms have one sign, so nothing cancels; 1 − erf 6 < 3e-17. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, total] = [x, x];
  for (let n = 1; n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}

/** To the nearest integer, halves to the even one. */
function roundHalfToEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

export const elementwise: EvaluateTable<
  keyof typeof elementwiseOps | 'ReluGrad' | 'ClipGrad' | 'Detach' | 'GivenGradient' | 'Recompute'
> = {
  ...activations,
  Detach: unary((x) => x),
  GivenGradient: unary((value) => value),
  Recompute: unary((x) => x),
  Identity: unary((x) => x),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Sqrt: unary(Math.sqrt),
  Reciprocal: unary((x) => 1 / x),
  Neg: unary((x) => -x),
  Abs: unary(Math.abs),
  Erf: unary(erf),
  Sin: unary(Math.sin),
  Cos: unary(Math.cos),
  Floor: unary(Math.floor),
  Ceil: unary(Math.ceil),
  Round: unary(roundHalfToEven),
  Sign: unary(Math.sign),
  Cast: ({ input, attributes }) => unary(castTo(attributes.to))({ input }),
  Add: binary((a, b) => a + b),
  Sub: binary((a, b) => a - b),
  Mul: binary((a, b) => a * b),
  Div: binary((a, b) => a / b),
  Pow: binary(Math.pow),
  Mod: ({ input, attributes: { fmod } }) =>
    binary((a, b) => (fmod === 1 ? a % b : a - b * Math.floor(a / b)))({ input }),
  Max: variadic((values) => Math.max(...values)),
  Min: variadic((values) => Math.min(...values)),
  Sum: variadic(sum),
  Mean: variadic((values) => sum(values) / values.length),
  Equal: binary((a, b) => truth(a === b)),
  Greater: binary((a, b) => truth(a > b)),
  GreaterOrEqual: binary((a, b) => truth(a >= b)),
  Less: binary((a, b) => truth(a < b)),
  LessOrEqual: binary((a, b) => truth(a <= b)),
  And: binary((a, b) => truth(a !== 0 && b !== 0)),
  Or: binary((a, b) => truth(a !== 0 || b !== 0)),
  Xor: binary((a, b) => truth(a !== b)),
  Not: unary((a) => truth(a === 0)),
  IsNaN: unary((x) => truth(Number.isNaN(x))),
  IsInf: ({ input, attributes: { detect_negative, detect_positive } }) =>
    unary((x) => truth((x === Infinity && detect_positive === 1) || (x === -Infinity && detect_negative === 1)))({
      input,
    }),
  Where: ({ input }) => {
    const [condition, a, b] = [input(0), input(1), input(2)];
    return [
      generate(broadcastShape(condition, a, b), (index) =>
        atBroadcast(atBroadcast(condition, index) === 0 ? b : a, index),
      ),
    ];
  },
};
