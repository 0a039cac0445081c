import { broadcastShapes } from '../../core/shape.ts';
import type { TensorType } from '../graph.ts';
import type { Op } from '../ops.ts';
import { type ShapeContext, type ShapeRules, of, like, expectDtype, broadcast } from './context.ts';

const comparison = (context: ShapeContext<Op>): readonly TensorType[] => [of('bool', broadcast(context).shape)];
const elementwise = (context: ShapeContext<Op>): readonly TensorType[] => [broadcast(context)];

export const elementwiseShapes: ShapeRules<
  | 'Identity'
  | 'Relu'
  | 'Exp'
  | 'Log'
  | 'Sqrt'
  | 'Reciprocal'
  | 'Neg'
  | 'Abs'
  | 'Sigmoid'
  | 'Tanh'
  | 'HardSigmoid'
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
  Identity: like,
  Detach: like,
  Relu: like,
  Exp: like,
  Log: like,
  Sqrt: like,
  Reciprocal: like,
  Neg: like,
  Abs: like,
  Sigmoid: like,
  Tanh: like,
  HardSigmoid: like,
  Cast: (c) => [of(c.attributes.to, c.input(0).shape)],
  Add: elementwise,
  Sub: elementwise,
  Mul: elementwise,
  Div: elementwise,
  Max: elementwise,
  Min: elementwise,
  Equal: comparison,
  Greater: comparison,
  Where: (c) => {
    expectDtype(c.input(0), ['bool'], 'the condition', c.where);
    const values = broadcast(c, c.input(1), c.input(2));
    return [of(values.dtype, broadcastShapes(c.input(0).shape, values.shape, c.where))];
  },
};
