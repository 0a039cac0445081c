import { inputError } from '../../core/errors.ts';
import { formatShape, normalizeAxis, sameShape, type Shape } from '../../core/shape.ts';
import type { TensorType } from '../graph.ts';
import { dimOf, exactly, expectDtype, numberOf, of, sameDtype, type ShapeContext, type ShapeRules } from './context.ts';

type IndexOp = 'Gather' | 'GatherElements' | 'GatherND' | 'ScatterElements' | 'ScatterND' | 'OneHot';

const reductions: readonly string[] = ['none', 'add', 'mul', 'max', 'min'];

/** The int32 or int64 indices at input 1. */
function indicesOf(c: ShapeContext<IndexOp>): TensorType {
  const indices = c.input(1);
  expectDtype(indices, ['int32', 'int64'], 'indices', c.where);
  return indices;
}

function expectReduction(reduction: string, where: string): void {
  if (!reductions.includes(reduction)) {
    throw inputError('unknown reduction', { where, expected: reductions.join(', '), received: reduction });
  }
}

function sameRank(x: Shape, indices: Shape, where: string): void {
  if (x.length !== indices.length) {
    throw inputError('indices must have the rank of the data', {
      where,
      expected: `rank ${x.length}`,
      received: formatShape(indices),
    });
  }
}

/** How many leading axes (behind the batch) an index of the last axis of `indices` addresses. */
function indexDepth(x: Shape, indices: Shape, batch: number, where: string): number {
  const depth = numberOf(indices, indices.length - 1, where);
  const fits =
    batch >= 0 &&
    batch < Math.min(x.length, indices.length) &&
    depth >= 1 &&
    depth <= x.length - batch &&
    sameShape(x.slice(0, batch), indices.slice(0, batch));
  if (fits) return depth;
  throw inputError('indices do not fit the data', {
    where,
    expected: `the same first ${batch} dimensions, and 1 to ${x.length - batch} in the last axis of the indices`,
    received: `${formatShape(indices)} for ${formatShape(x)}`,
  });
}

export const indexingShapes: ShapeRules<IndexOp> = {
  Gather: (c) => {
    const [x, indices] = [c.input(0), indicesOf(c)];
    const axis = normalizeAxis(c.attributes.axis, x.shape.length, c.where);
    return [of(x.dtype, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)])];
  },
  GatherElements: (c) => {
    const [x, indices] = [c.input(0), indicesOf(c)];
    normalizeAxis(c.attributes.axis, x.shape.length, c.where);
    sameRank(x.shape, indices.shape, c.where);
    return [of(x.dtype, indices.shape)];
  },
  GatherND: (c) => {
    const [x, indices] = [c.input(0), c.input(1)];
    expectDtype(indices, ['int64'], 'indices', c.where);
    const { batch_dims: batch } = c.attributes;
    const depth = indexDepth(x.shape, indices.shape, batch, c.where);
    return [of(x.dtype, [...indices.shape.slice(0, -1), ...x.shape.slice(batch + depth)])];
  },
  ScatterElements: (c) => {
    const [x, indices, updates] = [c.input(0), indicesOf(c), c.input(2)];
    normalizeAxis(c.attributes.axis, x.shape.length, c.where);
    expectReduction(c.attributes.reduction, c.where);
    sameDtype(c, x, updates);
    if (indices.shape.length !== x.shape.length || !sameShape(indices.shape, updates.shape)) {
      throw inputError('indices and updates do not fit', {
        where: c.where,
        expected: `two equal shapes of rank ${x.shape.length}`,
        received: `${formatShape(indices.shape)} and ${formatShape(updates.shape)}`,
      });
    }
    return [x];
  },
  ScatterND: (c) => {
    const [x, indices, updates] = [c.input(0), c.input(1), c.input(2)];
    expectDtype(indices, ['int64'], 'indices', c.where);
    expectReduction(c.attributes.reduction, c.where);
    sameDtype(c, x, updates);
    const depth = indexDepth(x.shape, indices.shape, 0, c.where);
    const expected = [...indices.shape.slice(0, -1), ...x.shape.slice(depth)];
    if (!sameShape(updates.shape, expected)) {
      throw inputError('updates do not fit the indices', {
        where: c.where,
        expected: formatShape(expected),
        received: formatShape(updates.shape),
      });
    }
    return [x];
  },
  OneHot: (c) => {
    const [indices, values] = [c.input(0), c.input(1)];
    exactly(1, c.attributes.depth, 'depths', c.where);
    if (!sameShape(values.shape, [2])) {
      throw inputError('values must be [off, on]', { where: c.where, received: formatShape(values.shape) });
    }
    const axis = normalizeAxis(c.attributes.axis, indices.shape.length + 1, c.where);
    const depth = dimOf(c.attributes.depth, 0, c.where);
    return [of(values.dtype, [...indices.shape.slice(0, axis), depth, ...indices.shape.slice(axis)])];
  },
};
