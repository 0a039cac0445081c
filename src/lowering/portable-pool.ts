import { defined } from '../core/errors.ts';
import { float32 } from '../core/tensor.ts';
import { staticShapeOf, type Value } from '../graph/builder.ts';
import { add, cast, expand, mul, pad, reshape, scalar, slice, sub } from '../graph/functions.ts';
import type { OpNode } from '../graph/graph.ts';
import { concatInTree } from './portable-conv.ts';
import type { Operands, Pass } from './pass.ts';
import { axisWindows, range, type AxisWindow } from './window.ts';

/**
 * Gradients of pooling from slices, comparisons and sums: ONNX Runtime's WebGPU provider has no MaxPool with indices.
 * Tensors are `[outer.., height, width, inner..]`; the recipes below only touch the two axes at `axis` and `axis + 1`.
 */
interface Spatial {
  readonly axis: number;
  readonly vertical: AxisWindow;
  readonly horizontal: AxisWindow;
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
 * `i·stride + t − before` of a result `size` long. Taps of equal phase t mod stride only differ by a shift, and the phases
 * interleave.
 */
function spread(pass: Pass, taps: readonly Value[], axis: number, window: AxisWindow): Value {
  const { builder: b } = pass;
  const { size, out, stride, before } = window;
  const positions = Math.ceil((size + before) / stride);
  const phases = range(stride).map((phase) => {
    const shifted = taps.flatMap((tap, t) =>
      t % stride === phase
        ? [padOrCrop(pass, tap, axis, (t - phase) / stride, positions - out - (t - phase) / stride)]
        : [],
    );
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

/** Adds `contribution(i, j)`, what each output gives to tap (i, j) of its window, at the places of an image. */
function spreadWindows(
  pass: Pass,
  { axis, vertical, horizontal }: Spatial,
  contribution: (i: number, j: number) => Value,
) {
  const rows = range(vertical.kernel).map((i) => {
    const columns = range(horizontal.kernel).map((j) => contribution(i, j));
    return spread(pass, columns, axis + 1, horizontal);
  });
  return spread(pass, rows, axis, vertical);
}

/** Whether tap `tap` meets the image (not the padding) at each output position. */
const inside = ({ out, size, stride, before }: AxisWindow, tap: number): boolean[] =>
  range(out).map((index) => {
    const position = index * stride + tap - before;
    return position >= 0 && position < size;
  });

/** A constant over (height, width), shaped for broadcasting over x. */
function plane(pass: Pass, x: Value, { axis, vertical, horizontal }: Spatial, key: string, values: readonly number[]) {
  const shape = staticShapeOf(x).map((_, k) => (k === axis ? vertical.out : k === axis + 1 ? horizontal.out : 1));
  const windows = [vertical, horizontal].map((window) => Object.values(window).join('_'));
  return pass.constant(`${key}_${shape.join('x')}_${windows.join('_')}`, () => float32(shape, values));
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
  const [vertical, horizontal] = axisWindows(attributes, image, 'MaxPoolGrad');
  const spatial: Spatial = { axis, vertical, horizontal };
  const [top = 0, left = 0, bottom = 0, right = 0] = attributes.pads;
  const framed = padOrCrop(pass, padOrCrop(pass, x, axis, top, bottom), axis + 1, left, right);
  let free: Value | undefined;
  return spreadWindows(pass, spatial, (i, j) => {
    const tap = b.op('Slice', [framed], {
      starts: [i, j],
      ends: [i + vertical.stride * (vertical.out - 1) + 1, j + horizontal.stride * (horizontal.out - 1) + 1],
      axes: [axis, axis + 1],
      steps: [vertical.stride, horizontal.stride],
    });
    let equal = cast(b, b.op('Equal', [tap, y], {}), 'float32');
    // The frame holds zeros, which may equal a maximum.
    const [rows, columns] = [inside(vertical, i), inside(horizontal, j)];
    if (![...rows, ...columns].every(Boolean)) {
      const values = rows.flatMap((row) => columns.map((column) => (row && column ? 1 : 0)));
      equal = mul(b, equal, plane(pass, gy, spatial, `inside_${i}_${j}`, values));
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
  const [vertical, horizontal] = axisWindows(attributes, attributes.input_shape, 'AveragePoolGrad');
  const spatial: Spatial = { axis, vertical, horizontal };
  const counts = (window: AxisWindow): number[] =>
    range(window.out).map((index) =>
      range(window.kernel).reduce((count, tap) => count + (inside(window, tap)[index] === true ? 1 : 0), 0),
    );
  const area = vertical.kernel * horizontal.kernel;
  const padded = attributes.pads.some((amount) => amount > 0);
  const shares =
    attributes.count_include_pad === 1 || !padded
      ? mul(b, gy, 1 / area)
      : mul(
          b,
          gy,
          plane(
            pass,
            gy,
            spatial,
            'share',
            counts(vertical).flatMap((rows) => counts(horizontal).map((columns) => 1 / (rows * columns))),
          ),
        );
  const tiles = [vertical, horizontal].every(
    ({ kernel, stride, before, after, size, out }) =>
      kernel === stride && before === 0 && after === 0 && out * stride === size,
  );
  if (!tiles) return spreadWindows(pass, spatial, () => shares);
  // Windows side by side: every element is repeated.
  const shape = staticShapeOf(shares);
  const [outer, inner] = [shape.slice(0, axis), shape.slice(axis + 2)];
  const separated = reshape(b, shares, [...outer, vertical.out, 1, horizontal.out, 1, ...inner]);
  const repeated = expand(b, separated, [
    ...outer,
    vertical.out,
    vertical.kernel,
    horizontal.out,
    horizontal.kernel,
    ...inner,
  ]);
  return reshape(b, repeated, [...outer, vertical.size, horizontal.size, ...inner]);
}

export function averagePoolGrad(pass: Pass, node: OpNode<'AveragePoolGrad'>, { input }: Operands): Value {
  return averagePoolGradOn(pass, node.attributes, input(0), 2);
}
