import { inputError } from '../../core/errors.ts';
import { broadcastShapes, formatShape, sameShape, type Shape } from '../../core/shape.ts';
import { einsumExtents, parseEinsum } from '../einsum.ts';
import type { TensorType } from '../graph.ts';
import type { Op } from '../ops.ts';
import type { productsOps } from '../ops/products.ts';
import { type ShapeContext, type ShapeRules, of, dimOf, sameDtype } from './context.ts';

function matrices(
  context: ShapeContext<Op>,
  transA = false,
  transB = false,
  a = context.input(0),
  b = context.input(1),
): TensorType {
  const { where } = context;
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

/** A vector is a row on the left and a column on the right, and that axis of 1 is left out of the product. */
function matmul(context: ShapeContext<'MatMul'>): TensorType {
  const [a, b] = [context.input(0), context.input(1)];
  const row = a.shape.length === 1 ? of(a.dtype, [1, ...a.shape]) : a;
  const column = b.shape.length === 1 ? of(b.dtype, [...b.shape, 1]) : b;
  const { dtype, shape } = matrices(context, false, false, row, column);
  const dropped = [...(row === a ? [] : [shape.length - 2]), ...(column === b ? [] : [shape.length - 1])];
  return of(
    dtype,
    shape.filter((_, axis) => !dropped.includes(axis)),
  );
}

function einsum(context: ShapeContext<'Einsum'>): TensorType {
  const inputs = Array.from({ length: context.count }, (_, index) => context.input(index));
  const first = context.input(0);
  for (const other of inputs) sameDtype(context, first, other);
  const terms = parseEinsum(
    context.attributes.equation,
    inputs.map(({ shape }) => shape.length),
    context.where,
  );
  const extents = einsumExtents(
    terms,
    inputs.map(({ shape }) => shape),
    context.where,
  );
  return of(
    first.dtype,
    terms.output.map((label) => extents.get(label) ?? 1),
  );
}

export const productShapes: ShapeRules<keyof typeof productsOps | 'FusedMatMul'> = {
  MatMul: (c) => [matmul(c)],
  Einsum: (c) => [einsum(c)],
  Gemm: (c) => {
    const product = matrices(c, c.attributes.transA === 1, c.attributes.transB === 1);
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
  FusedMatMul: (c) => [matrices(c, c.attributes.transA === 1, c.attributes.transB === 1)],
};
