import { inputError } from '../../src/core/errors.ts';
import { formatShape, type StaticShape } from '../../src/core/shape.ts';
import { accumulate, item, zeros, type EvaluateTable, type NdArray } from './array.ts';

interface Window {
  readonly kernel_shape: readonly number[];
  readonly pads: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
}

interface Convolution extends Window {
  readonly group: number;
}

type FourDimensions = readonly [number, number, number, number];

export function fourDimensions(shape: StaticShape): FourDimensions {
  const [n, c, h, w] = shape;
  if (shape.length !== 4 || n === undefined || c === undefined || h === undefined || w === undefined) {
    throw inputError('images have four dimensions', { received: formatShape(shape) });
  }
  return [n, c, h, w];
}

/** Size of the output of a window that slides over `size` pixels of axis 0 (height) or 1 (width). */
export function slide(size: number, axis: 0 | 1, window: Window): number {
  const reach = item(window.dilations, axis) * (item(window.kernel_shape, axis) - 1) + 1;
  const padded = size + item(window.pads, axis) + item(window.pads, axis + 2);
  return Math.floor((padded - reach) / item(window.strides, axis)) + 1;
}

/** Position in the image that tap `tap` of output position `out` reads; outside [0, size) it is padding. */
export function source(out: number, tap: number, axis: 0 | 1, window: Window): number {
  return out * item(window.strides, axis) + tap * item(window.dilations, axis) - item(window.pads, axis);
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
  const [, channels, height, width] = fourDimensions(image);
  const [outChannels, groupChannels, kernelHeight, kernelWidth] = fourDimensions(filter);
  const [batch, , outHeight, outWidth] = fourDimensions(output);
  const outChannelsPerGroup = outChannels / convolution.group;
  for (let n = 0; n < batch; n++)
    for (let co = 0; co < outChannels; co++) {
      const firstChannel = Math.floor(co / outChannelsPerGroup) * groupChannels;
      for (let oi = 0; oi < outHeight; oi++)
        for (let oj = 0; oj < outWidth; oj++) {
          const y = ((n * outChannels + co) * outHeight + oi) * outWidth + oj;
          for (let ki = 0; ki < kernelHeight; ki++) {
            const i = source(oi, ki, 0, convolution);
            if (i < 0 || i >= height) continue;
            for (let kj = 0; kj < kernelWidth; kj++) {
              const j = source(oj, kj, 1, convolution);
              if (j < 0 || j >= width) continue;
              for (let c = 0; c < groupChannels; c++) {
                visit(
                  ((n * channels + firstChannel + c) * height + i) * width + j,
                  ((co * groupChannels + c) * kernelHeight + ki) * kernelWidth + kj,
                  y,
                );
              }
            }
          }
        }
    }
}

function forward(x: NdArray, w: NdArray, convolution: Convolution): NdArray {
  const [batch, , height, width] = fourDimensions(x.shape);
  const y = zeros([batch, item(w.shape, 0), slide(height, 0, convolution), slide(width, 1, convolution)]);
  visitTaps(x.shape, w.shape, y.shape, convolution, (xAt, wAt, yAt) => {
    accumulate(y, yAt, item(x.data, xAt) * item(w.data, wAt));
  });
  return y;
}

function inputGradient(gy: NdArray, w: NdArray, shape: StaticShape, convolution: Convolution): NdArray {
  const gx = zeros(shape);
  visitTaps(shape, w.shape, gy.shape, convolution, (xAt, wAt, yAt) => {
    accumulate(gx, xAt, item(gy.data, yAt) * item(w.data, wAt));
  });
  return gx;
}

export const convolutions: EvaluateTable<'Conv' | 'ConvTranspose' | 'ConvInputGrad' | 'ConvWeightGrad'> = {
  Conv: ({ input, inputs, attributes }) => {
    const y = forward(input(0), input(1), attributes);
    const bias = inputs[2];
    if (bias === undefined) return [y];
    const [, channels, height, width] = fourDimensions(y.shape);
    const data = y.data.map((value, at) => value + item(bias.data, Math.floor(at / (height * width)) % channels));
    return [{ shape: y.shape, data }];
  },
  // The input gradient of the convolution with the same filter, read as [in, out/group, h, w].
  ConvTranspose: ({ input, attributes }) => {
    const [x, w] = [input(0), input(1)];
    const [batch, , height, width] = fourDimensions(x.shape);
    const extent = (size: number, axis: 0 | 1): number =>
      item(attributes.strides, axis) * (size - 1) +
      item(attributes.output_padding, axis) +
      item(attributes.dilations, axis) * (item(attributes.kernel_shape, axis) - 1) +
      1 -
      item(attributes.pads, axis) -
      item(attributes.pads, axis + 2);
    const shape = [batch, item(w.shape, 1) * attributes.group, extent(height, 0), extent(width, 1)];
    return [inputGradient(x, w, shape, attributes)];
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
