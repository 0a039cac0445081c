import { normalizeAxis, sizeOf } from '../../core/shape.ts';
import { staticShapeOf, type Value } from '../../graph/builder.ts';
import {
  div,
  equal,
  exp,
  expand,
  greater,
  mul,
  reduceSum,
  reshape,
  scalar,
  sub,
  where,
} from '../../graph/functions.ts';
import type { reductionsOps } from '../../graph/ops/reductions.ts';
import type { GradientContext, GradientRule, GradientRules } from '../rule.ts';
import { mask, signOf } from './masks.ts';

type Reduction = Extract<keyof typeof reductionsOps, `Reduce${string}`>;

/** Input shape with reduced axes as 1. */
function keptShape(c: GradientContext<Reduction>): readonly number[] {
  const shape = staticShapeOf(c.input(0));
  const axes = new Set(c.attributes.axes.map((axis) => normalizeAxis(axis, shape.length, c.where)));
  return shape.map((dim, axis) => (axes.has(axis) ? 1 : dim));
}

/** The reduced value's gradient, repeated to the input's shape. */
const repeated = (c: GradientContext<Reduction>, g: Value): Value =>
  expand(c.b, reshape(c.b, g, keptShape(c)), staticShapeOf(c.input(0)));

/** Rule from g and the output y, both with the reduced axes as 1, and the input x to ∂L/∂x; y is emitted if it is asked for. */
const kept =
  <K extends Reduction>(rule: (c: GradientContext<K>, g: Value, x: Value, y: () => Value) => Value): GradientRule<K> =>
  (c) => {
    const shape = keptShape(c);
    return [rule(c, reshape(c.b, c.grad(), shape), c.input(0), () => reshape(c.b, c.output(0), shape))];
  };

/** Shared equally by the elements that attain the extremum, as PyTorch's amax and amin do. */
const extremum = kept<'ReduceMax' | 'ReduceMin'>((c, g, x, y) => {
  const attained = mask(c.b, equal(c.b, x, y()));
  const ties = reduceSum(c.b, attained, c.attributes.axes, { keepdims: true });
  return mul(c.b, attained, div(c.b, g, ties));
});

/** a/b, and 0 where b = 0. */
const quotient = (c: GradientContext, a: Value, b: Value): Value => where(c.b, equal(c.b, b, 0), 0, div(c.b, a, b));

const index = { noGradient: 'an index is constant almost everywhere' } as const;

export const reductionRules: GradientRules<keyof typeof reductionsOps> = {
  ReduceSum: (c) => [repeated(c, c.grad())],
  ReduceMean: (c) => {
    const count = sizeOf(staticShapeOf(c.input(0))) / sizeOf(staticShapeOf(c.output(0)));
    return [repeated(c, mul(c.b, c.grad(), 1 / count))];
  },
  ReduceMax: extremum,
  ReduceMin: extremum,
  // The product of the other elements: with zeros taken as 1 in the product p, that is p/x where no other element is 0, else 0.
  ReduceProd: kept((c, g, x) => {
    const { axes } = c.attributes;
    const zero = equal(c.b, x, 0);
    const factors = where(c.b, zero, 1, x);
    const p = c.b.op('ReduceProd', [factors], { axes, keepdims: 1 });
    const zeros = mask(c.b, zero);
    const others = sub(c.b, reduceSum(c.b, zeros, axes, { keepdims: true }), zeros);
    return mul(c.b, g, where(c.b, greater(c.b, others, 0), 0, div(c.b, p, factors)));
  }),
  ReduceL1: kept((c, g, x) => mul(c.b, g, signOf(c.b, x))),
  // x/‖x‖; 0, one of the subgradients, for the zero vector.
  ReduceL2: kept((c, g, x, y) => mul(c.b, x, quotient(c, g, y()))),
  ReduceSumSquare: kept((c, g, x) => mul(c.b, mul(c.b, g, 2), x)),
  // 1/Σx = e^(−y)
  ReduceLogSum: kept((c, g, x, y) => expand(c.b, div(c.b, g, exp(c.b, y())), staticShapeOf(x))),
  // softmax(x) = e^(x − y)
  ReduceLogSumExp: kept((c, g, x, y) => mul(c.b, g, exp(c.b, sub(c.b, x, y())))),
  // Each entry is in the sums from it on: running sums the other way.
  CumSum: (c) => [
    c.b.op('CumSum', [c.grad(), c.input(1)], { ...c.attributes, reverse: 1 - c.attributes.reverse }),
    undefined,
  ],
  ArgMax: index,
  ArgMin: index,
  // To the places that the values came from; they are different, so nothing is summed.
  TopK: (c) => {
    const nowhere = expand(c.b, scalar(c.b, 0), staticShapeOf(c.input(0)));
    const { axis } = c.attributes;
    return [c.b.op('ScatterElements', [nowhere, c.output(1), c.grad()], { axis, reduction: 'none' })];
  },
  // dx = y ∘ (g − Σ g∘y)
  Softmax: (c) => {
    const [g, y] = [c.grad(), c.output(0)];
    const projected = reduceSum(c.b, mul(c.b, g, y), [c.attributes.axis], { keepdims: true });
    return [mul(c.b, y, sub(c.b, g, projected))];
  },
  // dx = g − softmax(x)·Σ g
  LogSoftmax: (c) => {
    const g = c.grad();
    const total = reduceSum(c.b, g, [c.attributes.axis], { keepdims: true });
    return [sub(c.b, g, mul(c.b, exp(c.b, c.output(0)), total))];
  },
  Hardmax: { noGradient: 'the derivative of a step function is zero almost everywhere', stops: true },
  // With n = ‖x‖ₚ: (g − ∂n/∂x·Σ g∘y)/n, where ∂n/∂x is y for p = 2 and the sign of x for p = 1; 0 for the zero vector.
  LpNormalization: (c) => {
    const { axis, p } = c.attributes;
    const [g, x, y] = [c.grad(), c.input(0), c.output(0)];
    const norm = c.b.op(p === 1 ? 'ReduceL1' : 'ReduceL2', [x], { axes: [axis], keepdims: 1 });
    const along = reduceSum(c.b, mul(c.b, g, y), [axis], { keepdims: true });
    const direction = p === 1 ? signOf(c.b, x) : y;
    return [quotient(c, sub(c.b, g, mul(c.b, direction, along)), norm)];
  },
};
