import { normalizeAxis, sizeOf } from '../../core/shape.ts';
import { staticShapeOf, type Value } from '../../graph/builder.ts';
import { cast, div, exp, expand, mul, reduceSum, reshape, scalar, sub } from '../../graph/functions.ts';
import type { GradientContext, GradientRules } from '../rule.ts';

type Reduction = GradientContext<'ReduceSum' | 'ReduceMean' | 'ReduceMax'>;

/** Input shape with reduced axes as 1. */
function keptShape(c: Reduction): readonly number[] {
  const shape = staticShapeOf(c.input(0));
  const axes = new Set(c.attributes.axes.map((axis) => normalizeAxis(axis, shape.length, c.where)));
  return shape.map((dim, axis) => (axes.has(axis) ? 1 : dim));
}

/** The reduced value's gradient, repeated to the input's shape. */
const repeated = (c: Reduction, g: Value): Value =>
  expand(c.b, reshape(c.b, g, keptShape(c)), staticShapeOf(c.input(0)));

export const reductionRules: GradientRules<
  'ReduceSum' | 'ReduceMean' | 'ReduceMax' | 'ArgMax' | 'TopK' | 'Softmax' | 'LogSoftmax'
> = {
  ReduceSum: (c) => [repeated(c, c.grad())],
  ReduceMean: (c) => {
    const count = sizeOf(staticShapeOf(c.input(0))) / sizeOf(staticShapeOf(c.output(0)));
    return [repeated(c, mul(c.b, c.grad(), 1 / count))];
  },
  // Shared equally by the elements that attain the maximum.
  ReduceMax: (c) => {
    const kept = keptShape(c);
    const attained = cast(c.b, c.b.op('Equal', [c.input(0), reshape(c.b, c.output(0), kept)], {}), 'float32');
    const ties = reduceSum(c.b, attained, c.attributes.axes, { keepdims: true });
    return [mul(c.b, attained, div(c.b, reshape(c.b, c.grad(), kept), ties))];
  },
  ArgMax: { noGradient: 'an index is constant almost everywhere' },
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
};
