import { normalizeAxis } from '../../core/shape.ts';
import { staticShapeOf, type Value } from '../../graph/builder.ts';
import { add, concat, expand, pad, reduceSum, reshape, scalar, slice, sub, transpose } from '../../graph/functions.ts';
import type { movementOps } from '../../graph/ops/movement.ts';
import { sliceRange } from '../../graph/slices.ts';
import { when, type GradientContext, type GradientRules } from '../rule.ts';
import { indexingRules } from './indexing.ts';

type MovementOp = keyof typeof movementOps;

const zeros = (c: GradientContext, shape: readonly number[]): Value => expand(c.b, scalar(c.b, 0), shape);
const likeInput = (c: GradientContext): readonly Value[] => [reshape(c.b, c.grad(), staticShapeOf(c.input(0)))];
const total = (c: GradientContext, x: Value): Value =>
  reduceSum(
    c.b,
    x,
    x.type.shape.map((_, axis) => axis),
  );

/** Zero padding of one axis to `size` elements, `before` of them in front. */
function padAxis(c: GradientContext, x: Value, axis: number, before: number, size: number): Value {
  const shape = staticShapeOf(x);
  const after = size - before - (shape[axis] ?? 0);
  if (before === 0 && after === 0) return x;
  const begins = shape.map((_, k) => (k === axis ? before : 0));
  const ends = shape.map((_, k) => (k === axis ? after : 0));
  return pad(c.b, x, [...begins, ...ends]);
}

/** Puts step − 1 zeros behind every element of an axis: `[.., n, ..]` to `[.., n·step, ..]`. */
function spread(c: GradientContext, x: Value, axis: number, step: number): Value {
  if (step === 1) return x;
  const shape = staticShapeOf(x);
  const separated = reshape(c.b, x, [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)]);
  const padded = padAxis(c, separated, axis + 1, 0, step);
  return reshape(
    c.b,
    padded,
    shape.map((dim, k) => (k === axis ? dim * step : dim)),
  );
}

/** An axis back to front. */
function reversed(c: GradientContext, x: Value, axis: number): Value {
  const size = staticShapeOf(x)[axis] ?? 0;
  return size < 2 ? x : c.b.op('Slice', [x], { starts: [size - 1], ends: [-size - 1], axes: [axis], steps: [-1] });
}

/** What one axis of a padded value's gradient gives to the `size` elements that it was padded from. */
function unpadAxis(
  c: GradientContext,
  g: Value,
  axis: number,
  { before, after, size, mode }: { before: number; after: number; size: number; mode: string },
): Value {
  if (before === 0 && after === 0) return g;
  const own = slice(c.b, g, axis, before, before + size);
  if (mode === 'constant') return own;
  const sides = [
    { part: before === 0 ? undefined : slice(c.b, g, axis, 0, before), front: true },
    { part: after === 0 ? undefined : slice(c.b, g, axis, before + size, before + size + after), front: false },
  ];
  return sides.reduce((sum, { part, front }) => {
    if (part === undefined) return sum;
    if (mode === 'edge') {
      const gathered = reduceSum(c.b, part, [axis], { keepdims: true });
      return add(c.b, sum, padAxis(c, gathered, axis, front ? 0 : size - 1, size));
    }
    // Mirrored at the first or last element, which itself is not repeated.
    const first = front ? 1 : size - 1 - after;
    return add(c.b, sum, padAxis(c, reversed(c, part, axis), axis, first, size));
  }, own);
}

/** The gradient of Pad with respect to what is padded, and what is left of it before negative pads put zeros back. */
function unpadded(c: GradientContext<'Pad'>): { readonly whole: () => Value; readonly kept: Value } {
  const shape = staticShapeOf(c.input(0));
  const { pads, mode } = c.attributes;
  const kept = shape.reduce((gradient, extent, axis) => {
    const [before, after] = [pads[axis] ?? 0, pads[axis + shape.length] ?? 0];
    const size = extent + Math.min(before, 0) + Math.min(after, 0);
    return unpadAxis(c, gradient, axis, { before: Math.max(before, 0), after: Math.max(after, 0), size, mode });
  }, c.grad());
  const cropped = pads.map((amount) => Math.max(-amount, 0));
  return { kept, whole: () => (cropped.some((amount) => amount > 0) ? pad(c.b, kept, cropped) : kept) };
}

/** `[n, c, h, w]` split as blocks are laid out, and the order that brings depth to space. */
function blocks(c: GradientContext<'DepthToSpace'>): {
  readonly split: readonly number[];
  readonly perm: readonly number[];
} {
  const [batch = 0, channels = 0, height = 0, width = 0] = staticShapeOf(c.input(0));
  const { blocksize, mode } = c.attributes;
  const rest = channels / blocksize ** 2;
  return mode === 'DCR'
    ? { split: [batch, blocksize, blocksize, rest, height, width], perm: [0, 3, 4, 1, 5, 2] }
    : { split: [batch, rest, blocksize, blocksize, height, width], perm: [0, 1, 4, 2, 5, 3] };
}

export const movementRules: GradientRules<MovementOp> = {
  ...indexingRules,
  Transpose: (c) => {
    const inverse = c.attributes.perm.map((_, axis) => c.attributes.perm.indexOf(axis));
    return [transpose(c.b, c.grad(), inverse)];
  },
  Reshape: likeInput,
  Flatten: likeInput,
  // The sweep sums the gradient back over the repeated axes.
  Expand: (c) => [c.grad()],
  Concat: (c) => {
    const axis = normalizeAxis(c.attributes.axis, staticShapeOf(c.output(0)).length, c.where);
    let start = 0;
    return Array.from({ length: c.count }, (_, index) => {
      const from = start;
      start += staticShapeOf(c.input(index))[axis] ?? 0;
      return when(c, index, () => slice(c.b, c.grad(), axis, from, from + (staticShapeOf(c.input(index))[axis] ?? 0)));
    });
  },
  Split: (c) => {
    const parts = c.attributes.split.map((_, index) =>
      c.hasGrad(index) ? c.grad(index) : zeros(c, staticShapeOf(c.output(index))),
    );
    return [concat(c.b, parts, c.attributes.axis)];
  },
  Squeeze: likeInput,
  Unsqueeze: likeInput,
  // The copies stand one behind the other on each axis: [r·n] is [r, n], summed over r.
  Tile: (c) => {
    const shape = staticShapeOf(c.input(0));
    const { repeats } = c.attributes;
    const apart = reshape(
      c.b,
      c.grad(),
      shape.flatMap((size, axis) => [repeats[axis] ?? 1, size]),
    );
    return [
      reduceSum(
        c.b,
        apart,
        shape.map((_, axis) => 2 * axis),
      ),
    ];
  },
  // The elements go back to their places among zeros.
  Slice: (c) => {
    const shape = staticShapeOf(c.input(0));
    const { starts, ends, axes, steps } = c.attributes;
    const restored = axes.reduce((gradient, given, index) => {
      const axis = normalizeAxis(given, shape.length, c.where);
      const size = shape[axis] ?? 0;
      const step = steps[index] ?? 1;
      const { first, count } = sliceRange(starts[index] ?? 0, ends[index] ?? 0, step, size);
      if (count === 0) return padAxis(c, gradient, axis, 0, size);
      // A negative step takes the same elements as its positive one from the other end, back to front.
      const ascending = step < 0 ? reversed(c, gradient, axis) : gradient;
      const lowest = step < 0 ? first + (count - 1) * step : first;
      const dilated = spread(c, ascending, axis, Math.abs(step));
      const extent = staticShapeOf(dilated)[axis] ?? 0;
      // The zeros behind the last element may reach beyond the end.
      const fitting = extent > size - lowest ? slice(c.b, dilated, axis, 0, size - lowest) : dilated;
      return padAxis(c, fitting, axis, lowest, size);
    }, c.grad());
    return [restored];
  },
  // What padding added is cut off or goes to the elements it repeats; what negative pads cropped gets zeros.
  Pad: (c) => {
    let made: ReturnType<typeof unpadded> | undefined;
    const parts = (): ReturnType<typeof unpadded> => (made ??= unpadded(c));
    if (c.count < 2) return [parts().whole()];
    // The value stands wherever nothing of the input does.
    const value = (): Value =>
      reshape(c.b, sub(c.b, total(c, c.grad()), total(c, parts().kept)), staticShapeOf(c.input(1)));
    const repeatsInput = c.attributes.mode !== 'constant';
    return [
      when(c, 0, () => parts().whole()),
      when(c, 1, () => (repeatsInput ? zeros(c, staticShapeOf(c.input(1))) : value())),
    ];
  },
  DepthToSpace: (c) => {
    if (c.attributes.mode === 'DCR') {
      return [c.b.op('SpaceToDepth', [c.grad()], { blocksize: c.attributes.blocksize })];
    }
    const { split, perm } = blocks(c);
    const apart = reshape(
      c.b,
      c.grad(),
      perm.map((axis) => split[axis] ?? 0),
    );
    const inverse = perm.map((_, axis) => perm.indexOf(axis));
    return [reshape(c.b, transpose(c.b, apart, inverse), staticShapeOf(c.input(0)))];
  },
  SpaceToDepth: (c) => [c.b.op('DepthToSpace', [c.grad()], { blocksize: c.attributes.blocksize, mode: 'DCR' })],
  // The same triangle.
  Trilu: (c) => [c.b.op('Trilu', [c.grad()], c.attributes)],
  Shape: { noGradient: 'a shape does not depend on the elements' },
  Size: { noGradient: 'the number of elements does not depend on them' },
};
