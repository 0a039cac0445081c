import { inputError } from '../../src/core/errors.ts';
import { formatShape, sizeOf, type StaticShape } from '../../src/core/shape.ts';
import { accumulate, indicesOf, item, offsetOf, zeros, type EvaluateTable, type NdArray } from './array.ts';

interface Window {
  readonly kernel_shape: readonly number[];
  readonly pads: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
}

interface Convolution extends Window {
  readonly group: number;
}

interface Image {
  readonly batch: number;
  readonly channels: number;
  readonly extents: StaticShape;
}

/** `[batch, channels, ...extents]`, one extent or more. */
export function imageOf(shape: StaticShape): Image {
  const [batch, channels, ...extents] = shape;
  if (batch === undefined || channels === undefined || extents.length === 0) {
    throw inputError('images have three dimensions or more', { received: formatShape(shape) });
  }
  return { batch, channels, extents };
}

/** Extents of the output of a window that slides over an image. */
export function slide(extents: StaticShape, window: Window): StaticShape {
  return extents.map((size, axis) => {
    const reach = item(window.dilations, axis) * (item(window.kernel_shape, axis) - 1) + 1;
    const padded = size + item(window.pads, axis) + item(window.pads, axis + extents.length);
    return Math.floor((padded - reach) / item(window.strides, axis)) + 1;
  });
}

/** Offset among the pixels of the one that a tap meets at an output position; `undefined` where it meets padding. */
export function pixelAt(
  extents: StaticShape,
  window: Window,
  out: readonly number[],
  tap: readonly number[],
): number | undefined {
  const source = extents.map(
    (_, axis) =>
      item(out, axis) * item(window.strides, axis) +
      item(tap, axis) * item(window.dilations, axis) -
      item(window.pads, axis),
  );
  const inside = source.every((position, axis) => position >= 0 && position < item(extents, axis));
  return inside ? offsetOf(extents, source) : undefined;
}

/**
 * Convolution is y = Σ x·w over the triples of elements visited here (image, filter, output; as offsets), one for each
 * product in it. Its two gradients are sums over the same triples.
 */
function visitTaps(
  image: StaticShape,
  filter: StaticShape,
  output: StaticShape,
  convolution: Convolution,
  visit: (x: number, w: number, y: number) => void,
): void {
  const { channels, extents } = imageOf(image);
  const [outChannels = 0, groupChannels = 0, ...kernel] = filter;
  const { batch, extents: outExtents } = imageOf(output);
  const [pixels, taps, places] = [sizeOf(extents), sizeOf(kernel), sizeOf(outExtents)];
  const triples: (readonly [x: number, w: number, y: number])[] = [];
  for (const [place, out] of [...indicesOf(outExtents)].entries())
    for (const [at, tap] of [...indicesOf(kernel)].entries()) {
      const pixel = pixelAt(extents, convolution, out, tap);
      if (pixel !== undefined) triples.push([pixel, at, place]);
    }
  const outChannelsPerGroup = outChannels / convolution.group;
  for (let n = 0; n < batch; n++)
    for (let co = 0; co < outChannels; co++) {
      const first = Math.floor(co / outChannelsPerGroup) * groupChannels;
      for (let c = 0; c < groupChannels; c++)
        for (const [x, w, y] of triples) {
          visit(
            (n * channels + first + c) * pixels + x,
            (co * groupChannels + c) * taps + w,
            (n * outChannels + co) * places + y,
          );
        }
    }
}

function forward(x: NdArray, w: NdArray, convolution: Convolution): NdArray {
  const { batch, extents } = imageOf(x.shape);
  const y = zeros([batch, item(w.shape, 0), ...slide(extents, convolution)]);
  visitTaps(x.shape, w.shape, y.shape, convolution, (xAt, wAt, yAt) => {
    accumulate(y, yAt, item(x.data, xAt) * item(w.data, wAt));
  });
  return y;
}

/** y with an element of the bias, if there is one, added to each of its channels. */
function withBias(y: NdArray, bias: NdArray | undefined): NdArray {
  if (bias === undefined) return y;
  const { channels, extents } = imageOf(y.shape);
  const pixels = sizeOf(extents);
  const data = y.data.map((value, at) => value + item(bias.data, Math.floor(at / pixels) % channels));
  return { shape: y.shape, data };
}

function inputGradient(gy: NdArray, w: NdArray, shape: StaticShape, convolution: Convolution): NdArray {
  const gx = zeros(shape);
  visitTaps(shape, w.shape, gy.shape, convolution, (xAt, wAt, yAt) => {
    accumulate(gx, xAt, item(gy.data, yAt) * item(w.data, wAt));
  });
  return gx;
}

export const convolutions: EvaluateTable<'Conv' | 'ConvTranspose' | 'ConvInputGrad' | 'ConvWeightGrad'> = {
  Conv: ({ input, inputs, attributes }) => [withBias(forward(input(0), input(1), attributes), inputs[2])],
  // The input gradient of the convolution with the same filter, read as [in, out/group, ...kernel].
  ConvTranspose: ({ input, inputs, attributes }) => {
    const [x, w] = [input(0), input(1)];
    const { batch, extents } = imageOf(x.shape);
    const sizes = extents.map(
      (size, axis) =>
        item(attributes.strides, axis) * (size - 1) +
        item(attributes.output_padding, axis) +
        item(attributes.dilations, axis) * (item(attributes.kernel_shape, axis) - 1) +
        1 -
        item(attributes.pads, axis) -
        item(attributes.pads, axis + extents.length),
    );
    const shape = [batch, item(w.shape, 1) * attributes.group, ...sizes];
    return [withBias(inputGradient(x, w, shape, attributes), inputs[2])];
  },
  ConvInputGrad: ({ input, inputs, attributes }) => {
    const gx = inputGradient(input(0), input(1), attributes.input_shape, attributes);
    inputs[2]?.data.forEach((value, at) => {
      accumulate(gx, at, value);
    });
    return [gx];
  },
  ConvWeightGrad: ({ input, attributes }) => {
    const [x, gy] = [input(0), input(1)];
    const gw = zeros([item(gy.shape, 1), item(x.shape, 1) / attributes.group, ...attributes.kernel_shape]);
    visitTaps(x.shape, gw.shape, gy.shape, attributes, (xAt, wAt, yAt) => {
      accumulate(gw, wAt, item(x.data, xAt) * item(gy.data, yAt));
    });
    return [gw];
  },
};
