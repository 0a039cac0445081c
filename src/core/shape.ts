import { inputError } from './errors.ts';

/** A dimension: a size, or the name of one that is bound when the graph runs (`batch`). */
export type Dim = number | string;

/** A tensor's shape, outermost dimension first. Training graphs hold numbers only. */
export type Shape = readonly Dim[];

/** A shape without symbolic dimensions. */
export type StaticShape = readonly number[];

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function isStatic(shape: Shape): shape is StaticShape {
  return shape.every((dim) => typeof dim === 'number');
}

/** The shape, or an error naming `where` if a dimension is symbolic. */
export function staticShape(shape: Shape, where: string): StaticShape {
  if (isStatic(shape)) return shape;
  throw inputError('shape must be known', { where, received: formatShape(shape) });
}

/** Number of elements: the product of the dimensions, 1 for a scalar. */
export function sizeOf(shape: StaticShape): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

/** `axis` counted from the front: negative axes count from the end. */
export function normalizeAxis(axis: number, rank: number, where: string): number {
  const normalized = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || normalized < 0 || normalized >= rank) {
    throw inputError('axis out of range', {
      where,
      expected: `an integer in [${-rank}, ${rank - 1}]`,
      received: String(axis),
    });
  }
  return normalized;
}

/**
 * Multidirectional (NumPy) broadcasting of two shapes: aligned at the last axis, sizes equal or 1.
 * A symbolic dimension matches itself and 1.
 */
export function broadcastShapes(a: Shape, b: Shape, where: string): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left === right || right === 1) return left;
    if (left === 1) return right;
    throw inputError('shapes do not broadcast', { where, received: `${formatShape(a)} and ${formatShape(b)}` });
  });
}

/** Row-major strides in elements. */
export function stridesOf(shape: StaticShape): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--)
    strides[axis] = (strides[axis + 1] ?? 1) * (shape[axis + 1] ?? 1);
  return strides;
}
