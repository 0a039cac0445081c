import type { HostTensor } from '../../core/tensor.ts';
import type { Value } from '../../graph/builder.ts';
import { add, cast, cos, div, equal, exp, less, log, mul, neg, pow, sin, sub, where } from '../../graph/functions.ts';
import type { elementwiseOps } from '../../graph/ops/elementwise.ts';
import { when, type GradientContext, type GradientRule, type GradientRules } from '../rule.ts';
import { activationRules } from './activations.ts';
import { mask, signOf } from './masks.ts';

type Unary = 'Exp' | 'Log' | 'Sqrt' | 'Reciprocal' | 'Neg' | 'Abs' | 'Erf' | 'Sin' | 'Cos';

/** One-input rule from g = ∂L/∂y, the input x and the output y to ∂L/∂x. */
const unary =
  <K extends Unary>(rule: (c: GradientContext<K>, g: Value, x: Value, y: Value) => Value): GradientRule<K> =>
  (c) => [rule(c, c.grad(), c.input(0), c.output(0))];

const forEach = (c: GradientContext, gradient: (index: number) => Value): readonly (Value | undefined)[] =>
  Array.from({ length: c.count }, (_, index) => when(c, index, () => gradient(index)));

/** To the operands that attain the extremum, in equal parts: PyTorch's subgradient of maximum and minimum. */
function selection(c: GradientContext<'Max' | 'Min'>): readonly (Value | undefined)[] {
  const attained = Array.from({ length: c.count }, (_, index) => mask(c.b, equal(c.b, c.input(index), c.output(0))));
  const part = div(
    c.b,
    c.grad(),
    attained.reduce((count, one) => add(c.b, count, one)),
  );
  return forEach(c, (index) => mul(c.b, part, attained[index] ?? 0));
}

const only = (constant: HostTensor | undefined): number | undefined =>
  constant?.data.length === 1 ? Number(constant.data[0]) : undefined;

/** ∂xᵉ/∂x = e·xᵉ⁻¹, and 0 for e = 0 even at x = 0. A constant exponent needs no test for that. */
function powerByBase(c: GradientContext<'Pow'>): Value {
  const [g, x] = [c.grad(), c.input(0)];
  const known = only(c.constant(1));
  if (known === 1) return g;
  if (known === 2) return mul(c.b, g, mul(c.b, x, 2));
  if (known !== undefined && known !== 0) return mul(c.b, mul(c.b, g, known), pow(c.b, x, known - 1));
  const given = c.input(1);
  const e = given.type.dtype === x.type.dtype ? given : cast(c.b, given, x.type.dtype);
  return where(c.b, equal(c.b, e, 0), 0, mul(c.b, mul(c.b, g, e), pow(c.b, x, sub(c.b, e, 1))));
}

/** ∂xᵉ/∂e = xᵉ·log x, and 0 for x = 0 unless e < 0; not a number for x < 0. */
function powerByExponent(c: GradientContext<'Pow'>): Value {
  const [x, e] = [c.input(0), c.input(1)];
  const base = c.constant(0);
  const harmless = base !== undefined && base.data.every((value: number | bigint) => Number(value) !== 0);
  const guarded = (): Value => where(c.b, equal(c.b, x, 0), where(c.b, less(c.b, e, 0), x, 1), x);
  return mul(c.b, c.grad(), mul(c.b, c.output(0), log(c.b, harmless ? x : guarded())));
}

const truth = { noGradient: 'a truth value is constant almost everywhere' } as const;
const step = { noGradient: 'the derivative of a step function is zero almost everywhere', stops: true } as const;

export const elementwiseRules: GradientRules<keyof typeof elementwiseOps | 'Detach' | 'ClipGrad'> = {
  ...activationRules,
  Identity: (c) => [c.grad()],
  Exp: unary((c, g, _x, y) => mul(c.b, g, y)),
  Log: unary((c, g, x) => div(c.b, g, x)),
  Sqrt: unary((c, g, _x, y) => div(c.b, mul(c.b, g, 0.5), y)),
  // d(1/x) = −1/x²
  Reciprocal: unary((c, g, _x, y) => neg(c.b, mul(c.b, g, mul(c.b, y, y)))),
  Neg: unary((c, g) => neg(c.b, g)),
  Abs: unary((c, g, x) => mul(c.b, g, signOf(c.b, x))),
  // 2/√π·e^(−x²)
  Erf: unary((c, g, x) => mul(c.b, mul(c.b, g, 2 / Math.sqrt(Math.PI)), exp(c.b, neg(c.b, mul(c.b, x, x))))),
  Sin: unary((c, g, x) => mul(c.b, g, cos(c.b, x))),
  Cos: unary((c, g, x) => neg(c.b, mul(c.b, g, sin(c.b, x)))),
  Floor: step,
  Ceil: step,
  Round: step,
  Sign: step,
  Cast: (c) => [cast(c.b, c.grad(), c.input(0).type.dtype)],
  Add: (c) => [c.grad(), c.grad()],
  Sub: (c) => [c.grad(), when(c, 1, () => neg(c.b, c.grad()))],
  Mul: (c) => [when(c, 0, () => mul(c.b, c.grad(), c.input(1))), when(c, 1, () => mul(c.b, c.grad(), c.input(0)))],
  // d(a/b) = da/b − (a/b)/b·db
  Div: (c) => [
    when(c, 0, () => div(c.b, c.grad(), c.input(1))),
    when(c, 1, () => neg(c.b, div(c.b, mul(c.b, c.grad(), c.output(0)), c.input(1)))),
  ],
  Pow: (c) => [when(c, 0, () => powerByBase(c)), when(c, 1, () => powerByExponent(c))],
  // y = a − n·b with the whole number n = (a − y)/b
  Mod: (c) => [c.grad(), when(c, 1, () => mul(c.b, c.grad(), div(c.b, sub(c.b, c.output(0), c.input(0)), c.input(1))))],
  Max: selection,
  Min: selection,
  Sum: (c) => forEach(c, () => c.grad()),
  Mean: (c) => {
    const part = div(c.b, c.grad(), c.count);
    return forEach(c, () => part);
  },
  Detach: { noGradient: 'the sweep stops at it', stops: true },
  ClipGrad: { noGradient: 'it is a gradient itself, and second derivatives are not offered' },
  Equal: truth,
  Greater: truth,
  GreaterOrEqual: truth,
  Less: truth,
  LessOrEqual: truth,
  And: truth,
  Or: truth,
  Xor: truth,
  Not: truth,
  IsNaN: truth,
  IsInf: truth,
  Where: (c) => [
    undefined,
    when(c, 1, () => where(c.b, c.input(0), c.grad(), 0)),
    when(c, 2, () => where(c.b, c.input(0), 0, c.grad())),
  ],
};
