import type { Value } from '../../graph/builder.ts';
import { abs, add, div, greater, less, mul, sigmoid, softplus, sub, tanh, where } from '../../graph/functions.ts';
import { when, type GradientContext, type GradientRule, type GradientRules } from '../rule.ts';
import { mask } from './masks.ts';

type Unary =
  | 'LeakyRelu'
  | 'ThresholdedRelu'
  | 'Elu'
  | 'Selu'
  | 'Celu'
  | 'Sigmoid'
  | 'HardSigmoid'
  | 'HardSwish'
  | 'Mish'
  | 'Softplus'
  | 'Softsign'
  | 'Tanh';

/** One-input rule from g = ∂L/∂y, the input x and the output y to ∂L/∂x. */
const unary =
  <K extends Unary>(rule: (c: GradientContext<K>, g: Value, x: Value, y: Value) => Value): GradientRule<K> =>
  (c) => [rule(c, c.grad(), c.input(0), c.output(0))];

/**
 * Where x > 0, for y of x's sign: asked of y, so that x need not be kept, unless a negative slope makes y lose the sign.
 */
const positive = (c: GradientContext<Unary>, alpha: number, x: Value, y: Value): Value =>
  greater(c.b, alpha >= 0 ? y : x, 0);

/** Activation functions. At a kink the gradient is the one-sided derivative that PyTorch 1.13 takes. */
export const activationRules: GradientRules<Unary | 'Relu' | 'Clip' | 'PRelu'> = {
  // The output's sign is the input's where it matters, so the pre-activation need not be kept.
  Relu: (c) => [c.b.op('ReluGrad', [c.grad(), c.output(0)], {})],
  // 1 strictly between the bounds and 0 at them, as of PyTorch's relu6 and hardtanh (its clamp passes gradients at the bounds).
  // A bound gets the gradient of what it replaced.
  Clip: (c) => {
    const [low, high] = [c.optional(1), c.optional(2)];
    const replaced = (condition: Value): Value => where(c.b, condition, c.grad(), 0);
    return [
      when(c, 0, () => c.b.op('ClipGrad', [c.grad(), c.output(0), low, high], {})),
      low === undefined ? undefined : when(c, 1, () => replaced(less(c.b, c.input(0), low))),
      high === undefined ? undefined : when(c, 2, () => replaced(greater(c.b, c.input(0), high))),
    ].slice(0, c.count);
  },
  LeakyRelu: unary((c, g, x, y) => {
    const { alpha } = c.attributes;
    return where(c.b, positive(c, alpha, x, y), g, mul(c.b, g, alpha));
  }),
  PRelu: (c) => {
    const g = c.grad();
    const above = greater(c.b, c.input(0), 0);
    return [
      when(c, 0, () => where(c.b, above, g, mul(c.b, g, c.input(1)))),
      when(c, 1, () => where(c.b, above, 0, mul(c.b, g, c.input(0)))),
    ];
  },
  ThresholdedRelu: unary((c, g, x) => mul(c.b, g, mask(c.b, greater(c.b, x, c.attributes.alpha)))),
  // y + α = α·eˣ
  Elu: unary((c, g, x, y) => {
    const { alpha } = c.attributes;
    return where(c.b, positive(c, alpha, x, y), g, mul(c.b, g, add(c.b, y, alpha)));
  }),
  // y + γα = γα·eˣ
  Selu: unary((c, g, x, y) => {
    const { alpha, gamma } = c.attributes;
    const above = gamma > 0 ? positive(c, alpha, x, y) : greater(c.b, x, 0);
    return mul(c.b, g, where(c.b, above, gamma, add(c.b, y, gamma * alpha)));
  }),
  // y/α + 1 = e^(x/α); y has the sign of x for either sign of α.
  Celu: unary((c, g, _x, y) =>
    where(c.b, greater(c.b, y, 0), g, mul(c.b, g, add(c.b, div(c.b, y, c.attributes.alpha), 1))),
  ),
  Sigmoid: unary((c, g, _x, y) => mul(c.b, g, mul(c.b, y, sub(c.b, 1, y)))),
  // Linear with slope alpha strictly between its clamps.
  HardSigmoid: unary((c, g, _x, y) => {
    const inside = mul(c.b, mask(c.b, greater(c.b, y, 0)), mask(c.b, greater(c.b, 1, y)));
    return mul(c.b, mul(c.b, g, c.attributes.alpha), inside);
  }),
  // x/3 + ½ between −3 and 3, at them too
  HardSwish: unary((c, g, x) => {
    const slope = where(c.b, greater(c.b, x, 3), 1, add(c.b, div(c.b, x, 3), 0.5));
    return mul(c.b, g, where(c.b, greater(c.b, -3, x), 0, slope));
  }),
  // With s the logistic function and t = tanh(log(1 + eˣ)): t + x·s·(1 − t²)
  Mish: unary((c, g, x) => {
    const t = tanh(c.b, softplus(c.b, x));
    const slope = mul(c.b, mul(c.b, x, sigmoid(c.b, x)), sub(c.b, 1, mul(c.b, t, t)));
    return mul(c.b, g, add(c.b, t, slope));
  }),
  Softplus: unary((c, g, x) => mul(c.b, g, sigmoid(c.b, x))),
  // 1/(1 + |x|)²
  Softsign: unary((c, g, x) => {
    const size = add(c.b, abs(c.b, x), 1);
    return div(c.b, g, mul(c.b, size, size));
  }),
  Tanh: unary((c, g, _x, y) => mul(c.b, g, sub(c.b, 1, mul(c.b, y, y)))),
};
