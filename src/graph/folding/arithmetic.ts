import { sizeOf, type StaticShape } from '../../core/shape.ts';
import type { DType } from '../../core/tensor.ts';
import type { Op } from '../ops.ts';
import { elementsOf, indexAt, isFoldType, offsetIn, tensorFrom, type Element, type FoldTensor } from './elements.ts';

/**
 * Operators that compute element by element, on elements of one type: bigints for integers and booleans, numbers for floats.
 * `undefined` is a result that ONNX does not define (a division of integers by zero): such a node is left to the runtime.
 */
export type ElementFunction = (
  operands: readonly Element[],
  attributes: Readonly<Record<string, unknown>>,
) => Element | undefined;

const unary =
  (int: ((x: bigint) => bigint) | undefined, float: (x: number) => number): ElementFunction =>
  ([x]) =>
    typeof x === 'bigint' ? int?.(x) : x === undefined ? undefined : float(x);

const binary =
  (
    int: (a: bigint, b: bigint) => bigint | undefined,
    float: (a: number, b: number) => number | undefined,
  ): ElementFunction =>
  ([a, b]) =>
    typeof a === 'bigint' && typeof b === 'bigint'
      ? int(a, b)
      : typeof a === 'number' && typeof b === 'number'
        ? float(a, b)
        : undefined;

const relation = (holds: (a: Element, b: Element) => boolean): ElementFunction => {
  const both = (a: Element, b: Element): bigint => (holds(a, b) ? 1n : 0n);
  return ([a, b]) => (a === undefined || b === undefined ? undefined : both(a, b));
};

const logical = (holds: (a: boolean, b: boolean) => boolean): ElementFunction =>
  relation((a, b) => holds(Number(a) !== 0, Number(b) !== 0));

const folded =
  (combine: ElementFunction): ElementFunction =>
  (operands, attributes) =>
    operands
      .slice(1)
      .reduce<Element | undefined>(
        (result, operand) => (result === undefined ? undefined : combine([result, operand], attributes)),
        operands[0],
      );

/** To the nearest integer, halves to the even one. */
function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  const above = x - low;
  if (above !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

function mod(a: bigint, b: bigint, fmod: boolean): bigint | undefined {
  if (b === 0n) return undefined;
  const remainder = a % b;
  return !fmod && remainder !== 0n && remainder < 0n !== b < 0n ? remainder + b : remainder;
}

/** The operators that are computed element by element. */
export const elementwise = {
  Identity: unary(
    (x) => x,
    (x) => x,
  ),
  Neg: unary(
    (x) => -x,
    (x) => -x,
  ),
  Abs: unary((x) => (x < 0n ? -x : x), Math.abs),
  Sign: unary((x) => (x > 0n ? 1n : x < 0n ? -1n : 0n), Math.sign),
  Floor: unary(undefined, Math.floor),
  Ceil: unary(undefined, Math.ceil),
  Round: unary(undefined, roundHalfEven),
  Sqrt: unary(undefined, Math.sqrt),
  Reciprocal: unary(undefined, (x) => 1 / x),
  // The result's type does the rest. A float that is no number has no integer.
  Cast: ([x]) => x,
  Add: binary(
    (a, b) => a + b,
    (a, b) => a + b,
  ),
  Sub: binary(
    (a, b) => a - b,
    (a, b) => a - b,
  ),
  Mul: binary(
    (a, b) => a * b,
    (a, b) => a * b,
  ),
  // Integers divide towards zero.
  Div: binary(
    (a, b) => (b === 0n ? undefined : a / b),
    (a, b) => a / b,
  ),
  Pow: binary(
    (a, b) => (b < 0n || b > 64n ? undefined : a ** b),
    (a, b) => a ** b,
  ),
  Mod: (operands, { fmod }) =>
    binary(
      (a, b) => mod(a, b, fmod === 1),
      (a, b) => (fmod === 1 ? a % b : undefined),
    )(operands, {}),
  Max: folded(binary((a, b) => (a > b ? a : b), Math.max)),
  Min: folded(binary((a, b) => (a < b ? a : b), Math.min)),
  Equal: relation((a, b) => a === b),
  Greater: relation((a, b) => a > b),
  GreaterOrEqual: relation((a, b) => a >= b),
  Less: relation((a, b) => a < b),
  LessOrEqual: relation((a, b) => a <= b),
  And: logical((a, b) => a && b),
  Or: logical((a, b) => a || b),
  Xor: logical((a, b) => a !== b),
  Not: ([x]) => (x === undefined ? undefined : Number(x) === 0 ? 1n : 0n),
  Where: ([condition, a, b]) => (condition === undefined ? undefined : Number(condition) === 0 ? b : a),
} as const satisfies { readonly [K in Op]?: ElementFunction };

/** An operator that is computed element by element. */
export type ElementwiseOp = keyof typeof elementwise;

export function isElementwise(op: Op): op is ElementwiseOp {
  return Object.hasOwn(elementwise, op);
}

/** Whether the element exists in the type: no integer is NaN or infinite, or as large as floats get. */
function representable(element: Element, dtype: DType): boolean {
  if (typeof element === 'bigint' || dtype === 'bool' || dtype.startsWith('float')) return true;
  return Math.abs(element) < (dtype === 'int64' ? 2 ** 63 : 2 ** 31);
}

/** The result of an elementwise operator on broadcast operands, `undefined` where one of its elements is not defined. */
export function computeElements(
  op: ElementwiseOp,
  operands: readonly FoldTensor[],
  attributes: Readonly<Record<string, unknown>>,
  type: { readonly dtype: DType; readonly shape: StaticShape },
): FoldTensor | undefined {
  const { dtype, shape } = type;
  if (!isFoldType(dtype)) return undefined;
  const compute: ElementFunction = elementwise[op];
  const values = operands.map(elementsOf);
  const result: Element[] = [];
  for (let offset = 0; offset < sizeOf(shape); offset++) {
    const index = indexAt(offset, shape);
    const given = operands.map(({ shape: own }, k) => values[k]?.[offsetIn(own, index)] ?? 0);
    const element = compute(given, attributes);
    if (element === undefined || !representable(element, dtype)) return undefined;
    result.push(element);
  }
  return tensorFrom(dtype, shape, result);
}
