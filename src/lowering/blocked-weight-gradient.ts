import { defined } from '../core/errors.ts';
import { staticShapeOf, type Value } from '../graph/builder.ts';
import { gather, mul, pad, reduceSum, reshape, transpose } from '../graph/functions.ts';
import type { OpNode } from '../graph/graph.ts';
import { skipsPixels, subsampled } from './blocked-conv.ts';
import { affine, blockedConv, blocksOfRows, indices, ones, type BlockedPass } from './blocked-values.ts';
import { axisWindows, imageShape, range, type AxisWindow } from './window.ts';

/**
 * Weight gradient of a convolution as one blocked convolution, with the batch as the channels that are summed over, gy as
 * the filter, and (kernel column, input channel) side by side as the columns of the result:
 *
 *   gw[co, ci, k, l] = Σ_n Σ_ij x[n, ci, i·s + k − p, j·s + l − p]·gy[n, co, i, j]
 *
 * The batch is cut into groups of b images; the groups' results are added. x becomes row-major in (width, channel), so
 * that a step of one pixel is a dilation of C columns.
 */
export function weightGradient(pass: BlockedPass, node: OpNode<'ConvWeightGrad'>): boolean {
  const { builder: b, block } = pass;
  const [x = '', gy = ''] = node.inputs;
  const gw = defined(node.outputs[0], 'gradient');
  const output = pass.blockable(gy);
  if (node.attributes.group !== 1 || node.attributes.dilations.some((step) => step !== 1) || output === undefined)
    return false;
  const [batch, co, outHeight, outWidth] = output;
  const blocked = pass.isBlocked(x) && pass.blockable(x) !== undefined;
  const image = blocked ? pass.blockable(x) : imageShape(staticShapeOf(pass.plain(x)), x);
  const [, channels] = defined(image, 'image');
  let windows = axisWindows(node.attributes, defined(image, 'image'), node.name);
  const skips = blocked && skipsPixels(windows);
  const strides = [windows[0].stride, windows[1].stride] as const;
  if (skips) windows = [unstrided(windows[0]), unstrided(windows[1])];
  const [vertical, horizontal] = windows;
  const groups = Math.ceil(batch / block);

  const width = horizontal.size + horizontal.before + after(horizontal);
  const rows = blocked
    ? blockedRows(pass, skips ? subsampled(pass, x, strides) : pass.again(x), horizontal)
    : plainRows(pass, pass.plain(x), horizontal);
  const images = reshape(b, fillBatch(pass, rows), [groups, block, vertical.size, width * channels]);
  const columns = reshape(b, b.op('nchwc.ReorderInput', [images], { channels_last: 0 }), [
    1,
    groups * block,
    vertical.size,
    width * channels,
  ]);

  // gy as a filter: within each group and channel block, (image, pixel) becomes (pixel, image).
  const places = (co / block) * outHeight * outWidth;
  const order = indices(pass, `filter_${places}`, () =>
    range(places).flatMap((place) => range(block).map((member) => member * places + place)),
  );
  const scaled = pass.form(gy, 'scaled');
  const flat = reshape(b, fillBatch(pass, scaled?.value ?? pass.blocked(gy)), [groups, block * places, block]);
  const filter = reshape(b, gather(b, flat, order, 1), [groups * co, block, outHeight, outWidth]);

  const product = blockedConv(b, columns, filter, {
    kernel: [outHeight, outWidth],
    pads: [vertical.before, 0, after(vertical), 0],
    dilations: [vertical.stride, horizontal.stride * channels],
    group: groups,
  });
  const rowsOfTaps = [extent(vertical), extent(horizontal)] as const;
  let split = reshape(b, product, [groups, co / block, ...rowsOfTaps, channels * block]);
  if (rowsOfTaps[0] > vertical.kernel || rowsOfTaps[1] > horizontal.kernel) {
    const ends = [vertical.kernel, horizontal.kernel];
    split = b.op('Slice', [split], { starts: [0, 0], ends, axes: [2, 3], steps: [1, 1] });
  }
  const taps = vertical.kernel * horizontal.kernel;
  const sums = groups > 1 ? reduceSum(b, split, [0]) : split;
  // (tap, channel) becomes (channel, tap) by rows of b outputs, which then become the first axis.
  let ordered = reshape(b, sums, [co / block, taps * channels, block]);
  if (taps > 1) {
    const exchanged = indices(pass, `taps_${[taps, channels].join('_')}`, () =>
      range(channels).flatMap((channel) => range(taps).map((tap) => tap * channels + channel)),
    );
    ordered = gather(b, ordered, exchanged, 1);
  }
  let result = blocksOfRows(pass, ordered);
  if (scaled !== undefined) result = mul(b, result, reshape(b, scaled.scale, [co / block, block, 1]));
  pass.define(gw, 'plain', reshape(b, result, [co, channels, vertical.kernel, horizontal.kernel]));
  return true;
}

/** The window of the same convolution on the image of the pixels that it reads. */
const unstrided = (window: AxisWindow): AxisWindow => ({ ...window, size: window.out, stride: 1 });

/** Padding behind, such that the result has at least the kernel's extent. */
const after = ({ size, out, kernel, stride, before }: AxisWindow): number =>
  Math.max(0, stride * (out - 1) + kernel - size - before);

/** Extent of the result: more than the kernel where a stride leaves pixels at the end unused. */
const extent = (window: AxisWindow): number =>
  window.size + window.before + after(window) - window.stride * (window.out - 1);

/** `[N, H, W′, C]`, columns padded, from a blocked image. */
function blockedRows(pass: BlockedPass, x: Value, horizontal: AxisWindow): Value {
  const { builder: b, block } = pass;
  const channels = staticShapeOf(x)[1] ?? 0;
  const [left, right] = [horizontal.before, after(horizontal)];
  const padded = left + right > 0 ? affine(pass, x, ones(pass, channels), undefined, { pads: [0, left, 0, right] }) : x;
  const [batch, , height, width] = imageShape(staticShapeOf(padded), 'image');
  // A single block is row-major in (pixel, channel) already.
  return channels === block
    ? reshape(b, padded, [batch, height, width, channels])
    : b.op('nchwc.ReorderOutput', [padded], { channels, channels_last: 1 });
}

/** `[N, H, W′, C]`, columns padded, from a row-major `[N, C, H, W]`. */
function plainRows({ builder: b }: BlockedPass, x: Value, horizontal: AxisWindow): Value {
  const [left, right] = [horizontal.before, after(horizontal)];
  const rows = transpose(b, x, [0, 2, 3, 1]);
  return left + right > 0 ? pad(b, rows, [0, 0, left, 0, 0, 0, right, 0]) : rows;
}

/** Images of zeros up to a multiple of b. */
function fillBatch({ builder: b, block }: BlockedPass, x: Value): Value {
  const shape = staticShapeOf(x);
  const rest = (shape[0] ?? 0) % block;
  if (rest === 0) return x;
  return pad(b, x, [...shape.map(() => 0), ...shape.map((_, axis) => (axis === 0 ? block - rest : 0))]);
}
