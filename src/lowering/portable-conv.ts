import { int32 } from '../core/tensor.ts';
import { staticShapeOf, type Builder, type Value } from '../graph/builder.ts';
import { add, concat, gather, matmul, pad, reduceSum, reshape, slice, split, transpose } from '../graph/functions.ts';
import type { OpNode } from '../graph/graph.ts';
import type { AttributesOf } from '../graph/ops.ts';
import type { Operands, Pass } from './pass.ts';
import { axisWindows, imageShape, range, type AxisWindow } from './window.ts';

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

/**
 * Conv, with groups of awkward size taken apart: ONNX Runtime's WebGPU provider returns wrong numbers for a grouped
 * convolution with 4 or more outputs a group that its vector width (of 4 or 2) does not divide.
 */
export function safeConv(
  b: Builder,
  x: Value,
  w: Value,
  bias: Value | undefined,
  attributes: AttributesOf<'Conv'>,
): Value {
  const { group } = attributes;
  const perGroup = (staticShapeOf(w)[0] ?? 0) / group;
  if (group === 1 || perGroup < 4 || perGroup % 4 === 0) return b.op('Conv', [x, w, bias], attributes);
  const apart = (value: Value, axis: number): readonly Value[] => {
    const part = (staticShapeOf(value)[axis] ?? 0) / group;
    return splitInSlices(b, value, new Array<number>(group).fill(part), axis);
  };
  const filters = apart(w, 0);
  const biases = bias === undefined ? [] : apart(bias, 0);
  const results = apart(x, 1).flatMap((part, index) => {
    const filter = filters[index];
    return filter === undefined ? [] : [b.op('Conv', [part, filter, biases[index]], { ...attributes, group: 1 })];
  });
  return concatInTree(b, results, 1);
}

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

/** Filter `[co, ci/g, kh, kw]` turned by 180° with its channels exchanged: `[ci, co/g, kh, kw]`. */
function transposedFilter(pass: Pass, w: Value, group: number): Value {
  const { builder: b } = pass;
  const [co, perGroup, kh, kw] = imageShape(staticShapeOf(w), w.name);
  const taps = kh * kw;
  let grouped = reshape(b, w, [group, co / group, perGroup, taps]);
  if (taps > 1) {
    const turned = pass.constant(`turn${taps}`, () => int32([taps], range(taps).reverse()));
    grouped = gather(b, grouped, turned, 3);
  }
  return reshape(b, transpose(b, grouped, [0, 2, 1, 3]), [group * perGroup, co / group, kh, kw]);
}

/**
 * Input gradient. At stride 1 the convolution of gy with the turned filter, which ONNX Runtime computes twice as fast as
 * ConvTranspose; else ConvTranspose, whose output_padding restores the pixels that the last stride left out.
 */
export function convInputGrad(pass: Pass, node: OpNode<'ConvInputGrad'>, { input, optional }: Operands): Value {
  const { builder: b } = pass;
  const { attributes } = node;
  const { input_shape, ...convolution } = attributes;
  const [gy, w, sum] = [input(0), input(1), optional(2)];
  const windows = axisWindows(attributes, input_shape, node.name);
  const [vertical, horizontal] = windows.map(transposedPadding);
  const pads = [vertical?.before ?? 0, horizontal?.before ?? 0, vertical?.after ?? 0, horizontal?.after ?? 0];
  let gx: Value;
  if (windows.every(({ stride }) => stride === 1) && pads.every((amount) => amount >= 0)) {
    const filter = transposedFilter(pass, w, attributes.group);
    gx = safeConv(b, gy, filter, undefined, { ...convolution, pads });
  } else {
    const output_padding = windows.map(
      ({ size, out, kernel, stride, dilation, before, after }) =>
        size + before + after - stride * (out - 1) - dilation * (kernel - 1) - 1,
    );
    gx = b.op('ConvTranspose', [gy, w], { ...convolution, output_padding });
  }
  return sum === undefined ? gx : add(b, gx, sum);
}

/** Rows (or columns) that tap `tap` of a padded image meets. */
function tapSlice(tap: number, { out, stride, dilation }: AxisWindow) {
  const start = tap * dilation;
  return { start, end: start + stride * (out - 1) + 1, step: stride };
}

/**
 * Weight gradient: for each tap of the filter, the padded image shifted by it times gy, summed over pixels as a matrix
 * product and then over the batch. Groups are a batch dimension of the product.
 */
export function convWeightGrad(pass: Pass, node: OpNode<'ConvWeightGrad'>, { input }: Operands): Value {
  const { builder: b } = pass;
  const [x, gy] = [input(0), input(1)];
  const { group, pads, kernel_shape } = node.attributes;
  const [batch, channels] = imageShape(staticShapeOf(x), node.name);
  const [, outputs] = imageShape(staticShapeOf(gy), node.name);
  const [vertical, horizontal] = axisWindows(node.attributes, staticShapeOf(x), node.name);
  const [top = 0, left = 0, bottom = 0, right = 0] = pads;
  const padded = pads.some((amount) => amount > 0) ? pad(b, x, [0, 0, top, left, 0, 0, bottom, right]) : x;
  const pixels = vertical.out * horizontal.out;
  // Swapping the operands keeps the smaller matrix's rows contiguous: few outputs make a thin product.
  const rows = reshape(b, gy, [batch, group, outputs / group, pixels]);
  const taps: Value[] = [];
  for (let i = 0; i < vertical.kernel; i++)
    for (let j = 0; j < horizontal.kernel; j++) {
      const [v, h] = [tapSlice(i, vertical), tapSlice(j, horizontal)];
      const shifted = b.op('Slice', [padded], {
        starts: [v.start, h.start],
        ends: [v.end, h.end],
        axes: [2, 3],
        steps: [v.step, h.step],
      });
      taps.push(reshape(b, shifted, [batch, group, channels / group, pixels]));
    }
  const perTap = taps.map((tap) => {
    const product = matmul(b, rows, transpose(b, tap, [0, 1, 3, 2]));
    return reshape(b, reduceSum(b, product, [0]), [outputs, channels / group, 1]);
  });
  return reshape(b, concatInTree(b, perTap, 2), [outputs, channels / group, ...kernel_shape]);
}
