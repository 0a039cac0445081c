import { inputError } from '../../core/errors.ts';
import { broadcastShapes, formatShape, sameShape, type Shape } from '../../core/shape.ts';
import type { TensorType } from '../graph.ts';
import type { Op } from '../ops.ts';
import { type ShapeContext, type ShapeRules, of, dimOf, sameDtype } from './context.ts';

function matmul(context: ShapeContext<Op>, transA = false, transB = false): TensorType {
  const { where } = context;
  const [a, b] = [context.input(0), context.input(1)];
  const swap = (shape: Shape, yes: boolean): Shape =>
    yes ? [...shape.slice(0, -2), dimOf(shape, shape.length - 1, where), dimOf(shape, shape.length - 2, where)] : shape;
  if (a.shape.length < 2 || b.shape.length < 2) {
    throw inputError('product needs two matrices', {
      where,
      received: `${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    });
  }
  const left = swap(a.shape, transA);
  const right = swap(b.shape, transB);
  const inner = dimOf(left, left.length - 1, where);
  if (inner !== dimOf(right, right.length - 2, where)) {
    throw inputError('inner dimensions differ', {
      where,
      received: `${formatShape(left)} times ${formatShape(right)}`,
    });
  }
  const batch = broadcastShapes(left.slice(0, -2), right.slice(0, -2), where);
  return of(sameDtype(context, a, b), [
    ...batch,
    dimOf(left, left.length - 2, where),
    dimOf(right, right.length - 1, where),
  ]);
}

export const productShapes: ShapeRules<'MatMul' | 'Gemm' | 'FusedMatMul'> = {
  MatMul: (c) => [matmul(c)],
  Gemm: (c) => {
    const product = matmul(c, c.attributes.transA === 1, c.attributes.transB === 1);
    const bias = c.optional(2);
    if (bias !== undefined && !sameShape(broadcastShapes(product.shape, bias.shape, c.where), product.shape)) {
      throw inputError('the bias is larger than the product', {
        where: c.where,
        expected: formatShape(product.shape),
        received: formatShape(bias.shape),
      });
    }
    return [product];
  },
  FusedMatMul: (c) => [matmul(c, c.attributes.transA === 1, c.attributes.transB === 1)],
};
