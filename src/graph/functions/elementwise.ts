import { float32, type DType, type HostTensor } from '../../core/tensor.ts';
import type { Builder, Value } from '../builder.ts';

const scalars = new Map<number | '-0', HostTensor<'float32'>>();

/** A float32 scalar constant; equal numbers share one initializer per graph. */
export function scalar(b: Builder, value: number): Value {
  // A Map takes 0 and −0 for the same key.
  const key = Object.is(value, -0) ? '-0' : value;
  let shared = scalars.get(key);
  if (shared === undefined) {
    shared = float32([], [value]);
    scalars.set(key, shared);
  }
  return b.constant(shared, 'scalar');
}

/** A value, or a number that stands for a scalar constant. */
export type Operand = Value | number;
/** A value, or a number as a scalar constant. */
export const operand = (b: Builder, value: Operand): Value => (typeof value === 'number' ? scalar(b, value) : value);

/** a + b, broadcast; a number becomes a scalar constant. */
export const add = (b: Builder, x: Operand, y: Operand): Value => b.op('Add', [operand(b, x), operand(b, y)], {});
/** a − b, broadcast. */
export const sub = (b: Builder, x: Operand, y: Operand): Value => b.op('Sub', [operand(b, x), operand(b, y)], {});
/** a·b element by element, broadcast. */
export const mul = (b: Builder, x: Operand, y: Operand): Value => b.op('Mul', [operand(b, x), operand(b, y)], {});
/** a/b element by element, broadcast. */
export const div = (b: Builder, x: Operand, y: Operand): Value => b.op('Div', [operand(b, x), operand(b, y)], {});
/** The larger of a and b element by element, broadcast. */
export const maximum = (b: Builder, x: Operand, y: Operand): Value => b.op('Max', [operand(b, x), operand(b, y)], {});
/** The smaller of a and b element by element, broadcast. */
export const minimum = (b: Builder, x: Operand, y: Operand): Value => b.op('Min', [operand(b, x), operand(b, y)], {});
/** a > b element by element, broadcast; booleans. */
export const greater = (b: Builder, x: Operand, y: Operand): Value =>
  b.op('Greater', [operand(b, x), operand(b, y)], {});
/** a < b element by element, broadcast; booleans. */
export const less = (b: Builder, x: Operand, y: Operand): Value => b.op('Less', [operand(b, x), operand(b, y)], {});
/** a = b element by element, broadcast; booleans. */
export const equal = (b: Builder, x: Operand, y: Operand): Value => b.op('Equal', [operand(b, x), operand(b, y)], {});
/** x where the condition holds, y elsewhere; broadcast. */
export const where = (b: Builder, condition: Value, x: Operand, y: Operand): Value =>
  b.op('Where', [condition, operand(b, x), operand(b, y)], {});
/** aᵉ element by element, broadcast. A negative base gives a number only with whole exponents. */
export const pow = (b: Builder, base: Operand, exponent: Operand): Value =>
  b.op('Pow', [operand(b, base), operand(b, exponent)], {});
/** eˣ element by element. */
export const exp = (b: Builder, x: Value): Value => b.op('Exp', [x], {});
/** Natural logarithm, element by element. */
export const log = (b: Builder, x: Value): Value => b.op('Log', [x], {});
/** √x element by element. */
export const sqrt = (b: Builder, x: Value): Value => b.op('Sqrt', [x], {});
/** 1/x element by element. */
export const reciprocal = (b: Builder, x: Value): Value => b.op('Reciprocal', [x], {});
/** |x| element by element. */
export const abs = (b: Builder, x: Value): Value => b.op('Abs', [x], {});
/** erf x = 2/√π·∫₀ˣ e^(−t²) dt, element by element. */
export const erf = (b: Builder, x: Value): Value => b.op('Erf', [x], {});
/** sin x element by element; x in radians. */
export const sin = (b: Builder, x: Value): Value => b.op('Sin', [x], {});
/** cos x element by element; x in radians. */
export const cos = (b: Builder, x: Value): Value => b.op('Cos', [x], {});
/** x, through which no gradient flows back. */
export const detach = (b: Builder, x: Value): Value => b.op('Detach', [x], {});
/** A scalar as it is, whose gradient to x is g (of x's shape) besides what flows back through the value. */
export const givenGradient = (b: Builder, value: Value, x: Value, g: Value): Value =>
  b.op('GivenGradient', [value, x, g], {});
/** −x element by element. */
export const neg = (b: Builder, x: Value): Value => b.op('Neg', [x], {});
/** The elements as another type. */
export const cast = (b: Builder, x: Value, to: DType): Value => b.op('Cast', [x], { to });
