import { inputError } from '../../core/errors.ts';
import { formatShape, sameShape, type Dim, type Shape } from '../../core/shape.ts';
import type { TensorType } from '../graph.ts';
import type { Op } from '../ops.ts';
import { type ShapeContext, of, dimOf, numberOf, at, exactly, sameDtype } from './context.ts';

function slidingExtent(
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
  padding: number,
  where: string,
): number {
  const extent = Math.floor((size + padding - dilation * (kernel - 1) - 1) / stride) + 1;
  if (extent < 1)
    throw inputError('window larger than its padded input', {
      where,
      expected: `at least ${dilation * (kernel - 1) + 1}`,
      received: `${size + padding}`,
    });
  return extent;
}

interface WindowAttributes {
  readonly kernel_shape: readonly number[];
  readonly pads: readonly number[];
  readonly strides: readonly number[];
  readonly dilations?: readonly number[];
}

/** Spatial extents after a window slides over `[...extents]`; pads are ONNX's (all begins, then all ends). */
export function windowedExtents(spatial: Shape, window: WindowAttributes, where: string): number[] {
  const rank = spatial.length;
  exactly(rank, window.kernel_shape, 'kernel_shape', where);
  exactly(rank, window.strides, 'strides', where);
  exactly(2 * rank, window.pads, 'pads', where);
  if (window.dilations !== undefined) exactly(rank, window.dilations, 'dilations', where);
  return spatial.map((_, axis) =>
    slidingExtent(
      numberOf(spatial, axis, where),
      at(window.kernel_shape, axis, 'kernel_shape', where),
      at(window.strides, axis, 'strides', where),
      window.dilations?.[axis] ?? 1,
      at(window.pads, axis, 'pads', where) + at(window.pads, axis + rank, 'pads', where),
      where,
    ),
  );
}

/** A vector of this length. */
export function expectVector(type: TensorType, length: Dim, what: string, where: string): void {
  if (!sameShape(type.shape, [length])) {
    throw inputError(`wrong shape of ${what}`, { where, expected: `[${length}]`, received: formatShape(type.shape) });
  }
}

/** `kernel_shape` only repeats what the filter says. */
export function expectFilter(x: TensorType, w: TensorType, kernel: readonly number[], where: string): void {
  if (x.shape.length < 3 || w.shape.length !== x.shape.length || !sameShape(w.shape.slice(2), kernel)) {
    throw inputError('the filter does not fit', {
      where,
      expected: `[out, in, ${kernel.join(', ')}] for the input ${formatShape(x.shape)}`,
      received: formatShape(w.shape),
    });
  }
}

export function convolved(context: ShapeContext<'Conv' | 'nchwc.Conv'>): TensorType {
  const { where, attributes } = context;
  const [x, w] = [context.input(0), context.input(1)];
  expectFilter(x, w, attributes.kernel_shape, where);
  const channels = numberOf(x.shape, 1, where);
  const perGroup = numberOf(w.shape, 1, where);
  if (channels !== perGroup * attributes.group || numberOf(w.shape, 0, where) % attributes.group !== 0) {
    throw inputError('convolution channels do not fit', {
      where,
      expected: `filter with ${channels / attributes.group} input channels per group`,
      received: `input ${formatShape(x.shape)}, filter ${formatShape(w.shape)}, ${attributes.group} groups`,
    });
  }
  const bias = context.optional(2);
  if (bias !== undefined) expectVector(bias, dimOf(w.shape, 0, where), 'bias', where);
  return of(sameDtype(context, x, w), [
    dimOf(x.shape, 0, where),
    dimOf(w.shape, 0, where),
    ...windowedExtents(x.shape.slice(2), attributes, where),
  ]);
}

/** Needs `[batch, channels, ...extents]` with one extent or more. */
export function expectImage({ shape }: TensorType, where: string): void {
  if (shape.length < 3)
    throw inputError('rank too small', {
      where,
      expected: '[batch, channels, ...extents]',
      received: formatShape(shape),
    });
}

export function pooled(context: ShapeContext<'MaxPool' | 'AveragePool' | 'nchwc.MaxPool'>): readonly TensorType[] {
  const { dtype, shape } = context.input(0);
  expectImage(context.input(0), context.where);
  return [of(dtype, [...shape.slice(0, 2), ...windowedExtents(shape.slice(2), context.attributes, context.where)])];
}

/** `[batch, channels, ...extents]` to `[batch, channels, 1, ...]`. */
export function globallyPooled(context: ShapeContext<Op>): readonly TensorType[] {
  const { dtype, shape } = context.input(0);
  return [
    of(
      dtype,
      shape.map((dim, axis) => (axis < 2 ? dim : 1)),
    ),
  ];
}
