import { defined } from '../core/errors.ts';
import { float32 } from '../core/tensor.ts';
import { staticShapeOf, type Value } from '../graph/builder.ts';
import { add, concat, gather, mul, reduceSum, reshape } from '../graph/functions.ts';
import type { OpNode } from '../graph/graph.ts';
import { selectTaps } from './blocked-conv.ts';
import { blockedConv, blocksOfRows, indices, interleave, rowsOfBlocks, type BlockedPass } from './blocked-values.ts';
import { axisWindows, imageShape, type AxisWindow } from './window.ts';

/** Whether each channel is convolved with a filter `[C, 1, kh, kw]` of its own. */
export function isDepthwise(group: number, filter: readonly number[]): boolean {
  return group > 1 && filter[0] === group && filter[1] === 1;
}

/**
 * A depthwise filter `[C, 1, kh, kw]` in the order `[C/b, tap, b]` that blocked convolutions read, of some of its taps (−1: a
 * tap of zeros), each channel multiplied by its scale.
 */
function filterOf(
  pass: BlockedPass,
  name: string,
  {
    key,
    taps,
    kernel,
  }: { readonly key: string; readonly taps?: readonly number[]; readonly kernel: readonly number[] },
  scale?: Value,
): Value {
  const { builder: b, block } = pass;
  return pass.once(`${name}: depthwise ${key} ${scale?.name ?? ''}`, () => {
    const w = pass.plain(name);
    const [channels, , kh, kw] = imageShape(staticShapeOf(w), name);
    const blocks = channels / block;
    const all = pass.once(`${name}: depthwise rows ${scale?.name ?? ''}`, () => {
      const rows = rowsOfBlocks(pass, reshape(b, w, [blocks, block, kh * kw]));
      return scale === undefined ? rows : mul(b, rows, reshape(b, scale, [blocks, 1, block]));
    });
    if (taps === undefined) return reshape(b, all, [channels, 1, ...kernel]);
    let rows = all;
    if (taps.includes(-1)) {
      const zeros = pass.constant(`zero_tap_${channels}`, () =>
        float32([blocks, 1, block], new Float32Array(channels)),
      );
      rows = concat(b, [all, zeros], 1);
    }
    const order = indices(pass, `depthwise_${kh}_${kw}_${key}`, () => taps.map((tap) => (tap < 0 ? kh * kw : tap)));
    return reshape(b, gather(b, rows, order, 1), [channels, 1, ...kernel]);
  });
}

/** Forward: the blocked convolution has a kernel for it. */
export function depthwiseConvolution(pass: BlockedPass, node: OpNode<'Conv'>): boolean {
  const [x = '', w = '', bias = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const image = pass.blockable(x);
  if (image === undefined) return false;
  const [vertical, horizontal] = axisWindows(node.attributes, image, node.name);
  const kernel = [vertical.kernel, horizontal.kernel] as const;
  const result = blockedConv(pass.builder, pass.blocked(x), filterOf(pass, w, { key: 'forward', kernel }), {
    bias: bias === '' ? undefined : pass.plain(bias),
    kernel,
    pads: [vertical.before, horizontal.before, vertical.after, horizontal.after],
    strides: [vertical.stride, horizontal.stride],
    dilations: [vertical.dilation, horizontal.dilation],
    group: node.attributes.group,
  });
  pass.define(y, 'blocked', result);
  return true;
}

/** Input gradient: for each phase of the strides a depthwise convolution of gy with the taps that meet it. */
export function depthwiseInputGradient(pass: BlockedPass, node: OpNode<'ConvInputGrad'>): boolean {
  const { builder: b } = pass;
  const [gy = '', w = '', sum = ''] = node.inputs;
  const gx = defined(node.outputs[0], 'gradient');
  const { group, input_shape } = node.attributes;
  if (pass.blockable(gy) === undefined || pass.blockable(gx) === undefined) return false;
  const windows = axisWindows(node.attributes, input_shape, node.name);
  const [vertical, horizontal] = windows;
  const cell = [vertical.stride, horizontal.stride] as const;
  const strided = cell.some((stride) => stride > 1);
  if (strided && windows.some(({ dilation }) => dilation > 1)) return false;
  const { selection, pads } = selectTaps(windows);
  if (pads.some((amount) => amount < 0)) return false;
  const { value: gradient, scale } = pass.form(gy, 'scaled') ?? { value: pass.blocked(gy), scale: undefined };
  const { kernel } = selection;
  const options = { kernel, pads, dilations: [vertical.dilation, horizontal.dilation], group } as const;
  const filters = selection.taps.map((taps, phase) =>
    filterOf(pass, w, { key: `gradient_${selection.key}_${phase}`, taps, kernel }, scale),
  );
  if (!strided) {
    const skip = sum === '' ? undefined : pass.blocked(sum);
    pass.define(gx, 'blocked', blockedConv(b, gradient, defined(filters[0], 'filter'), { ...options, sum: skip }));
    return true;
  }
  const value = concat(
    b,
    filters.map((filter) => blockedConv(b, gradient, filter, options)),
    1,
  );
  if (sum === '') pass.define(gx, 'phases', { value, cell });
  else {
    const image = interleave(pass, { value, cell }, imageShape(input_shape, node.name));
    pass.define(gx, 'blocked', add(b, image, pass.blocked(sum)));
  }
  return true;
}

/**
 * Weight gradient: with every channel of every image as a channel of one image, a depthwise convolution of x with gy as the
 * filter, whose taps are a stride of the original convolution apart; then a sum over the images.
 */
export function depthwiseWeightGradient(pass: BlockedPass, node: OpNode<'ConvWeightGrad'>): boolean {
  const { builder: b, block } = pass;
  const [x = '', gy = ''] = node.inputs;
  const gw = defined(node.outputs[0], 'gradient');
  const [image, output] = [pass.blockable(x), pass.blockable(gy)];
  if (image === undefined || output === undefined) return false;
  const [batch, channels, height, width] = image;
  const [, , outHeight, outWidth] = output;
  const windows = axisWindows(node.attributes, image, node.name);
  const after = windows.map(({ kernel, dilation, stride, out, size, before }: AxisWindow) => {
    return dilation * (kernel - 1) + 1 + stride * (out - 1) - size - before;
  });
  // Pixels that no window reaches would add rows to the result.
  if (after.some((amount) => amount < 0)) return false;
  const [vertical, horizontal] = windows;
  const taps = vertical.kernel * horizontal.kernel;
  const group = batch * channels;
  const { value: gradient, scale } = pass.form(gy, 'scaled') ?? { value: pass.blocked(gy), scale: undefined };
  const product = blockedConv(
    b,
    reshape(b, pass.again(x), [1, group, height, width]),
    reshape(b, gradient, [group, 1, outHeight, outWidth]),
    {
      kernel: [outHeight, outWidth],
      pads: [vertical.before, horizontal.before, after[0] ?? 0, after[1] ?? 0],
      strides: [vertical.dilation, horizontal.dilation],
      dilations: [vertical.stride, horizontal.stride],
      group,
    },
  );
  const sums = reduceSum(b, reshape(b, product, [batch, channels / block, taps, block]), [0]);
  let result = blocksOfRows(pass, sums);
  if (scale !== undefined) result = mul(b, result, reshape(b, scale, [channels / block, block, 1]));
  pass.define(gw, 'plain', reshape(b, result, [channels, 1, vertical.kernel, horizontal.kernel]));
  return true;
}
