import { int32 } from '../core/tensor.ts';
import { staticShapeOf, type Builder, type Value } from '../graph/builder.ts';
import { add, concat, gather, matmul, pad, reduceSum, reshape, slice, split, transpose } from '../graph/functions.ts';
import type { OpNode } from '../graph/graph.ts';
import type { AttributesOf } from '../graph/ops.ts';
import type { Operands, Pass } from './pass.ts';
import { range, tapsOf, windowsAlong, type AxisWindow } from './window.ts';

/** WebGPU binds at most 8 storage buffers to a shader by default; a result takes one. */
const MOST_OPERANDS = 7;

/** Concat in a tree of nodes with few operands each. */
export function concatInTree(b: Builder, values: readonly Value[], axis: number): Value {
  const [only] = values;
  if (values.length === 1 && only !== undefined) return only;
  if (values.length <= MOST_OPERANDS) return concat(b, values, axis);
  const parts = range(Math.ceil(values.length / MOST_OPERANDS)).map((index) =>
    concatInTree(b, values.slice(index * MOST_OPERANDS, (index + 1) * MOST_OPERANDS), axis),
  );
  return concatInTree(b, parts, axis);
}

/** How a recipe writes the convolutions that its runtime may not have in every form. */
export interface ConvolutionForms {
  readonly conv: (b: Builder, x: Value, w: Value, bias: Value | undefined, attributes: AttributesOf<'Conv'>) => Value;
  readonly transposed: (
    pass: Pass,
    x: Value,
    w: Value,
    bias: Value | undefined,
    attributes: AttributesOf<'ConvTranspose'>,
  ) => Value;
  /** The most extents of a convolution in groups. */
  readonly groupedExtents: number;
}

/** As ONNX Runtime's CPU provider has them. */
export const plainForms: ConvolutionForms = {
  conv: (b, x, w, bias, attributes) => b.op('Conv', [x, w, bias], attributes),
  transposed: ({ builder: b }, x, w, bias, attributes) => b.op('ConvTranspose', [x, w, bias], attributes),
  groupedExtents: Infinity,
};

/** Split, as Slices where it has more results than a shader may bind. */
export function splitInSlices(b: Builder, x: Value, parts: readonly number[], axis: number): readonly Value[] {
  if (parts.length <= MOST_OPERANDS) return split(b, x, parts, axis);
  let start = 0;
  return parts.map((part) => {
    start += part;
    return slice(b, x, axis, start - part, start);
  });
}

/** The convolution's padding as its gradient at stride 1 needs it: what is left of the filter's reach. */
const transposedPadding = ({ kernel, dilation, before, after }: AxisWindow) => ({
  before: dilation * (kernel - 1) - before,
  after: dilation * (kernel - 1) - after,
});

const product = (extents: readonly number[]): number => extents.reduce((total, extent) => total * extent, 1);

/** Filter `[co, ci/g, ...kernel]` turned around in every axis with its channels exchanged: `[ci, co/g, ...kernel]`. */
export function transposedFilter(pass: Pass, w: Value, group: number): Value {
  const { builder: b } = pass;
  const [co = 0, perGroup = 0, ...kernel] = staticShapeOf(w);
  const taps = product(kernel);
  let grouped = reshape(b, w, [group, co / group, perGroup, taps]);
  if (taps > 1) {
    const turned = pass.constant(`turn${taps}`, () => int32([taps], range(taps).reverse()));
    grouped = gather(b, grouped, turned, 3);
  }
  return reshape(b, transpose(b, grouped, [0, 2, 1, 3]), [group * perGroup, co / group, ...kernel]);
}

/**
 * Input gradient. At stride 1 the convolution of gy with the turned filter, which ONNX Runtime computes twice as fast as
 * ConvTranspose; else ConvTranspose, whose output_padding restores the pixels that the last stride left out.
 */
export function convInputGrad(
  pass: Pass,
  node: OpNode<'ConvInputGrad'>,
  { input, optional }: Operands,
  forms = plainForms,
): Value {
  const { builder: b } = pass;
  const { attributes } = node;
  const { input_shape, ...convolution } = attributes;
  const [gy, w, sum] = [input(0), input(1), optional(2)];
  const windows = windowsAlong(attributes, input_shape);
  const padding = windows.map(transposedPadding);
  const pads = [...padding.map(({ before }) => before), ...padding.map(({ after }) => after)];
  let gx: Value;
  if (windows.every(({ stride }) => stride === 1) && pads.every((amount) => amount >= 0)) {
    const filter = transposedFilter(pass, w, attributes.group);
    gx = forms.conv(b, gy, filter, undefined, { ...convolution, pads });
  } else {
    const output_padding = windows.map(
      ({ size, out, kernel, stride, dilation, before, after }) =>
        size + before + after - stride * (out - 1) - dilation * (kernel - 1) - 1,
    );
    gx = forms.transposed(pass, gy, w, undefined, { ...convolution, output_padding });
  }
  return sum === undefined ? gx : add(b, gx, sum);
}

/** The elements of a padded image that a tap of each window meets, `[batch, channels, ...outputs]`. */
function shiftedBy(b: Builder, padded: Value, tap: readonly number[], windows: readonly AxisWindow[]): Value {
  const bounds = windows.map(({ out, stride, dilation }, axis) => {
    const start = (tap[axis] ?? 0) * dilation;
    return { start, end: start + stride * (out - 1) + 1, step: stride };
  });
  return b.op('Slice', [padded], {
    starts: bounds.map(({ start }) => start),
    ends: bounds.map(({ end }) => end),
    axes: bounds.map((_, axis) => axis + 2),
    steps: bounds.map(({ step }) => step),
  });
}

/**
 * Weight gradient: for each tap of the filter, the padded image shifted by it times gy, summed over pixels as a matrix
 * product and then over the batch. Groups are a batch dimension of the product.
 */
export function convWeightGrad(
  pass: Pass,
  node: OpNode<'ConvWeightGrad'>,
  { input }: Operands,
  { groupedExtents } = plainForms,
): Value {
  const { builder: b } = pass;
  const [x, gy] = [input(0), input(1)];
  const { group, pads, kernel_shape } = node.attributes;
  const [batch = 0, channels = 0] = staticShapeOf(x);
  const [, outputs = 0] = staticShapeOf(gy);
  const windows = windowsAlong(node.attributes, staticShapeOf(x));
  if (group === channels && outputs / group < 4 && windows.length <= groupedExtents)
    return depthwiseWeightGrad(b, x, gy, windows);
  const padded = paddedBy(b, x, pads);
  const pixels = product(windows.map(({ out }) => out));
  // Swapping the operands keeps the smaller matrix's rows contiguous: few outputs make a thin product.
  const rows = reshape(b, gy, [batch, group, outputs / group, pixels]);
  const perTap = tapsOf(windows).map((tap) => {
    const columns = reshape(b, shiftedBy(b, padded, tap, windows), [batch, group, channels / group, pixels]);
    const products = matmul(b, rows, transpose(b, columns, [0, 1, 3, 2]));
    return reshape(b, reduceSum(b, products, [0]), [outputs, channels / group, 1]);
  });
  return reshape(b, concatInTree(b, perTap, 2), [outputs, channels / group, ...kernel_shape]);
}

/**
 * Weight gradient of filters that read one channel each: every channel of every image is a group of one convolution, whose
 * filter is gy, and strides and dilations change places. One node, and no product of thin matrices; ONNX Runtime computes it
 * about three times as fast as those.
 */
function depthwiseWeightGrad(b: Builder, x: Value, gy: Value, windows: readonly AxisWindow[]): Value {
  const [batch = 0, channels = 0] = staticShapeOf(x);
  const [, outputs = 0, ...extents] = staticShapeOf(gy);
  // As much of the image as the windows reach, so that there is one result for each tap.
  const ends = windows.map(
    ({ size, out, kernel, stride, dilation, before }) =>
      stride * (out - 1) + dilation * (kernel - 1) + 1 - size - before,
  );
  const reached = ends.reduce((image, end, axis) => {
    const size = windows[axis]?.size ?? 0;
    return end < 0 ? slice(b, image, axis + 2, 0, size + end) : image;
  }, x);
  const image = reshape(b, reached, [1, batch * channels, ...staticShapeOf(reached).slice(2)]);
  const filter = reshape(b, gy, [batch * outputs, 1, ...extents]);
  const products = b.op('Conv', [image, filter, undefined], {
    kernel_shape: extents,
    pads: [...windows.map(({ before }) => before), ...ends.map((end) => Math.max(0, end))],
    strides: windows.map(({ dilation }) => dilation),
    dilations: windows.map(({ stride }) => stride),
    group: batch * channels,
  });
  const kernel = windows.map((window) => window.kernel);
  return reduceSum(b, reshape(b, products, [batch, outputs, 1, ...kernel]), [0]);
}

/** Zeros around an image; `pads` are of its extents, all begins and then all ends. */
function paddedBy(b: Builder, x: Value, pads: readonly number[]): Value {
  const rank = pads.length / 2;
  return pads.some((amount) => amount > 0) ? pad(b, x, [0, 0, ...pads.slice(0, rank), 0, 0, ...pads.slice(rank)]) : x;
}
