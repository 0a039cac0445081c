import { staticShapeOf, type Value } from '../graph/builder.ts';
import { conv, mul } from '../graph/functions.ts';
import type { LayerContext } from './layer-context.ts';
import type { Initial } from './parameters.ts';

/** The geometry of a convolution layer, the same for height and width. */
export interface Conv2dOptions {
  readonly channels: number;
  readonly kernel: number;
  readonly stride?: number;
  /** Zeros on each side; default (kernel − 1)/2. */
  readonly padding?: number;
  readonly bias?: boolean;
  /** Channels are split into that many groups that do not see each other (default 1); as many as there are channels is a depthwise convolution. */
  readonly groups?: number;
  /** How the filter starts (default Kaiming normal, fan out). */
  readonly initial?: Initial;
}

/** Channels of an image value `[batch, channels, height, width]`. */
export function channelsOf(x: Value): number {
  return Number(x.type.shape[1]);
}

/**
 * Convolution of x `[batch, in, h, w]` with a filter `[channels, in/groups, kernel, kernel]`: output channel k sees the in/groups
 * input channels of its group only. Both numbers of channels are multiples of `groups`.
 */
export function conv2d(c: LayerContext, name: string, x: Value, options: Conv2dOptions): Value {
  const { channels, kernel, groups = 1, bias = false, initial = { kind: 'kaiming-normal' }, ...geometry } = options;
  return c.layer(name, () => {
    const weight = c.parameter('weight', [channels, channelsOf(x) / groups, kernel, kernel], initial, { decay: true });
    const offset = bias
      ? { bias: c.parameter('bias', [channels], { kind: 'constant', value: 0 }, { decay: false }) }
      : {};
    return conv(c.b, x, weight, { ...geometry, ...offset, groups });
  });
}

/** Settings of a batch normalisation. */
export interface BatchNormOptions {
  /** First value of the learned scale γ (default 1); 0 makes a residual branch start as the identity. */
  readonly initialScale?: number;
  readonly epsilon?: number;
  /** Weight of the *new* batch statistic in the running one, PyTorch's convention (ONNX's `momentum` is 1 minus this). */
  readonly momentum?: number;
}

/**
 * Batch normalisation of x `[batch, channels, h, w]`: y = (x − μ)/√(σ² + ε)·γ + β per channel (Ioffe & Szegedy 2015).
 *
 * In training μ and the biased variance σ² are the batch's; running ← (1 − m)·running + m·batch with m = 0.1 and the
 * *unbiased* variance σ²·n/(n − 1), n = batch·h·w, as PyTorch does. In inference the running statistics are used.
 */
export function batchNorm(c: LayerContext, name: string, x: Value, options: BatchNormOptions = {}): Value {
  const { initialScale = 1, epsilon = 1e-5, momentum = 0.1 } = options;
  const channels = [channelsOf(x)];
  return c.layer(name, () => {
    const scale = c.parameter('weight', channels, { kind: 'constant', value: initialScale }, { decay: false });
    const bias = c.parameter('bias', channels, { kind: 'constant', value: 0 }, { decay: false });
    const runningMean = c.buffer('running_mean', channels, 0);
    const runningVariance = c.buffer('running_var', channels, 1);
    if (c.mode === 'inference')
      return c.b.op('BatchNormalization', [x, scale, bias, runningMean, runningVariance], { epsilon });
    const [y, mean, variance] = c.b.node('BatchNormTraining', [x, scale, bias], { epsilon, relu: 0 });
    const [batch = 1, , height = 1, width = 1] = staticShapeOf(x);
    const count = batch * height * width;
    c.updateBuffer({ buffer: runningMean, statistic: mean, momentum });
    c.updateBuffer({
      buffer: runningVariance,
      statistic: mul(c.b, variance, count / Math.max(1, count - 1)),
      momentum,
    });
    return y;
  });
}

/** y = x·Wᵀ + b for x `[batch, in]`, W `[out, in]`; Kaiming normal (fan in). */
export function linear(
  c: LayerContext,
  name: string,
  x: Value,
  out: number,
  options: { readonly bias?: boolean } = {},
): Value {
  const inputs = Number(x.type.shape[1]);
  return c.layer(name, () => {
    const weight = c.parameter('weight', [out, inputs], { kind: 'kaiming-normal' }, { decay: true });
    const bias =
      options.bias === false ? undefined : c.parameter('bias', [out], { kind: 'constant', value: 0 }, { decay: false });
    return c.b.op('Gemm', [x, weight, bias], { alpha: 1, beta: 1, transA: 0, transB: 1 });
  });
}
