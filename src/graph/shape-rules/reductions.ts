import { inputError } from '../../core/errors.ts';
import { normalizeAxis, type Shape } from '../../core/shape.ts';
import type { TensorType } from '../graph.ts';
import { at, exactly, of, type ShapeContext, type ShapeRules } from './context.ts';

function reduced(shape: Shape, axes: readonly number[], keepdims: number, where: string): Shape {
  const removed = new Set(axes.map((axis) => normalizeAxis(axis, shape.length, where)));
  return shape.flatMap((dim, axis) => (removed.has(axis) ? (keepdims === 1 ? [1] : []) : [dim]));
}

const reduce = (context: ShapeContext<'ReduceSum'>): readonly TensorType[] => [
  of(
    context.input(0).dtype,
    reduced(context.input(0).shape, context.attributes.axes, context.attributes.keepdims, context.where),
  ),
];
const alongAxis = (context: ShapeContext<'Softmax'>): readonly TensorType[] => {
  normalizeAxis(context.attributes.axis, context.input(0).shape.length, context.where);
  return [context.input(0)];
};

const topK = (c: ShapeContext<'TopK'>): readonly TensorType[] => {
  const { dtype, shape } = c.input(0);
  const axis = normalizeAxis(c.attributes.axis, shape.length, c.where);
  exactly(1, c.attributes.k, 'k', c.where);
  const k = at(c.attributes.k, 0, 'k', c.where);
  const size = shape[axis];
  if (k < 1 || (typeof size === 'number' && k > size)) {
    throw inputError('k out of range', {
      where: c.where,
      expected: `1 to ${size ?? 0}, the entries along axis ${axis}`,
      received: String(k),
    });
  }
  const best = shape.map((dim, other) => (other === axis ? k : dim));
  return [of(dtype, best), of('int64', best)];
};

export const reductionShapes: ShapeRules<
  'ReduceSum' | 'ReduceMean' | 'ReduceMax' | 'ArgMax' | 'TopK' | 'Softmax' | 'LogSoftmax'
> = {
  ReduceSum: reduce,
  ReduceMean: reduce,
  ReduceMax: reduce,
  ArgMax: (c) => [of('int64', reduced(c.input(0).shape, [c.attributes.axis], c.attributes.keepdims, c.where))],
  TopK: topK,
  Softmax: alongAxis,
  LogSoftmax: alongAxis,
};
