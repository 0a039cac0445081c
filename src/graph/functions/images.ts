import { staticShapeOf, type Builder, type Value } from '../builder.ts';

/** The geometry of a convolution, the same for height and width. */
export interface ConvOptions {
  readonly bias?: Value;
  readonly stride?: number;
  /** Zeros on each side; default (kernel − 1)/2, which keeps the size at stride 1 for odd kernels. */
  readonly padding?: number;
  readonly dilation?: number;
  readonly groups?: number;
}

/** Cross-correlation of x `[batch, in, h, w]` with filter w `[out, in/groups, kh, kw]`. */
export function conv(b: Builder, x: Value, w: Value, options: ConvOptions = {}): Value {
  const [, , kh = 1, kw = 1] = staticShapeOf(w);
  const { stride = 1, dilation = 1, groups = 1 } = options;
  const [py, px] = [options.padding ?? (kh - 1) / 2, options.padding ?? (kw - 1) / 2];
  return b.op('Conv', [x, w, options.bias], {
    kernel_shape: [kh, kw],
    pads: [py, px, py, px],
    strides: [stride, stride],
    dilations: [dilation, dilation],
    group: groups,
  });
}

/** A pooling window, the same for height and width; stride defaults to the kernel, padding to 0. */
export interface PoolOptions {
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
}

const poolWindow = ({ kernel, stride = kernel, padding = 0 }: PoolOptions) => ({
  kernel_shape: [kernel, kernel],
  pads: [padding, padding, padding, padding],
  strides: [stride, stride],
});

/** Largest value of each window of x `[batch, channels, h, w]`. */
export const maxPool = (b: Builder, x: Value, options: PoolOptions): Value =>
  b.op('MaxPool', [x], { ...poolWindow(options), dilations: [1, 1] });
/** Mean of each window of x `[batch, channels, h, w]`; padding is left out of the mean unless `countIncludePad`. */
export const averagePool = (
  b: Builder,
  x: Value,
  options: PoolOptions & { readonly countIncludePad?: boolean },
): Value =>
  b.op('AveragePool', [x], { ...poolWindow(options), count_include_pad: options.countIncludePad === true ? 1 : 0 });
/** Mean over height and width: `[batch, channels, h, w]` to `[batch, channels, 1, 1]`. */
export const globalAveragePool = (b: Builder, x: Value): Value => b.op('GlobalAveragePool', [x], {});
