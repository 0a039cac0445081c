import { sizeOf, type StaticShape } from '../../src/core/shape.ts';
import { fourDimensions, slide, source } from './convolution.ts';
import { accumulate, item, offsetOf, zeros, type EvaluateTable, type NdArray } from './array.ts';

interface Pool {
  readonly kernel_shape: readonly number[];
  readonly pads: readonly number[];
  readonly strides: readonly number[];
}

/** Visits every output element with the offsets of the image elements in its window, row-major, padding left out. */
function visitWindows(image: StaticShape, pool: Pool, visit: (y: number, window: readonly number[]) => void): NdArray {
  const [batch, channels, height, width] = fourDimensions(image);
  const window = { ...pool, dilations: [1, 1] };
  const output = zeros([batch, channels, slide(height, 0, window), slide(width, 1, window)]);
  const [, , outHeight, outWidth] = fourDimensions(output.shape);
  for (let n = 0; n < batch; n++)
    for (let c = 0; c < channels; c++)
      for (let oi = 0; oi < outHeight; oi++)
        for (let oj = 0; oj < outWidth; oj++) {
          const offsets: number[] = [];
          for (let ki = 0; ki < item(pool.kernel_shape, 0); ki++)
            for (let kj = 0; kj < item(pool.kernel_shape, 1); kj++) {
              const [i, j] = [source(oi, ki, 0, window), source(oj, kj, 1, window)];
              if (i >= 0 && i < height && j >= 0 && j < width) offsets.push(offsetOf(image, [n, c, i, j]));
            }
          visit(offsetOf(output.shape, [n, c, oi, oj]), offsets);
        }
  return output;
}

/** What an average divides by: the whole window, or the part of it that is not padding. */
const divisor = (pool: Pool & { readonly count_include_pad: number }, window: readonly number[]): number =>
  pool.count_include_pad === 1 ? sizeOf(pool.kernel_shape) : window.length;

export const pooling: EvaluateTable<
  'MaxPool' | 'AveragePool' | 'GlobalAveragePool' | 'MaxPoolGrad' | 'AveragePoolGrad'
> = {
  MaxPool: ({ input, attributes }) => {
    const x = input(0);
    const values: number[] = [];
    const { shape } = visitWindows(x.shape, attributes, (y, window) => {
      values[y] = Math.max(...window.map((at) => item(x.data, at)));
    });
    return [{ shape, data: Float64Array.from(values) }];
  },
  AveragePool: ({ input, attributes }) => {
    const x = input(0);
    const values: number[] = [];
    const { shape } = visitWindows(x.shape, attributes, (y, window) => {
      const sum = window.reduce((total, at) => total + item(x.data, at), 0);
      values[y] = sum / divisor(attributes, window);
    });
    return [{ shape, data: Float64Array.from(values) }];
  },
  GlobalAveragePool: ({ input }) => {
    const x = input(0);
    const [batch, channels, height, width] = fourDimensions(x.shape);
    const y = zeros([batch, channels, 1, 1]);
    x.data.forEach((value, at) => {
      accumulate(y, Math.floor(at / (height * width)), value / (height * width));
    });
    return [y];
  },
  // The first of equal maxima, in row-major order of the window, takes the gradient.
  MaxPoolGrad: ({ input, attributes }) => {
    const [gy, x] = [input(0), input(1)];
    const gx = zeros(x.shape);
    visitWindows(x.shape, attributes, (y, window) => {
      const most = Math.max(...window.map((at) => item(x.data, at)));
      const chosen = window.find((at) => item(x.data, at) === most);
      if (chosen !== undefined) accumulate(gx, chosen, item(gy.data, y));
    });
    return [gx];
  },
  AveragePoolGrad: ({ input, attributes }) => {
    const gy = input(0);
    const gx = zeros(attributes.input_shape);
    visitWindows(gx.shape, attributes, (y, window) => {
      for (const at of window) accumulate(gx, at, item(gy.data, y) / divisor(attributes, window));
    });
    return [gx];
  },
};
