import { isStatic, sizeOf } from '../core/shape.ts';
import { staticShapeOf, type Builder, type Value } from '../graph/builder.ts';
import { pad, reshape, slice } from '../graph/functions.ts';
import type { AttributesOf } from '../graph/ops.ts';
import type { Pass } from './pass.ts';
import { concatInTree, plainForms, splitInSlices, transposedFilter, type ConvolutionForms } from './portable-conv.ts';

/** ONNX Runtime's WebGPU provider has convolutions of three extents, but neither in groups nor transposed. */
const MOST_EXTENTS = 2;

/**
 * Conv, with some groups taken apart: those of three extents, and those of awkward size. ONNX Runtime's WebGPU provider returns
 * wrong numbers for a grouped convolution with 4 or more outputs a group that its vector width (of 4 or 2) does not divide.
 */
function convTakenApart(
  b: Builder,
  x: Value,
  w: Value,
  bias: Value | undefined,
  attributes: AttributesOf<'Conv'>,
): Value {
  const { group, kernel_shape } = attributes;
  const [outputs = 0, channels = 0] = staticShapeOf(w);
  const perGroup = outputs / group;
  const fits = kernel_shape.length <= MOST_EXTENTS && (perGroup < 4 || perGroup % 4 === 0);
  if (group === 1 || fits) return b.op('Conv', [x, w, bias], attributes);
  const apart = (value: Value, axis: number, part: number): readonly Value[] =>
    splitInSlices(b, value, new Array<number>(group).fill(part), axis);
  const filters = apart(w, 0, perGroup);
  const biases = bias === undefined ? [] : apart(bias, 0, perGroup);
  const results = apart(x, 1, channels).flatMap((part, index) => {
    const filter = filters[index];
    return filter === undefined ? [] : [b.op('Conv', [part, filter, biases[index]], { ...attributes, group: 1 })];
  });
  return concatInTree(b, results, 1);
}

/** stride − 1 zeros behind every element along an axis. */
function withZerosBetween(b: Builder, x: Value, axis: number, stride: number): Value {
  if (stride === 1) return x;
  const shape = staticShapeOf(x);
  const [outer, size = 0, inner] = [sizeOf(shape.slice(0, axis)), shape[axis], sizeOf(shape.slice(axis + 1))];
  const padded = pad(b, reshape(b, x, [outer, size, 1, inner]), [0, 0, 0, 0, 0, 0, stride - 1, 0]);
  return reshape(
    b,
    padded,
    shape.map((extent, k) => (k === axis ? size * stride : extent)),
  );
}

/**
 * ConvTranspose; of three extents, the convolution at stride 1 with the turned filter of x with zeros between its elements
 * (Dumoulin & Visin 2016, section 4).
 */
function transposed(
  pass: Pass,
  x: Value,
  w: Value,
  bias: Value | undefined,
  attributes: AttributesOf<'ConvTranspose'>,
): Value {
  const { builder: b } = pass;
  const { kernel_shape, strides, dilations, pads, output_padding, group } = attributes;
  const rank = kernel_shape.length;
  if (rank <= MOST_EXTENTS || !isStatic(x.type.shape)) return plainForms.transposed(pass, x, w, bias, attributes);
  const sides = kernel_shape.map((kernel, axis) => {
    const [stride, reach] = [strides[axis] ?? 1, (dilations[axis] ?? 1) * (kernel - 1)];
    const before = reach - (pads[axis] ?? 0);
    // The zeros behind the last element count as padding.
    const after = reach - (pads[axis + rank] ?? 0) + (output_padding[axis] ?? 0) - (stride - 1);
    return { stride, before, after };
  });
  const image = sides.reduce((spread, { stride, before, after }, index) => {
    const axis = index + 2;
    const apart = withZerosBetween(b, spread, axis, stride);
    const size = staticShapeOf(apart)[axis] ?? 0;
    return before >= 0 && after >= 0 ? apart : slice(b, apart, axis, Math.max(0, -before), size + Math.min(0, after));
  }, x);
  return convTakenApart(b, image, transposedFilter(pass, w, group), bias, {
    kernel_shape,
    strides: strides.map(() => 1),
    dilations,
    group,
    pads: [...sides.map(({ before }) => Math.max(0, before)), ...sides.map(({ after }) => Math.max(0, after))],
  });
}

/** Forms that ONNX Runtime's WebGPU provider computes right. */
export const forAnyDevice: ConvolutionForms = { conv: convTakenApart, transposed, groupedExtents: MOST_EXTENTS };
