import { defined } from '../core/errors.ts';
import { float32 } from '../core/tensor.ts';
import { staticShapeOf, type Value } from '../graph/builder.ts';
import { add, cast, expand, mul, pad, reshape, scalar, slice, sub } from '../graph/functions.ts';
import type { OpNode } from '../graph/graph.ts';
import { concatInTree } from './portable-conv.ts';
import type { Operands, Pass } from './pass.ts';
import { range, windowsAlong, type AxisWindow } from './window.ts';

/**
 * Gradients of pooling from slices, comparisons and sums: ONNX Runtime's WebGPU provider has no MaxPool with indices.
 * Tensors are `[outer.., ...extents, inner..]`; the recipes below only touch the extents, whose first axis is `axis`.
 */
interface Spatial {
  readonly axis: number;
  readonly windows: readonly AxisWindow[];
}

const replace = (shape: readonly number[], at: number, extents: readonly number[]): number[] =>
  shape.map((extent, axis) => extents[axis - at] ?? extent);

/** Zeros around axis `axis`, or fewer elements where an amount is negative. */
function padOrCrop(pass: Pass, x: Value, axis: number, before: number, after: number): Value {
  const { builder: b } = pass;
  const shape = staticShapeOf(x);
  const size = defined(shape[axis], 'extent');
  const cropped = before < 0 || after < 0 ? slice(b, x, axis, Math.max(0, -before), size - Math.max(0, -after)) : x;
  if (before <= 0 && after <= 0) return cropped;
  const pads = [...shape, ...shape].map((_, index) =>
    index === axis ? Math.max(0, before) : index === axis + shape.length ? Math.max(0, after) : 0,
  );
  return pad(b, cropped, pads);
}

/**
 * The transpose of sliding along one axis: element i of `taps[t]` (each `out` long) is added to position
 * `i·stride + t·dilation − before` of a result `size` long. Taps of equal phase t·dilation mod stride only differ by a shift,
 * and the phases interleave.
 */
function spread(pass: Pass, taps: readonly Value[], axis: number, window: AxisWindow): Value {
  const { builder: b } = pass;
  const { size, out, stride, dilation, before } = window;
  const positions = Math.ceil((size + before) / stride);
  const phases = range(stride).map((phase) => {
    const shifted = taps.flatMap((tap, t) => {
      const offset = t * dilation - phase;
      return offset % stride === 0
        ? [padOrCrop(pass, tap, axis, offset / stride, positions - out - offset / stride)]
        : [];
    });
    return shifted.reduce<Value | undefined>((sum, tap) => (sum === undefined ? tap : add(b, sum, tap)), undefined);
  });
  const known = defined(
    phases.find((phase) => phase !== undefined),
    'phase with a tap',
  );
  const shape = staticShapeOf(known);
  const separated = phases.map((phase) => {
    const values = phase ?? expand(b, scalar(b, 0), shape);
    return reshape(b, values, [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)]);
  });
  const interleaved = reshape(b, concatInTree(b, separated, axis + 1), replace(shape, axis, [positions * stride]));
  return padOrCrop(pass, interleaved, axis, -before, size + before - positions * stride);
}

/** Adds `contribution(tap)`, what each output gives to a tap of its window, at the places of an image. */
function spreadWindows(
  pass: Pass,
  { axis, windows }: Spatial,
  contribution: (tap: readonly number[]) => Value,
  outer: readonly number[] = [],
): Value {
  const [window, ...inner] = windows;
  if (window === undefined) return contribution(outer);
  const taps = range(window.kernel).map((tap) =>
    spreadWindows(pass, { axis: axis + 1, windows: inner }, contribution, [...outer, tap]),
  );
  return spread(pass, taps, axis, window);
}

/** Whether tap `tap` meets the image (not the padding) at each output position. */
const inside = ({ out, size, stride, dilation, before }: AxisWindow, tap: number): boolean[] =>
  range(out).map((index) => {
    const position = index * stride + tap * dilation - before;
    return position >= 0 && position < size;
  });

/** Products of one number per axis at all places, row-major. */
const outerProduct = (factors: readonly (readonly number[])[]): readonly number[] =>
  factors.reduce((products, column) => products.flatMap((product) => column.map((factor) => product * factor)), [1]);

/** A constant over the extents, shaped for broadcasting over x. */
function plane(pass: Pass, x: Value, { axis, windows }: Spatial, key: string, values: () => readonly number[]) {
  const shape = staticShapeOf(x).map((_, k) => windows[k - axis]?.out ?? 1);
  const geometry = windows.map((window) => Object.values(window).join('_'));
  return pass.constant(`${key}_${shape.join('x')}_${geometry.join('_')}`, () => float32(shape, values()));
}

/**
 * The gradient of each window goes to the first of its maxima in row-major order (as in PyTorch): walking through the
 * window, a tap that equals the maximum takes the gradient unless an earlier one did.
 */
export function maxPoolGradOn(
  pass: Pass,
  attributes: OpNode<'MaxPoolGrad'>['attributes'],
  image: readonly number[],
  [gy, x, y]: readonly [Value, Value, Value],
  axis: number,
): Value {
  const { builder: b } = pass;
  const windows = windowsAlong(attributes, image);
  const spatial: Spatial = { axis, windows };
  const framed = windows.reduce(
    (padded, { before, after }, index) => padOrCrop(pass, padded, axis + index, before, after),
    x,
  );
  let free: Value | undefined;
  return spreadWindows(pass, spatial, (indices) => {
    const starts = windows.map(({ dilation }, index) => dilation * (indices[index] ?? 0));
    const tap = b.op('Slice', [framed], {
      starts,
      ends: windows.map(({ stride, out }, index) => (starts[index] ?? 0) + stride * (out - 1) + 1),
      axes: windows.map((_, index) => axis + index),
      steps: windows.map(({ stride }) => stride),
    });
    let equal = cast(b, b.op('Equal', [tap, y], {}), 'float32');
    // The frame holds zeros, which may equal a maximum.
    const meets = windows.map((window, index) => inside(window, indices[index] ?? 0).map(Number));
    if (meets.flat().includes(0)) {
      equal = mul(
        b,
        equal,
        plane(pass, gy, spatial, `inside_${indices.join('_')}`, () => outerProduct(meets)),
      );
    }
    const taken = free === undefined ? equal : mul(b, equal, free);
    free = free === undefined ? sub(b, 1, equal) : sub(b, free, taken);
    return mul(b, gy, taken);
  });
}

export function maxPoolGrad(pass: Pass, node: OpNode<'MaxPoolGrad'>, { input }: Operands): Value {
  const values = [input(0), input(1), input(2)] as const;
  return maxPoolGradOn(pass, node.attributes, staticShapeOf(values[1]), values, 2);
}

/** Each output's gradient, divided by the number of elements that were averaged, to every tap of its window. */
export function averagePoolGradOn(
  pass: Pass,
  attributes: OpNode<'AveragePoolGrad'>['attributes'],
  gy: Value,
  axis: number,
): Value {
  const { builder: b } = pass;
  const windows = windowsAlong(attributes, attributes.input_shape);
  const spatial: Spatial = { axis, windows };
  const counts = (window: AxisWindow): number[] =>
    range(window.out).map((index) =>
      range(window.kernel).reduce((count, tap) => count + (inside(window, tap)[index] === true ? 1 : 0), 0),
    );
  const elements = windows.reduce((product, { kernel }) => product * kernel, 1);
  const padded = attributes.pads.some((amount) => amount > 0);
  const shares =
    attributes.count_include_pad === 1 || !padded
      ? mul(b, gy, 1 / elements)
      : mul(
          b,
          gy,
          plane(pass, gy, spatial, 'share', () => outerProduct(windows.map(counts)).map((count) => 1 / count)),
        );
  const tiles = windows.every(
    ({ kernel, stride, before, after, size, out }) =>
      kernel === stride && before === 0 && after === 0 && out * stride === size,
  );
  if (!tiles) return spreadWindows(pass, spatial, () => shares);
  // Windows side by side: every element is repeated.
  const shape = staticShapeOf(shares);
  const [outer, inner] = [shape.slice(0, axis), shape.slice(axis + windows.length)];
  const separated = reshape(b, shares, [...outer, ...windows.flatMap(({ out }) => [out, 1]), ...inner]);
  const repeated = expand(b, separated, [...outer, ...windows.flatMap(({ out, kernel }) => [out, kernel]), ...inner]);
  return reshape(b, repeated, [...outer, ...windows.map(({ size }) => size), ...inner]);
}

export function averagePoolGrad(pass: Pass, node: OpNode<'AveragePoolGrad'>, { input }: Operands): Value {
  return averagePoolGradOn(pass, node.attributes, input(0), 2);
}
