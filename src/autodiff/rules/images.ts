import { staticShapeOf, type Value } from '../../graph/builder.ts';
import { expand, mul, reduceSum, reshape, scalar } from '../../graph/functions.ts';
import type { imagesOps } from '../../graph/ops/images.ts';
import { when, type GradientContext, type GradientRules } from '../rule.ts';
import { resizeGradient } from './resize.ts';

/** All axes but the channels: what a bias is repeated along. */
const repeatedAxes = (x: Value): number[] => x.type.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));

const pixelsOf = (shape: readonly number[]): number => shape.slice(2).reduce((product, extent) => product * extent, 1);

/** The bias's gradient where the node has a bias at all. */
const biasGradient = (c: GradientContext<'Conv' | 'ConvTranspose'>): readonly (Value | undefined)[] =>
  c.count > 2 ? [when(c, 2, () => reduceSum(c.b, c.grad(), repeatedAxes(c.grad())))] : [];

/**
 * A transposed convolution is the input gradient of the convolution that its filter `[in, out/group, ...]` belongs to, so its
 * own input gradient is that convolution, and its filter is in that convolution's place with image and output exchanged.
 */
function transposedGradient(c: GradientContext<'ConvTranspose'>): readonly (Value | undefined)[] {
  const { kernel_shape, pads, strides, dilations, group } = c.attributes;
  const convolution = { kernel_shape, pads, strides, dilations, group };
  return [
    when(c, 0, () => c.b.op('Conv', [c.grad(), c.input(1), undefined], convolution)),
    when(c, 1, () => c.b.op('ConvWeightGrad', [c.grad(), c.input(0)], convolution)),
    ...biasGradient(c),
  ];
}

/** To the first of the largest elements, in row-major order, as MaxPool's gradient and PyTorch's. */
function globalMaxPoolGradient(c: GradientContext<'GlobalMaxPool'>): readonly (Value | undefined)[] {
  const { b } = c;
  const shape = staticShapeOf(c.input(0));
  const [batch = 1, channels = 1] = shape;
  const row = [batch, channels, pixelsOf(shape)];
  const place = b.op('ArgMax', [reshape(b, c.input(0), row)], { axis: 2, keepdims: 1 });
  const nowhere = expand(b, scalar(b, 0), row);
  const gradient = reshape(b, c.grad(), [batch, channels, 1]);
  return [reshape(b, b.op('ScatterElements', [nowhere, place, gradient], { axis: 2, reduction: 'none' }), shape)];
}

export const imageRules: GradientRules<keyof typeof imagesOps> = {
  Conv: (c) => [
    when(c, 0, () =>
      c.b.op('ConvInputGrad', [c.grad(), c.input(1)], { ...c.attributes, input_shape: staticShapeOf(c.input(0)) }),
    ),
    when(c, 1, () => c.b.op('ConvWeightGrad', [c.input(0), c.grad()], c.attributes)),
    ...biasGradient(c),
  ],
  ConvTranspose: transposedGradient,
  MaxPool: (c) => [c.b.op('MaxPoolGrad', [c.grad(), c.input(0), c.output(0)], c.attributes)],
  AveragePool: (c) => [
    c.b.op('AveragePoolGrad', [c.grad()], { ...c.attributes, input_shape: staticShapeOf(c.input(0)) }),
  ],
  GlobalMaxPool: globalMaxPoolGradient,
  GlobalAveragePool: (c) => {
    const shape = staticShapeOf(c.input(0));
    return [expand(c.b, mul(c.b, c.grad(), 1 / pixelsOf(shape)), shape)];
  },
  Resize: (c) => [resizeGradient(c)],
};
