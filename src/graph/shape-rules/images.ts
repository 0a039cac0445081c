import { inputError } from '../../core/errors.ts';
import { formatShape, sameShape, type Dim, type Shape } from '../../core/shape.ts';
import type { TensorType } from '../graph.ts';
import { type ShapeContext, type ShapeRules, of, like, dimOf, numberOf, at, exactly, sameDtype } from './context.ts';

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

/** Spatial extents after a window slides over `[.., height, width]`; pads are ONNX's (all begins, then all ends). */
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

function expectVector(type: TensorType, length: Dim, what: string, where: string): void {
  if (!sameShape(type.shape, [length])) {
    throw inputError(`wrong shape of ${what}`, { where, expected: `[${length}]`, received: formatShape(type.shape) });
  }
}

/** `kernel_shape` only repeats what the filter says. */
function expectFilter(x: TensorType, w: TensorType, kernel: readonly number[], where: string): void {
  if (x.shape.length < 3 || w.shape.length !== x.shape.length || !sameShape(w.shape.slice(2), kernel)) {
    throw inputError('the filter does not fit', {
      where,
      expected: `[out, in, ${kernel.join(', ')}] for the input ${formatShape(x.shape)}`,
      received: formatShape(w.shape),
    });
  }
}

function convolved(context: ShapeContext<'Conv' | 'nchwc.Conv'>): TensorType {
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

function pooled(context: ShapeContext<'MaxPool' | 'AveragePool' | 'nchwc.MaxPool'>): readonly TensorType[] {
  const { dtype, shape } = context.input(0);
  return [of(dtype, [...shape.slice(0, 2), ...windowedExtents(shape.slice(2), context.attributes, context.where)])];
}

const channelVector = (type: TensorType, where: string): TensorType => of(type.dtype, [dimOf(type.shape, 1, where)]);

export const imageShapes: ShapeRules<
  | 'Conv'
  | 'ConvTranspose'
  | 'MaxPool'
  | 'AveragePool'
  | 'GlobalAveragePool'
  | 'BatchNormalization'
  | 'BatchNormTraining'
  | 'BatchNormGrad'
  | 'ReluGrad'
  | 'ConvInputGrad'
  | 'ConvWeightGrad'
  | 'MaxPoolGrad'
  | 'AveragePoolGrad'
  | 'nchwc.ReorderInput'
  | 'nchwc.ReorderOutput'
  | 'nchwc.Conv'
  | 'nchwc.MaxPool'
  | 'nchwc.GlobalAveragePool'
> = {
  Conv: (c) => [convolved(c)],
  ConvTranspose: (c) => {
    const { where, attributes } = c;
    const [x, w] = [c.input(0), c.input(1)];
    expectFilter(x, w, attributes.kernel_shape, where);
    exactly(2 * (x.shape.length - 2), attributes.pads, 'pads', where);
    if (dimOf(x.shape, 1, where) !== numberOf(w.shape, 0, where)) {
      throw inputError('convolution channels do not fit', {
        where,
        received: `input ${formatShape(x.shape)}, filter ${formatShape(w.shape)}`,
      });
    }
    const spatial = x.shape.slice(2).map((_, axis) => {
      const padding =
        at(attributes.pads, axis, 'pads', where) + at(attributes.pads, axis + x.shape.length - 2, 'pads', where);
      const reach =
        at(attributes.dilations, axis, 'dilations', where) *
          (at(attributes.kernel_shape, axis, 'kernel_shape', where) - 1) +
        1;
      return (
        at(attributes.strides, axis, 'strides', where) * (numberOf(x.shape, axis + 2, where) - 1) +
        at(attributes.output_padding, axis, 'output_padding', where) +
        reach -
        padding
      );
    });
    return [of(x.dtype, [dimOf(x.shape, 0, where), numberOf(w.shape, 1, where) * attributes.group, ...spatial])];
  },
  MaxPool: pooled,
  AveragePool: pooled,
  GlobalAveragePool: (c) => [
    of(
      c.input(0).dtype,
      c.input(0).shape.map((dim, axis) => (axis < 2 ? dim : 1)),
    ),
  ],
  BatchNormalization: (c) => {
    const x = c.input(0);
    ['scale', 'bias', 'mean', 'variance'].forEach((what, index) => {
      expectVector(c.input(index + 1), dimOf(x.shape, 1, c.where), what, c.where);
    });
    return [x];
  },
  BatchNormTraining: (c) => [c.input(0), channelVector(c.input(0), c.where), channelVector(c.input(0), c.where)],
  BatchNormGrad: (c) => [c.input(1), c.input(2), c.input(2)],
  ReluGrad: like,
  ConvInputGrad: (c) => [of(c.input(0).dtype, c.attributes.input_shape)],
  ConvWeightGrad: (c) => {
    const [x, gy] = [c.input(0), c.input(1)];
    return [
      of(x.dtype, [
        dimOf(gy.shape, 1, c.where),
        numberOf(x.shape, 1, c.where) / c.attributes.group,
        ...c.attributes.kernel_shape,
      ]),
    ];
  },
  MaxPoolGrad: (c) => [c.input(1)],
  AveragePoolGrad: (c) => [of(c.input(0).dtype, c.attributes.input_shape)],
  'nchwc.ReorderInput': (c) => {
    const { dtype, shape } = c.input(0);
    if (c.attributes.channels_last === 0) return [c.input(0)];
    return [
      of(dtype, [
        dimOf(shape, 0, c.where),
        dimOf(shape, 3, c.where),
        dimOf(shape, 1, c.where),
        dimOf(shape, 2, c.where),
      ]),
    ];
  },
  'nchwc.ReorderOutput': (c) => {
    const { dtype, shape } = c.input(0);
    const [batch, height, width] = [dimOf(shape, 0, c.where), dimOf(shape, 2, c.where), dimOf(shape, 3, c.where)];
    const { channels, channels_last } = c.attributes;
    return [of(dtype, channels_last === 1 ? [batch, height, width, channels] : [batch, channels, height, width])];
  },
  'nchwc.Conv': (c) => [convolved(c)],
  'nchwc.MaxPool': pooled,
  'nchwc.GlobalAveragePool': (c) => [
    of(
      c.input(0).dtype,
      c.input(0).shape.map((dim, axis) => (axis < 2 ? dim : 1)),
    ),
  ],
};
