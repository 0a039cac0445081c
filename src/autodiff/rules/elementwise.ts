import type { Value } from '../../graph/builder.ts';
import { add, cast, div, greater, mul, neg, scalar, sub } from '../../graph/functions.ts';
import { when, type GradientContext, type GradientRule, type GradientRules } from '../rule.ts';

type Unary = 'Exp' | 'Log' | 'Sqrt' | 'Reciprocal' | 'Neg' | 'Abs' | 'Sigmoid' | 'Tanh' | 'HardSigmoid';
type Selection = GradientContext<'Max' | 'Min'>;

/** One-input rule from g = ∂L/∂y, the input x and the output y to ∂L/∂x. */
const unary =
  <K extends Unary>(rule: (c: GradientContext<K>, g: Value, x: Value, y: Value) => Value): GradientRule<K> =>
  (c) => [rule(c, c.grad(), c.input(0), c.output(0))];

/** 1 where a > b, ½ where equal (PyTorch's subgradient of maximum), else 0. */
function selects(c: Selection, a: Value, b: Value): Value {
  const equal = cast(c.b, c.b.op('Equal', [a, b], {}), 'float32');
  return add(c.b, cast(c.b, greater(c.b, a, b), 'float32'), mul(c.b, equal, 0.5));
}

const comparison = { noGradient: 'a comparison is constant almost everywhere' } as const;

export const elementwiseRules: GradientRules<
  | Unary
  | 'Identity'
  | 'Relu'
  | 'Cast'
  | 'Add'
  | 'Sub'
  | 'Mul'
  | 'Div'
  | 'Max'
  | 'Min'
  | 'Equal'
  | 'Greater'
  | 'Where'
  | 'Detach'
> = {
  Identity: (c) => [c.grad()],
  // The output's sign is the input's where it matters, so the pre-activation need not be kept.
  Relu: (c) => [c.b.op('ReluGrad', [c.grad(), c.output(0)], {})],
  Exp: unary((c, g, _x, y) => mul(c.b, g, y)),
  Log: unary((c, g, x) => div(c.b, g, x)),
  Sqrt: unary((c, g, _x, y) => div(c.b, mul(c.b, g, 0.5), y)),
  // d(1/x) = −1/x²
  Reciprocal: unary((c, g, _x, y) => neg(c.b, mul(c.b, g, mul(c.b, y, y)))),
  Neg: unary((c, g) => neg(c.b, g)),
  Abs: unary((c, g, x) =>
    mul(c.b, g, sub(c.b, cast(c.b, greater(c.b, x, 0), 'float32'), cast(c.b, greater(c.b, 0, x), 'float32'))),
  ),
  Sigmoid: unary((c, g, _x, y) => mul(c.b, g, mul(c.b, y, sub(c.b, 1, y)))),
  Tanh: unary((c, g, _x, y) => mul(c.b, g, sub(c.b, 1, mul(c.b, y, y)))),
  // Linear with slope alpha strictly between its clamps.
  HardSigmoid: unary((c, g, _x, y) => {
    const inside = mul(c.b, cast(c.b, greater(c.b, y, 0), 'float32'), cast(c.b, greater(c.b, 1, y), 'float32'));
    return mul(c.b, mul(c.b, g, c.attributes.alpha), inside);
  }),
  Cast: (c) => [cast(c.b, c.grad(), c.input(0).type.dtype)],
  Add: (c) => [c.grad(), c.grad()],
  Sub: (c) => [c.grad(), when(c, 1, () => neg(c.b, c.grad()))],
  Mul: (c) => [when(c, 0, () => mul(c.b, c.grad(), c.input(1))), when(c, 1, () => mul(c.b, c.grad(), c.input(0)))],
  // d(a/b) = da/b − (a/b)/b·db
  Div: (c) => [
    when(c, 0, () => div(c.b, c.grad(), c.input(1))),
    when(c, 1, () => neg(c.b, div(c.b, mul(c.b, c.grad(), c.output(0)), c.input(1)))),
  ],
  Max: (c) => [
    when(c, 0, () => mul(c.b, c.grad(), selects(c, c.input(0), c.input(1)))),
    when(c, 1, () => mul(c.b, c.grad(), selects(c, c.input(1), c.input(0)))),
  ],
  Min: (c) => [
    when(c, 0, () => mul(c.b, c.grad(), selects(c, c.input(1), c.input(0)))),
    when(c, 1, () => mul(c.b, c.grad(), selects(c, c.input(0), c.input(1)))),
  ],
  Detach: { noGradient: 'the sweep stops at it' },
  Equal: comparison,
  Greater: comparison,
  Where: (c) => [
    undefined,
    when(c, 1, () => c.b.op('Where', [c.input(0), c.grad(), scalar(c.b, 0)], {})),
    when(c, 2, () => c.b.op('Where', [c.input(0), scalar(c.b, 0), c.grad()], {})),
  ],
};
