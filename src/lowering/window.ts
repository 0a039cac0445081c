import { defined, internalError } from '../core/errors.ts';
import type { StaticShape } from '../core/shape.ts';

/** The four extents `[batch, channels, height, width]` of an image shape. */
export function imageShape(shape: StaticShape, where: string): readonly [number, number, number, number] {
  const [batch, channels, height, width] = shape;
  if (shape.length !== 4 || width === undefined || height === undefined || channels === undefined)
    throw internalError('images have four dimensions', { where, received: `[${shape.join(', ')}]` });
  return [batch ?? 0, channels, height, width];
}

/** A sliding window along one axis. */
export interface AxisWindow {
  readonly size: number;
  readonly out: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
}

interface WindowAttributes {
  readonly kernel_shape: readonly number[];
  readonly pads: readonly number[];
  readonly strides: readonly number[];
  readonly dilations?: readonly number[];
}

/** The window along each extent of an image `[batch, channels, ...extents]`. */
export function windowsAlong(attributes: WindowAttributes, image: StaticShape): readonly AxisWindow[] {
  const extents = image.slice(2);
  return extents.map((size, axis) => {
    const kernel = defined(attributes.kernel_shape[axis], 'kernel extent');
    const stride = defined(attributes.strides[axis], 'stride');
    const before = defined(attributes.pads[axis], 'padding');
    const after = defined(attributes.pads[axis + extents.length], 'padding');
    const dilation = attributes.dilations?.[axis] ?? 1;
    const out = Math.floor((size + before + after - dilation * (kernel - 1) - 1) / stride) + 1;
    return { size, out, kernel, stride, dilation, before, after };
  });
}

/** The window along height and along width of an image of `image` shape. */
export function axisWindows(
  attributes: WindowAttributes,
  image: StaticShape,
  where: string,
): readonly [AxisWindow, AxisWindow] {
  imageShape(image, where);
  const [vertical, horizontal] = windowsAlong(attributes, image);
  return [defined(vertical, 'height'), defined(horizontal, 'width')];
}

/** All taps of windows, row-major: one index per axis. */
export function tapsOf(windows: readonly AxisWindow[]): readonly (readonly number[])[] {
  return windows.reduce<readonly (readonly number[])[]>(
    (taps, { kernel }) => taps.flatMap((tap) => range(kernel).map((index) => [...tap, index])),
    [[]],
  );
}

/** `[0, 1, … count−1]`. */
export const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
