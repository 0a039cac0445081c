import { broadcastShapes, staticShape, type StaticShape } from '../../src/core/shape.ts';
import type { DType } from '../../src/core/tensor.ts';
import type { Op } from '../../src/graph/ops.ts';
import { atBroadcast, generate, type EvaluateContext, type EvaluateTable, type NdArray } from './array.ts';

type Context = Pick<EvaluateContext<Op>, 'input'>;

export function broadcastShape(...arrays: readonly NdArray[]): StaticShape {
  return arrays.reduce<StaticShape>(
    (shape, array) => staticShape(broadcastShapes(shape, array.shape, 'reference'), 'reference'),
    [],
  );
}

const unary =
  (f: (x: number) => number) =>
  ({ input }: Context): readonly NdArray[] => [{ shape: input(0).shape, data: input(0).data.map(f) }];

const binary =
  (f: (a: number, b: number) => number) =>
  ({ input }: Context): readonly NdArray[] => {
    const [a, b] = [input(0), input(1)];
    return [generate(broadcastShape(a, b), (index) => f(atBroadcast(a, index), atBroadcast(b, index)))];
  };

function castTo(to: DType): (x: number) => number {
  if (to === 'bool') return (x) => (x === 0 ? 0 : 1);
  return to.includes('float') ? (x) => x : Math.trunc;
}

export const elementwise: EvaluateTable<
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
  | 'ReluGrad'
  | 'Detach'
> = {
  Detach: unary((x) => x),
  Identity: unary((x) => x),
  Relu: unary((x) => Math.max(x, 0)),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Sqrt: unary(Math.sqrt),
  Reciprocal: unary((x) => 1 / x),
  Neg: unary((x) => -x),
  Abs: unary(Math.abs),
  Sigmoid: unary((x) => 1 / (1 + Math.exp(-x))),
  Tanh: unary(Math.tanh),
  HardSigmoid: ({ input, attributes: { alpha, beta } }) =>
    unary((x) => Math.min(Math.max(alpha * x + beta, 0), 1))({ input }),
  Cast: ({ input, attributes }) => unary(castTo(attributes.to))({ input }),
  Add: binary((a, b) => a + b),
  Sub: binary((a, b) => a - b),
  Mul: binary((a, b) => a * b),
  Div: binary((a, b) => a / b),
  Max: binary(Math.max),
  Min: binary(Math.min),
  Equal: binary((a, b) => (a === b ? 1 : 0)),
  Greater: binary((a, b) => (a > b ? 1 : 0)),
  Where: ({ input }) => {
    const [condition, a, b] = [input(0), input(1), input(2)];
    return [
      generate(broadcastShape(condition, a, b), (index) =>
        atBroadcast(atBroadcast(condition, index) === 0 ? b : a, index),
      ),
    ];
  },
  // gx = gy where the activation is positive; nothing flows at y = 0.
  ReluGrad: binary((gy, y) => (y > 0 ? gy : 0)),
};
