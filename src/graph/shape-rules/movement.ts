import { inputError } from '../../core/errors.ts';
import {
  broadcastShapes,
  formatShape,
  isStatic,
  normalizeAxis,
  sizeOf,
  type Dim,
  type Shape,
} from '../../core/shape.ts';
import type { movementOps } from '../ops/movement.ts';
import { sliceRange } from '../slices.ts';
import { dimensionOf, productOf, quotient } from '../symbols.ts';
import { type ShapeRules, of, dimOf, numberOf, at, exactly } from './context.ts';
import { indexingShapes } from './indexing.ts';

/** Ends beyond this mean "to the last", whatever the size: exporters write the largest int32 or int64. */
const UNBOUNDED = 2 ** 31 - 1;

/** ONNX Reshape: 0 copies a dimension, −1 (once) takes what is left, which may be a symbolic dimension or a multiple of one. */
export function reshapedShape(from: Shape, target: readonly number[], where: string): Shape {
  const copied = target.map((dim, axis): Dim | undefined =>
    dim === 0 ? dimOf(from, axis, where) : dim === -1 ? undefined : dim,
  );
  const known = copied.filter((dim) => dim !== undefined);
  if (known.length < target.length - 1) throw inputError('Reshape has more than one −1', { where });
  const rest = quotient(productOf(from), productOf(known));
  const filled = rest && dimensionOf(rest);
  // Of no elements at all, nothing says how many there are in any dimension but the stated ones.
  const empty = productOf(from).size === 0 && productOf(known).size === 0 && known.length === target.length;
  if (filled === undefined ? !empty : known.length === target.length && filled !== 1) {
    throw inputError('Reshape changes the number of elements', {
      where,
      received: `${formatShape(from)} to [${target.join(', ')}]`,
    });
  }
  return copied.map((dim) => dim ?? filled ?? 0);
}

/** Number of elements, `undefined` where it is not known. */
const sizeOfKnown = (shape: Shape): number | undefined => (isStatic(shape) ? sizeOf(shape) : undefined);

/** `[batch, channels, height, width]` with a block size that makes sense. */
function imageOf(shape: Shape, blocksize: number, where: string): readonly [Dim, number, number, number] {
  if (shape.length !== 4) throw inputError('expected an image', { where, received: formatShape(shape) });
  if (!Number.isInteger(blocksize) || blocksize < 1) {
    throw inputError('blocksize must be a positive integer', { where, received: String(blocksize) });
  }
  return [dimOf(shape, 0, where), numberOf(shape, 1, where), numberOf(shape, 2, where), numberOf(shape, 3, where)];
}

function divided(size: number, divisor: number, what: string, where: string): number {
  if (size % divisor === 0) return size / divisor;
  throw inputError(`${what} must be a multiple of ${divisor}`, { where, received: String(size) });
}

const padModes: readonly string[] = ['constant', 'edge', 'reflect'];

/** Each axis once, counted from the front, in the order given. */
function distinctAxes(axes: readonly number[], rank: number, where: string): readonly number[] {
  const normalized = axes.map((axis) => normalizeAxis(axis, rank, where));
  if (new Set(normalized).size !== axes.length) {
    throw inputError('an axis is listed twice', { where, received: `[${axes.join(', ')}]` });
  }
  return normalized;
}

export const movementShapes: ShapeRules<keyof typeof movementOps> = {
  ...indexingShapes,
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
    const merged = (part: Shape): Dim => dimensionOf(productOf(part));
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
    distinctAxes(axes, shape.length, c.where).forEach((axis, index) => {
      const start = at(starts, index, 'starts or ends', c.where);
      const end = at(ends, index, 'starts or ends', c.where);
      const step = at(steps, index, 'steps', c.where);
      if (!Number.isInteger(step) || step === 0) {
        throw inputError('a Slice step must be an integer other than 0', { where: c.where, received: String(step) });
      }
      // Everything, however long it is.
      if (typeof shape[axis] === 'string' && start === 0 && end >= UNBOUNDED && step === 1) return;
      dims[axis] = sliceRange(start, end, step, numberOf(shape, axis, c.where)).count;
    });
    return [of(dtype, dims)];
  },
  Pad: (c) => {
    const { dtype, shape } = c.input(0);
    const { pads, mode } = c.attributes;
    const value = c.optional(1);
    exactly(2 * shape.length, pads, 'pads', c.where);
    if (!padModes.includes(mode)) {
      throw inputError('unknown mode', { where: c.where, expected: padModes.join(' or '), received: mode });
    }
    if (value !== undefined && (sizeOfKnown(value.shape) !== 1 || value.dtype !== dtype)) {
      throw inputError('the value to pad with must be one number of the same type', {
        where: c.where,
        received: `${value.dtype}${formatShape(value.shape)}`,
      });
    }
    return [
      of(
        dtype,
        shape.map((dim, axis) => {
          const [before, after] = [at(pads, axis, 'pads', c.where), at(pads, axis + shape.length, 'pads', c.where)];
          if (before === 0 && after === 0) return dim;
          const size = numberOf(shape, axis, c.where);
          const kept = size + Math.min(before, 0) + Math.min(after, 0);
          const longest = Math.max(before, after);
          if ((mode === 'reflect' && longest >= kept) || (mode === 'edge' && longest > 0 && kept < 1)) {
            throw inputError(`there is too little to pad with on axis ${axis}`, {
              where: c.where,
              expected: `pads below ${kept}`,
              received: `[${before}, ${after}]`,
            });
          }
          return size + before + after;
        }),
      ),
    ];
  },
  Squeeze: (c) => {
    const { dtype, shape } = c.input(0);
    const axes = new Set(distinctAxes(c.attributes.axes, shape.length, c.where));
    for (const axis of axes) {
      if (shape[axis] === 1) continue;
      throw inputError('only axes of size 1 can be removed', {
        where: c.where,
        received: `axis ${axis} of ${formatShape(shape)}`,
      });
    }
    return [
      of(
        dtype,
        shape.filter((_, axis) => !axes.has(axis)),
      ),
    ];
  },
  Unsqueeze: (c) => {
    const { dtype, shape } = c.input(0);
    const rank = shape.length + c.attributes.axes.length;
    const axes = new Set(distinctAxes(c.attributes.axes, rank, c.where));
    const rest = [...shape];
    return [
      of(
        dtype,
        Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : (rest.shift() ?? 1))),
      ),
    ];
  },
  Tile: (c) => {
    const { dtype, shape } = c.input(0);
    const { repeats } = c.attributes;
    exactly(shape.length, repeats, 'repeats', c.where);
    return [
      of(
        dtype,
        shape.map((dim, axis) => {
          const repeat = at(repeats, axis, 'repeats', c.where);
          return repeat === 1 ? dim : numberOf(shape, axis, c.where) * repeat;
        }),
      ),
    ];
  },
  DepthToSpace: (c) => {
    const { dtype, shape } = c.input(0);
    const { blocksize, mode } = c.attributes;
    if (mode !== 'DCR' && mode !== 'CRD') {
      throw inputError('unknown mode', { where: c.where, expected: 'DCR or CRD', received: mode });
    }
    const [batch, channels, height, width] = imageOf(shape, blocksize, c.where);
    return [
      of(dtype, [batch, divided(channels, blocksize ** 2, 'channels', c.where), height * blocksize, width * blocksize]),
    ];
  },
  SpaceToDepth: (c) => {
    const { dtype, shape } = c.input(0);
    const { blocksize } = c.attributes;
    const [batch, channels, height, width] = imageOf(shape, blocksize, c.where);
    return [
      of(dtype, [
        batch,
        channels * blocksize ** 2,
        divided(height, blocksize, 'height', c.where),
        divided(width, blocksize, 'width', c.where),
      ]),
    ];
  },
  Trilu: (c) => {
    const x = c.input(0);
    exactly(1, c.attributes.k, 'diagonals', c.where);
    dimOf(x.shape, 1, c.where);
    return [x];
  },
  Shape: (c) => {
    const { shape } = c.input(0);
    return [of('int64', [shape.slice(c.attributes.start, c.attributes.end).length])];
  },
  Size: () => [of('int64', [])],
};
