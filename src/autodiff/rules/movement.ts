import { normalizeAxis, sizeOf } from '../../core/shape.ts';
import { staticShapeOf, type Value } from '../../graph/builder.ts';
import { concat, expand, pad, reshape, scalar, slice, transpose } from '../../graph/functions.ts';
import type { Op } from '../../graph/ops.ts';
import { when, type GradientContext, type GradientRules } from '../rule.ts';

const zeros = (c: GradientContext, shape: readonly number[]): Value => expand(c.b, scalar(c.b, 0), shape);
const likeInput = (c: GradientContext): readonly Value[] => [reshape(c.b, c.grad(), staticShapeOf(c.input(0)))];

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

export const movementRules: GradientRules<
  Extract<
    Op,
    'Transpose' | 'Reshape' | 'Flatten' | 'Expand' | 'Concat' | 'Split' | 'Slice' | 'Pad' | 'Gather' | 'ScatterElements'
  >
> = {
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
  // The elements go back to their places among zeros.
  Slice: (c) => {
    const shape = staticShapeOf(c.input(0));
    const { starts, axes, steps } = c.attributes;
    const restored = axes.reduce((gradient, given, index) => {
      const axis = normalizeAxis(given, shape.length, c.where);
      const size = shape[axis] ?? 0;
      const start = starts[index] ?? 0;
      const first = Math.min(Math.max(start < 0 ? start + size : start, 0), size);
      const dilated = spread(c, gradient, axis, steps[index] ?? 1);
      const extent = staticShapeOf(dilated)[axis] ?? 0;
      // The zeros behind the last element may reach beyond the end.
      const fitting = extent > size - first ? slice(c.b, dilated, axis, 0, size - first) : dilated;
      return padAxis(c, fitting, axis, first, size);
    }, c.grad());
    return [restored];
  },
  // What padding added is cut off; what negative pads cropped gets zeros.
  Pad: (c) => {
    const shape = staticShapeOf(c.input(0));
    const { pads } = c.attributes;
    const cut = staticShapeOf(c.output(0)).reduce((gradient, extent, axis) => {
      const before = Math.max(pads[axis] ?? 0, 0);
      const after = Math.max(pads[axis + shape.length] ?? 0, 0);
      return before === 0 && after === 0 ? gradient : slice(c.b, gradient, axis, before, extent - after);
    }, c.grad());
    return [
      pads.some((amount) => amount < 0)
        ? pad(
            c.b,
            cut,
            pads.map((amount) => Math.max(-amount, 0)),
          )
        : cut,
    ];
  },
  // Adds each gathered row's gradient to its source; repeated indices accumulate.
  Gather: (c) => {
    const shape = staticShapeOf(c.input(0));
    const axis = normalizeAxis(c.attributes.axis, shape.length, c.where);
    const indices = c.input(1);
    const count = sizeOf(staticShapeOf(indices));
    const gathered = shape.map((dim, k) => (k === axis ? count : dim));
    const updates = reshape(c.b, c.grad(), gathered);
    const aligned = reshape(
      c.b,
      indices,
      shape.map((_, k) => (k === axis ? count : 1)),
    );
    return [
      c.b.op('ScatterElements', [zeros(c, shape), expand(c.b, aligned, gathered), updates], { axis, reduction: 'add' }),
      undefined,
    ];
  },
  ScatterElements: { noGradient: 'only gradients of Gather emit it, and second derivatives are not offered' },
};
