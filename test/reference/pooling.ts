import { sizeOf, type StaticShape } from '../../src/core/shape.ts';
import { accumulate, indicesOf, item, zeros, type EvaluateTable, type NdArray } from './array.ts';
import { imageOf, pixelAt, slide } from './convolution.ts';

interface Pool {
  readonly kernel_shape: readonly number[];
  readonly pads: readonly number[];
  readonly strides: readonly number[];
  readonly dilations?: readonly number[];
}

/** Visits every output element with the offsets of the image elements in its window, row-major, padding left out. */
function visitWindows(image: StaticShape, pool: Pool, visit: (y: number, window: readonly number[]) => void): NdArray {
  const { batch, channels, extents } = imageOf(image);
  const window = { ...pool, dilations: pool.dilations ?? pool.kernel_shape.map(() => 1) };
  const outExtents = slide(extents, window);
  const taps = [...indicesOf(pool.kernel_shape)];
  const windows = [...indicesOf(outExtents)].map((out) =>
    taps.flatMap((tap) => pixelAt(extents, window, out, tap) ?? []),
  );
  for (let map = 0; map < batch * channels; map++) {
    windows.forEach((offsets, place) => {
      visit(
        map * windows.length + place,
        offsets.map((offset) => map * sizeOf(extents) + offset),
      );
    });
  }
  return zeros([batch, channels, ...outExtents]);
}

/** What an average divides by: the whole window, or the part of it that is not padding. */
const divisor = (pool: Pool & { readonly count_include_pad: number }, window: readonly number[]): number =>
  pool.count_include_pad === 1 ? sizeOf(pool.kernel_shape) : window.length;

/** One value for all pixels of each channel of each image. */
function pooledGlobally(x: NdArray, reduce: (pixels: Float64Array) => number): NdArray {
  const { batch, channels, extents } = imageOf(x.shape);
  const size = sizeOf(extents);
  const y = zeros([batch, channels, ...extents.map(() => 1)]);
  return { shape: y.shape, data: y.data.map((_, map) => reduce(x.data.subarray(map * size, (map + 1) * size))) };
}

export const pooling: EvaluateTable<
  'MaxPool' | 'AveragePool' | 'GlobalMaxPool' | 'GlobalAveragePool' | 'MaxPoolGrad' | 'AveragePoolGrad'
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
  GlobalMaxPool: ({ input }) => [pooledGlobally(input(0), (pixels) => Math.max(...pixels))],
  GlobalAveragePool: ({ input }) => [
    pooledGlobally(input(0), (pixels) => pixels.reduce((sum, value) => sum + value, 0) / pixels.length),
  ],
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
