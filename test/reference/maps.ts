import { broadcastShapes, staticShape, type StaticShape } from '../../src/core/shape.ts';
import type { Op } from '../../src/graph/ops.ts';
import { atBroadcast, generate, type EvaluateContext, type NdArray } from './array.ts';

type Context = Pick<EvaluateContext<Op>, 'input'>;

export function broadcastShape(...arrays: readonly NdArray[]): StaticShape {
  return arrays.reduce<StaticShape>(
    (shape, array) => staticShape(broadcastShapes(shape, array.shape, 'reference'), 'reference'),
    [],
  );
}

export const unary =
  (f: (x: number) => number) =>
  ({ input }: Context): readonly NdArray[] => [{ shape: input(0).shape, data: input(0).data.map(f) }];

export const binary =
  (f: (a: number, b: number) => number) =>
  ({ input }: Context): readonly NdArray[] => {
    const [a, b] = [input(0), input(1)];
    return [generate(broadcastShape(a, b), (index) => f(atBroadcast(a, index), atBroadcast(b, index)))];
  };
