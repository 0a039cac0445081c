import { defined } from '../core/errors.ts';
import { float32 } from '../core/tensor.ts';
import { staticShapeOf, type Value } from '../graph/builder.ts';
import { add, concat, gather, mul, neg, reduceMean, reshape, slice, transpose } from '../graph/functions.ts';
import type { OpNode } from '../graph/graph.ts';
import { affine, blockedConv, indices, interleave, ones, type BlockedPass } from './blocked-values.ts';
import { axisWindows, imageShape, range, type AxisWindow } from './window.ts';

type Pads = readonly [number, number, number, number];

const padsOf = (vertical: AxisWindow, horizontal: AxisWindow): Pads => [
  vertical.before,
  horizontal.before,
  vertical.after,
  horizontal.after,
];

/** Filter `[co, ci, kh, kw]` in the order that blocked convolutions read; fewer than b input channels stay unblocked. */
function forwardFilter(pass: BlockedPass, name: string): Value {
  const { builder: b, block } = pass;
  return pass.once(`${name}: forward filter`, () => {
    const w = pass.plain(name);
    const [co, ci, kh, kw] = imageShape(staticShapeOf(w), name);
    const ordered =
      ci < block
        ? transpose(b, reshape(b, w, [co / block, block, ci, kh * kw]), [0, 2, 3, 1])
        : transpose(b, reshape(b, w, [co / block, block, ci / block, block, kh * kw]), [0, 2, 4, 3, 1]);
    return reshape(b, ordered, [co, ci, kh, kw]);
  });
}

/** The filter with each output channel multiplied by its scale. */
function scaledFilter(pass: BlockedPass, name: string, scale: Value | undefined): Value {
  const { builder: b } = pass;
  const w = pass.plain(name);
  return scale === undefined ? w : mul(b, w, reshape(b, scale, [staticShapeOf(scale)[0] ?? 0, 1, 1, 1]));
}

/** The filter turned by 180° with its channels exchanged, `[ci, co, kh, kw]`, for the input gradient at stride 1. */
function backwardFilter(pass: BlockedPass, name: string, scale: Value | undefined): Value {
  const { builder: b, block } = pass;
  return pass.once(`${name}: backward filter ${scale?.name ?? ''}`, () => {
    const w = scaledFilter(pass, name, scale);
    const [co, ci, kh, kw] = imageShape(staticShapeOf(w), name);
    const taps = kh * kw;
    let split = reshape(b, w, [co / block, block, ci / block, block, taps]);
    if (taps > 1)
      split = gather(
        b,
        split,
        indices(pass, `turn_${taps}`, () => range(taps).reverse()),
        4,
      );
    return reshape(b, transpose(b, split, [2, 0, 4, 1, 3]), [ci, co, kh, kw]);
  });
}

/** Every `stride`-th pixel: a 1×1 convolution with a stride reads no others. */
export function subsampled(pass: BlockedPass, name: string, strides: readonly [number, number]): Value {
  return pass.once(`${name}: every ${strides.join('×')}`, () => {
    const x = pass.blocked(name);
    return affine(pass, x, ones(pass, staticShapeOf(x)[1] ?? 0), undefined, { strides });
  });
}

/** Whether the convolution is 1×1 without padding and leaves pixels out. */
export const skipsPixels = (windows: readonly AxisWindow[]): boolean =>
  windows.every(({ kernel, before, after }) => kernel === 1 && before === 0 && after === 0) &&
  windows.some(({ stride }) => stride > 1);

/** Share of the batch from which a convolution's mean is estimated: one image in 64. */
const SAMPLED = 64;

/**
 * Forward convolution. With `shift`, the result is less an estimate of its mean per channel, which costs one convolution of
 * a 64th of the batch and is otherwise free (a bias): batch statistics of the shifted result do not cancel.
 */
export function convolution(pass: BlockedPass, node: OpNode<'Conv'>, shift: boolean): boolean {
  const { builder: b, block } = pass;
  const [x = '', w = '', bias = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const filter = staticShapeOf(pass.plain(w));
  const [co, ci] = imageShape(filter, node.name);
  if (node.attributes.group !== 1 || pass.blockable(y) === undefined || co % block !== 0) return false;
  const input = ci < block ? pass.plain(x) : undefined;
  const image = input === undefined ? pass.blockable(x) : staticShapeOf(input);
  if (image === undefined) return false;
  const windows = axisWindows(node.attributes, image, node.name);
  const [vertical, horizontal] = windows;
  const strides = [vertical.stride, horizontal.stride] as const;
  const skips = input === undefined && skipsPixels(windows);
  const source = input ?? (skips ? subsampled(pass, x, strides) : pass.blocked(x));
  const options = {
    kernel: [vertical.kernel, horizontal.kernel],
    pads: padsOf(vertical, horizontal),
    strides: skips ? ([1, 1] as const) : strides,
    dilations: [vertical.dilation, horizontal.dilation],
  } as const;
  const weights = forwardFilter(pass, w);
  const offset = bias === '' ? undefined : pass.plain(bias);
  if (!shift) {
    pass.define(y, 'blocked', blockedConv(b, source, weights, { ...options, bias: offset }));
    return true;
  }
  const images = staticShapeOf(source)[0] ?? 1;
  const sample = blockedConv(b, slice(b, source, 0, 0, Math.ceil(images / SAMPLED)), weights, options);
  const mean = reduceMean(b, b.op('nchwc.GlobalAveragePool', [sample], {}), [0, 2, 3]);
  pass.define(y, 'shifted', {
    value: blockedConv(b, source, weights, { ...options, bias: neg(b, mean) }),
    shift: offset === undefined ? mean : add(b, mean, offset),
  });
  return true;
}

/** The input gradient of one stride-s axis as s interleaved stride-1 convolutions, padded to one kernel size. */
interface AxisPhases {
  readonly count: number;
  readonly grid: number;
  readonly kernel: number;
  readonly before: number;
  readonly after: number;
  /** Filter tap that tap t of a phase's kernel is, or −1 for none. */
  readonly tap: (phase: number, t: number) => number;
}

/**
 * Pixel i·s + a receives tap k from output i + o where k = a + p − s·o: for each phase a a short correlation of gy with
 * every s-th tap, at offsets o.
 */
function axisPhases({ size, out, kernel, stride, before }: AxisWindow): AxisPhases {
  const offsets = range(stride).flatMap((phase) =>
    range(kernel).flatMap((k) => ((phase + before - k) % stride === 0 ? [(phase + before - k) / stride] : [])),
  );
  const [first, last] = [Math.min(...offsets), Math.max(...offsets)];
  const grid = Math.ceil(size / stride);
  return {
    count: stride,
    grid,
    kernel: last - first + 1,
    before: -first,
    after: grid - out + last,
    tap: (phase, t) => {
      const k = phase + before - stride * (t + first);
      return k >= 0 && k < kernel ? k : -1;
    },
  };
}

/** Filters of all phases, `[phases·ci, co, kernel, kernel]`: taps gathered from the filter and one tap of zeros. */
function phaseFilter(
  pass: BlockedPass,
  name: string,
  scale: Value | undefined,
  key: string,
  vertical: AxisPhases,
  horizontal: AxisPhases,
): Value {
  const { builder: b, block } = pass;
  return pass.once(`${name}: phases ${key} ${scale?.name ?? ''}`, () => {
    const w = scaledFilter(pass, name, scale);
    const [co, ci, kh, kw] = imageShape(staticShapeOf(w), name);
    const zero = pass.constant(`zeros_${co}_${ci}`, () => float32([co, ci, 1], new Float32Array(co * ci)));
    const order = indices(pass, `phases_${key}`, () =>
      range(vertical.count).flatMap((a) =>
        range(horizontal.count).flatMap((c) =>
          range(vertical.kernel).flatMap((p) =>
            range(horizontal.kernel).map((q) => {
              const [i, j] = [vertical.tap(a, p), horizontal.tap(c, q)];
              return i < 0 || j < 0 ? kh * kw : i * kw + j;
            }),
          ),
        ),
      ),
    );
    const [phases, taps] = [vertical.count * horizontal.count, vertical.kernel * horizontal.kernel];
    const gathered = gather(b, concat(b, [reshape(b, w, [co, ci, kh * kw]), zero], 2), order, 2);
    const split = reshape(b, gathered, [co / block, block, ci / block, block, phases, taps]);
    return reshape(b, transpose(b, split, [4, 2, 0, 5, 1, 3]), [phases * ci, co, vertical.kernel, horizontal.kernel]);
  });
}

/** Input gradient; its sum is accumulated by the convolution itself. */
export function inputGradient(pass: BlockedPass, node: OpNode<'ConvInputGrad'>): boolean {
  const { builder: b } = pass;
  const [gy = '', w = '', sum = ''] = node.inputs;
  const gx = defined(node.outputs[0], 'gradient');
  const windows = axisWindows(node.attributes, node.attributes.input_shape, node.name);
  if (node.attributes.group !== 1 || pass.blockable(gy) === undefined || pass.blockable(gx) === undefined) return false;
  const [vertical, horizontal] = windows;
  // A gradient that is a scaled value leaves the scaling to the filter.
  const { value: gradient, scale } = pass.form(gy, 'scaled') ?? { value: pass.blocked(gy), scale: undefined };
  if (vertical.stride === 1 && horizontal.stride === 1) {
    const [v, h] = windows.map(({ kernel, dilation, before, after }) => {
      const reach = dilation * (kernel - 1);
      return { before: reach - before, after: reach - after };
    });
    const pads = [v?.before ?? 0, h?.before ?? 0, v?.after ?? 0, h?.after ?? 0] as const;
    if (pads.some((amount) => amount < 0)) return false;
    const result = blockedConv(b, gradient, backwardFilter(pass, w, scale), {
      kernel: [vertical.kernel, horizontal.kernel],
      pads,
      dilations: [vertical.dilation, horizontal.dilation],
      sum: sum === '' ? undefined : pass.blocked(sum),
    });
    pass.define(gx, 'blocked', result);
    return true;
  }
  if (vertical.dilation !== 1 || horizontal.dilation !== 1) return false;
  const [v, h] = [axisPhases(vertical), axisPhases(horizontal)];
  const pads = [v.before, h.before, v.after, h.after] as const;
  if (pads.some((amount) => amount < 0)) return false;
  const cell = [v.count, h.count] as const;
  const key = windows.map((window) => [window.kernel, window.stride, window.before].join('_')).join('_');
  const others = sum === '' ? undefined : pass.form(sum, 'phases');
  // A sum that is in the same phases already (the gradient of a strided shortcut) joins before the interleaving.
  const joined = others?.cell.every((count, axis) => count === cell[axis]) === true ? others.value : undefined;
  const value = blockedConv(b, gradient, phaseFilter(pass, w, scale, key, v, h), {
    kernel: [v.kernel, h.kernel],
    pads,
    sum: joined,
  });
  if (sum === '' || joined !== undefined) {
    pass.define(gx, 'phases', { value, cell });
    return true;
  }
  const image = interleave(pass, { value, cell }, imageShape(node.attributes.input_shape, node.name));
  pass.define(gx, 'blocked', add(b, image, pass.blocked(sum)));
  return true;
}
