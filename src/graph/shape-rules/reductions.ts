import { inputError } from '../../core/errors.ts';
import { formatShape, normalizeAxis, type Shape } from '../../core/shape.ts';
import type { TensorType } from '../graph.ts';
import type { reductionsOps } from '../ops/reductions.ts';
import { at, exactly, expectDtype, of, type ShapeContext, type ShapeRules } from './context.ts';

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
const alongAxis = (context: ShapeContext<'Softmax' | 'LpNormalization'>): readonly TensorType[] => {
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

const indexOf = (c: ShapeContext<'ArgMax'>): readonly TensorType[] => [
  of('int64', reduced(c.input(0).shape, [c.attributes.axis], c.attributes.keepdims, c.where)),
];

const cumSum = (c: ShapeContext<'CumSum'>): readonly TensorType[] => {
  const axis = c.input(1);
  expectDtype(axis, ['int32', 'int64'], 'the axis', c.where);
  if (axis.shape.length > 1 || (axis.shape.length === 1 && axis.shape[0] !== 1)) {
    throw inputError('the axis must be a scalar', { where: c.where, received: formatShape(axis.shape) });
  }
  return [c.input(0)];
};

const lpNormalization = (c: ShapeContext<'LpNormalization'>): readonly TensorType[] => {
  const { p } = c.attributes;
  if (p !== 1 && p !== 2) {
    throw inputError('no such norm', { where: c.where, expected: 'p 1 or 2', received: String(p) });
  }
  return alongAxis(c);
};

export const reductionShapes: ShapeRules<keyof typeof reductionsOps> = {
  ReduceSum: reduce,
  ReduceMean: reduce,
  ReduceMax: reduce,
  ReduceMin: reduce,
  ReduceProd: reduce,
  ReduceL1: reduce,
  ReduceL2: reduce,
  ReduceSumSquare: reduce,
  ReduceLogSum: reduce,
  ReduceLogSumExp: reduce,
  CumSum: cumSum,
  ArgMax: indexOf,
  ArgMin: indexOf,
  TopK: topK,
  Softmax: alongAxis,
  LogSoftmax: alongAxis,
  Hardmax: alongAxis,
  LpNormalization: lpNormalization,
};
