import { inputError } from '../../core/errors.ts';
import {
  broadcastShapes,
  formatShape,
  isStatic,
  normalizeAxis,
  sameShape,
  sizeOf,
  type Dim,
  type Shape,
} from '../../core/shape.ts';
import { type ShapeRules, of, dimOf, numberOf, at, exactly, expectDtype, sameDtype } from './context.ts';

/** Product of numeric dimensions and the sorted symbolic ones: two shapes hold equally many elements iff these agree. */
function elementCount(shape: Shape): { readonly size: number; readonly symbols: string } {
  return {
    size: sizeOf(shape.filter((dim) => typeof dim === 'number')),
    symbols: shape
      .filter((dim) => typeof dim === 'string')
      .sort()
      .join('·'),
  };
}

/** ONNX Reshape: 0 copies a dimension, −1 (once) takes what is left; a symbolic dimension can only be what is left or copied. */
export function reshapedShape(from: Shape, target: readonly number[], where: string): Shape {
  const copied = target.map((dim, axis): Dim | undefined =>
    dim === 0 ? dimOf(from, axis, where) : dim === -1 ? undefined : dim,
  );
  const known = copied.filter((dim) => dim !== undefined);
  const [source, filled] = [elementCount(from), elementCount(known)];
  const mismatch = inputError('Reshape changes the number of elements', {
    where,
    received: `${formatShape(from)} to [${target.join(', ')}]`,
  });
  if (known.length === target.length) {
    if (source.size !== filled.size || source.symbols !== filled.symbols) throw mismatch;
    return known;
  }
  if (known.length < target.length - 1) throw inputError('Reshape has more than one −1', { where });
  const symbolic = from.filter((dim) => typeof dim === 'string' && !known.includes(dim));
  const ratio = source.size / filled.size;
  if (!Number.isInteger(ratio) || symbolic.length > 1 || (symbolic.length === 1 && ratio !== 1)) throw mismatch;
  return copied.map((dim) => dim ?? symbolic[0] ?? ratio);
}

export const movementShapes: ShapeRules<
  'Transpose' | 'Reshape' | 'Flatten' | 'Expand' | 'Concat' | 'Split' | 'Slice' | 'Pad' | 'Gather' | 'ScatterElements'
> = {
  Transpose: (c) => {
    const { dtype, shape } = c.input(0);
    const { perm } = c.attributes;
    if (perm.length !== shape.length || new Set(perm).size !== shape.length) {
      throw inputError('perm is not a permutation of the axes', {
        where: c.where,
        expected: `${shape.length} axes`,
        received: `[${perm.join(', ')}]`,
      });
    }
    return [
      of(
        dtype,
        perm.map((axis) => dimOf(shape, axis, c.where)),
      ),
    ];
  },
  Reshape: (c) => [of(c.input(0).dtype, reshapedShape(c.input(0).shape, c.attributes.shape, c.where))],
  Flatten: (c) => {
    const { dtype, shape } = c.input(0);
    if (Math.abs(c.attributes.axis) > shape.length) {
      throw inputError('axis out of range', {
        where: c.where,
        expected: `an integer in [${-shape.length}, ${shape.length}]`,
        received: String(c.attributes.axis),
      });
    }
    const [outer, inner] = [shape.slice(0, c.attributes.axis), shape.slice(c.attributes.axis)];
    const merged = (part: Shape): Dim =>
      part.length === 1 ? dimOf(part, 0, c.where) : isStatic(part) ? sizeOf(part) : part.join('·');
    return [of(dtype, [merged(outer), merged(inner)])];
  },
  Expand: (c) => [of(c.input(0).dtype, broadcastShapes(c.input(0).shape, c.attributes.shape, c.where))],
  Concat: (c) => {
    const first = c.input(0);
    const axis = normalizeAxis(c.attributes.axis, first.shape.length, c.where);
    let total = 0;
    for (let index = 0; index < c.count; index++) {
      const { dtype, shape } = c.input(index);
      const fits =
        dtype === first.dtype &&
        shape.length === first.shape.length &&
        shape.every((dim, k) => k === axis || dim === first.shape[k]);
      if (!fits)
        throw inputError('Concat inputs differ outside the axis', {
          where: c.where,
          received: `${formatShape(first.shape)} and ${formatShape(shape)}`,
        });
      total += numberOf(shape, axis, c.where);
    }
    return [
      of(
        first.dtype,
        first.shape.map((dim, k) => (k === axis ? total : dim)),
      ),
    ];
  },
  Split: (c) => {
    const { dtype, shape } = c.input(0);
    const axis = normalizeAxis(c.attributes.axis, shape.length, c.where);
    if (c.attributes.split.reduce((sum, part) => sum + part, 0) !== shape[axis]) {
      throw inputError('Split parts do not add up', {
        where: c.where,
        expected: String(shape[axis]),
        received: `[${c.attributes.split.join(', ')}]`,
      });
    }
    return c.attributes.split.map((part) =>
      of(
        dtype,
        shape.map((dim, k) => (k === axis ? part : dim)),
      ),
    );
  },
  Slice: (c) => {
    const { dtype, shape } = c.input(0);
    const { starts, ends, axes, steps } = c.attributes;
    const dims = [...shape];
    axes.forEach((given, index) => {
      const axis = normalizeAxis(given, shape.length, c.where);
      const size = numberOf(shape, axis, c.where);
      const step = at(steps, index, 'steps', c.where);
      const [start, end] = [starts, ends].map((bounds) => {
        const bound = at(bounds, index, 'starts or ends', c.where);
        return Math.min(Math.max(bound < 0 ? bound + size : bound, 0), size);
      });
      if (step < 1) throw inputError('Slice steps must be positive', { where: c.where, received: String(step) });
      dims[axis] = Math.max(0, Math.ceil(((end ?? 0) - (start ?? 0)) / step));
    });
    return [of(dtype, dims)];
  },
  Pad: (c) => {
    const { dtype, shape } = c.input(0);
    const { pads } = c.attributes;
    exactly(2 * shape.length, pads, 'pads', c.where);
    return [
      of(
        dtype,
        shape.map((dim, axis) => {
          const extra = at(pads, axis, 'pads', c.where) + at(pads, axis + shape.length, 'pads', c.where);
          return extra === 0 ? dim : numberOf(shape, axis, c.where) + extra;
        }),
      ),
    ];
  },
  Gather: (c) => {
    const [x, indices] = [c.input(0), c.input(1)];
    expectDtype(indices, ['int32', 'int64'], 'indices', c.where);
    const axis = normalizeAxis(c.attributes.axis, x.shape.length, c.where);
    return [of(x.dtype, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)])];
  },
  ScatterElements: (c) => {
    const [x, indices, updates] = [c.input(0), c.input(1), c.input(2)];
    expectDtype(indices, ['int32', 'int64'], 'indices', c.where);
    normalizeAxis(c.attributes.axis, x.shape.length, c.where);
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
};
