import { defined } from '../core/errors.ts';
import { staticShapeOf, type Value } from '../graph/builder.ts';
import { add, pad } from '../graph/functions.ts';
import type { OpNode } from '../graph/graph.ts';
import { forwardFilter, gradientFilter, type TapSelection } from './blocked-filters.ts';
import { affine, blockedConv, interleave, ones, scatter, type BlockedPass, type Phases } from './blocked-values.ts';
import { axisWindows, imageShape, range, type AxisWindow } from './window.ts';

type Pads = readonly [number, number, number, number];

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

/** Forward convolution. */
export function convolution(pass: BlockedPass, node: OpNode<'Conv'>): boolean {
  const { builder: b, block } = pass;
  const [x = '', w = '', bias = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const filter = staticShapeOf(pass.plain(w));
  if (filter.length !== 4) return false;
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
  const result = blockedConv(b, source, forwardFilter(pass, w), {
    bias: bias === '' ? undefined : pass.plain(bias),
    kernel: [vertical.kernel, horizontal.kernel],
    pads: [vertical.before, horizontal.before, vertical.after, horizontal.after],
    strides: skips ? [1, 1] : strides,
    dilations: [vertical.dilation, horizontal.dilation],
  });
  pass.define(y, 'blocked', result);
  return true;
}

/** The input gradient along one axis of stride s as s interleaved stride-1 correlations, padded to one kernel size. */
interface AxisPhases {
  readonly count: number;
  readonly kernel: number;
  readonly before: number;
  readonly after: number;
  /** Filter tap that tap t of a phase's kernel is, or −1 for none. */
  readonly tap: (phase: number, t: number) => number;
}

/**
 * Pixel i·s + a receives tap k from output i + o where k = a + p − s·o: for each phase a a short correlation of gy with
 * every s-th tap, at offsets o. At stride 1 it is one correlation with the turned filter.
 */
function axisPhases({ size, out, kernel, stride, dilation, before }: AxisWindow): AxisPhases {
  if (stride === 1) {
    const reach = dilation * (kernel - 1);
    const after = size - out + before;
    return { count: 1, kernel, before: reach - before, after, tap: (_, t) => kernel - 1 - t };
  }
  const offsets = range(stride).flatMap((phase) =>
    range(kernel).flatMap((k) => ((phase + before - k) % stride === 0 ? [(phase + before - k) / stride] : [])),
  );
  const [first, last] = [Math.min(...offsets), Math.max(...offsets)];
  return {
    count: stride,
    kernel: last - first + 1,
    before: -first,
    after: Math.ceil(size / stride) - out + last,
    tap: (phase, t) => {
      const k = phase + before - stride * (t + first);
      return k >= 0 && k < kernel ? k : -1;
    },
  };
}

/** The taps of the filter that each phase of an input gradient is made of, and the padding of gy that all of them share. */
export function selectTaps(windows: readonly [AxisWindow, AxisWindow]): { selection: TapSelection; pads: Pads } {
  const [vertical, horizontal] = windows;
  const [v, h] = [axisPhases(vertical), axisPhases(horizontal)];
  const taps = range(v.count).flatMap((a) =>
    range(h.count).map((c) =>
      range(v.kernel).flatMap((p) =>
        range(h.kernel).map((q) => {
          const [i, j] = [v.tap(a, p), h.tap(c, q)];
          return i < 0 || j < 0 ? -1 : i * horizontal.kernel + j;
        }),
      ),
    ),
  );
  const key = windows.map(({ kernel, stride, before }) => [kernel, stride, before].join('_')).join('_');
  return { selection: { key, taps, kernel: [v.kernel, h.kernel] }, pads: [v.before, h.before, v.after, h.after] };
}

/** The other phases of an image that is zero there. */
function allPhases({ builder: b }: BlockedPass, sparse: Phases | undefined): Phases | undefined {
  if (sparse === undefined) return undefined;
  const { value, cell } = sparse;
  const channels = staticShapeOf(value)[1] ?? 0;
  return { value: pad(b, value, [0, 0, 0, 0, 0, (cell[0] * cell[1] - 1) * channels, 0, 0]), cell };
}

/** Input gradient; its sum is accumulated by the convolution itself. */
export function inputGradient(pass: BlockedPass, node: OpNode<'ConvInputGrad'>): boolean {
  const { builder: b } = pass;
  const [gy = '', w = '', sum = ''] = node.inputs;
  const gx = defined(node.outputs[0], 'gradient');
  if (node.attributes.group !== 1 || pass.blockable(gy) === undefined || pass.blockable(gx) === undefined) return false;
  const windows = axisWindows(node.attributes, node.attributes.input_shape, node.name);
  const [vertical, horizontal] = windows;
  const cell = [vertical.stride, horizontal.stride] as const;
  const strided = cell.some((stride) => stride > 1);
  if (strided && windows.some(({ dilation }) => dilation > 1)) return false;
  const { selection, pads } = selectTaps(windows);
  if (pads.some((amount) => amount < 0)) return false;
  // A gradient that is a scaled value leaves the scaling to the filter.
  const { value: gradient, scale } = pass.form(gy, 'scaled') ?? { value: pass.blocked(gy), scale: undefined };
  if (skipsPixels(windows)) {
    const turned = gradientFilter(pass, w, { key: '1×1', taps: [[0]], kernel: [1, 1] }, scale);
    const value = blockedConv(b, gradient, turned, { kernel: [1, 1] });
    const sparse = { value, cell };
    if (sum === '') pass.define(gx, 'sparse', sparse);
    else {
      const image = scatter(pass, sparse, imageShape(node.attributes.input_shape, node.name));
      pass.define(gx, 'blocked', add(b, image, pass.blocked(sum)));
    }
    return true;
  }
  const filter = gradientFilter(pass, w, selection, scale);
  const options = { kernel: selection.kernel, pads, dilations: [vertical.dilation, horizontal.dilation] } as const;
  if (!strided) {
    const skip = sum === '' ? undefined : pass.blocked(sum);
    pass.define(gx, 'blocked', blockedConv(b, gradient, filter, { ...options, sum: skip }));
    return true;
  }
  const others = sum === '' ? undefined : (pass.form(sum, 'phases') ?? allPhases(pass, pass.form(sum, 'sparse')));
  // A sum that is in the same phases already (the gradient of a strided shortcut) joins before the interleaving.
  const joined = others?.cell.every((count, axis) => count === cell[axis]) === true ? others.value : undefined;
  const value = blockedConv(b, gradient, filter, { ...options, sum: joined });
  if (sum === '' || joined !== undefined) pass.define(gx, 'phases', { value, cell });
  else {
    const image = interleave(pass, { value, cell }, imageShape(node.attributes.input_shape, node.name));
    pass.define(gx, 'blocked', add(b, image, pass.blocked(sum)));
  }
  return true;
}
