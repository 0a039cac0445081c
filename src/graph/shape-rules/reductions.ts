import { normalizeAxis, type Shape } from '../../core/shape.ts';
import type { TensorType } from '../graph.ts';
import { type ShapeContext, type ShapeRules, of } from './context.ts';

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

export const reductionShapes: ShapeRules<
  'ReduceSum' | 'ReduceMean' | 'ReduceMax' | 'ArgMax' | 'Softmax' | 'LogSoftmax'
> = {
  ReduceSum: reduce,
  ReduceMean: reduce,
  ReduceMax: reduce,
  ArgMax: (c) => [of('int64', reduced(c.input(0).shape, [c.attributes.axis], c.attributes.keepdims, c.where))],
  Softmax: alongAxis,
  LogSoftmax: alongAxis,
};
