import { inputError } from '../../core/errors.ts';
import { broadcastShapes, formatShape, sameShape, type Shape } from '../../core/shape.ts';
import type { TensorType } from '../graph.ts';
import type { Op } from '../ops.ts';
import type { elementwiseOps } from '../ops/elementwise.ts';
import { type ShapeContext, type ShapeRules, of, like, expectDtype, broadcast } from './context.ts';

type Types = readonly TensorType[];

const elementwise = (context: ShapeContext<Op>): Types => [broadcast(context)];
const comparison = (context: ShapeContext<Op>): Types => [of('bool', broadcast(context).shape)];
const test = (context: ShapeContext<Op>): Types => [of('bool', context.input(0).shape)];

const logical = (context: ShapeContext<Op>): Types => {
  for (let index = 0; index < context.count; index++) {
    expectDtype(context.input(index), ['bool'], 'an operand', context.where);
  }
  return [context.count === 1 ? context.input(0) : broadcast(context)];
};

const variadic = (context: ShapeContext<Op>): Types => {
  let result = context.input(0);
  for (let index = 1; index < context.count; index++) result = broadcast(context, result, context.input(index));
  return [result];
};

const isScalar = (shape: Shape): boolean => shape.length === 0 || (shape.length === 1 && shape[0] === 1);

const clip = (context: ShapeContext<'Clip'>): Types => {
  const x = context.input(0);
  for (const bound of [context.optional(1), context.optional(2)]) {
    if (bound === undefined) continue;
    expectDtype(bound, [x.dtype], 'a bound', context.where);
    if (!isScalar(bound.shape)) {
      throw inputError('a bound must be a scalar', { where: context.where, received: formatShape(bound.shape) });
    }
  }
  return [x];
};

/** Slopes repeat over x, never x over slopes. */
const prelu = (context: ShapeContext<'PRelu'>): Types => {
  const [x, slope] = [context.input(0), context.input(1)];
  const { shape } = broadcast(context);
  if (!sameShape(shape, x.shape)) {
    throw inputError('the slopes do not broadcast to x', {
      where: context.where,
      expected: `a shape that repeats to ${formatShape(x.shape)}`,
      received: formatShape(slope.shape),
    });
  }
  return [x];
};

const mod = (context: ShapeContext<'Mod'>): Types => {
  const result = broadcast(context);
  if (result.dtype.includes('float') && context.attributes.fmod !== 1) {
    throw inputError('the remainder of floats must be of the dividend’s sign', {
      where: context.where,
      expected: 'fmod 1',
      received: `fmod ${context.attributes.fmod}`,
    });
  }
  return [result];
};

export const elementwiseShapes: ShapeRules<keyof typeof elementwiseOps | 'Detach' | 'ClipGrad'> = {
  Identity: like,
  Detach: like,
  ClipGrad: like,
  Exp: like,
  Log: like,
  Sqrt: like,
  Reciprocal: like,
  Neg: like,
  Abs: like,
  Erf: like,
  Sin: like,
  Cos: like,
  Floor: like,
  Ceil: like,
  Round: like,
  Sign: like,
  Cast: (c) => [of(c.attributes.to, c.input(0).shape)],
  Relu: like,
  Clip: clip,
  LeakyRelu: like,
  PRelu: prelu,
  ThresholdedRelu: like,
  Elu: like,
  Selu: like,
  Celu: like,
  Sigmoid: like,
  HardSigmoid: like,
  HardSwish: like,
  Mish: like,
  Softplus: like,
  Softsign: like,
  Tanh: like,
  Add: elementwise,
  Sub: elementwise,
  Mul: elementwise,
  Div: elementwise,
  // The exponent may be of another element type; the power is of the base's.
  Pow: (c) => [of(c.input(0).dtype, broadcastShapes(c.input(0).shape, c.input(1).shape, c.where))],
  Mod: mod,
  Max: variadic,
  Min: variadic,
  Sum: variadic,
  Mean: variadic,
  Equal: comparison,
  Greater: comparison,
  GreaterOrEqual: comparison,
  Less: comparison,
  LessOrEqual: comparison,
  And: logical,
  Or: logical,
  Xor: logical,
  Not: logical,
  IsNaN: test,
  IsInf: test,
  Where: (c) => {
    expectDtype(c.input(0), ['bool'], 'the condition', c.where);
    const values = broadcast(c, c.input(1), c.input(2));
    return [of(values.dtype, broadcastShapes(c.input(0).shape, values.shape, c.where))];
  },
};
