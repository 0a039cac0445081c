import { internalError } from '../../core/errors.ts';
import { normalizeAxis } from '../../core/shape.ts';
import { float32 } from '../../core/tensor.ts';
import { staticShapeOf, type Builder, type Value } from '../../graph/builder.ts';
import {
  add,
  exp,
  log,
  matmul,
  mul,
  reciprocal,
  reduceMean,
  reduceSum,
  reshape,
  sqrt,
  sub,
} from '../../graph/functions.ts';
import type { normalizationOps } from '../../graph/ops/normalization.ts';
import { when, type GradientContext, type GradientRules } from '../rule.ts';

/** A channel vector as `[1, C, 1, ...]`, for broadcasting over x. */
const alongChannels = (b: Builder, vector: Value, x: Value): Value =>
  reshape(
    b,
    vector,
    x.type.shape.map((_, axis) => (axis === 1 ? (staticShapeOf(vector)[0] ?? 0) : 1)),
  );

/** Sum over all axes but the channels. */
const channelSum = (b: Builder, x: Value): Value =>
  reduceSum(
    b,
    x,
    x.type.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis])),
  );

interface Normalized {
  /** x̂ = (x − μ)/√(σ² + ε) with mean μ and biased variance σ² over some axes. */
  readonly value: Value;
  /** 1/√(σ² + ε) */
  readonly inverse: Value;
}

function normalized(b: Builder, x: Value, axes: readonly number[], epsilon: number): Normalized {
  const centred = sub(b, x, reduceMean(b, x, axes, { keepdims: true }));
  const variance = reduceMean(b, mul(b, centred, centred), axes, { keepdims: true });
  const inverse = reciprocal(b, sqrt(b, add(b, variance, epsilon)));
  return { value: mul(b, centred, inverse), inverse };
}

/**
 * ∂L/∂x = (h − mean h − x̂·mean(h∘x̂))/√(σ² + ε) with h = ∂L/∂x̂ and means over the normalised axes
 * (Ba, Kiros & Hinton 2016; the formula of batch normalisation with other axes).
 */
function throughNormalization(b: Builder, { value, inverse }: Normalized, h: Value, axes: readonly number[]): Value {
  const mean = reduceMean(b, h, axes, { keepdims: true });
  const projection = reduceMean(b, mul(b, h, value), axes, { keepdims: true });
  return mul(b, sub(b, sub(b, h, mean), mul(b, value, projection)), inverse);
}

/** y = x̂∘scale + bias, normalised from `axis` on. The sweep sums the gradients of scale and bias to their shapes. */
function layerNormalization(c: GradientContext<'LayerNormalization'>): readonly (Value | undefined)[] {
  const { b } = c;
  const x = c.input(0);
  const first = normalizeAxis(c.attributes.axis, x.type.shape.length, c.where);
  const axes = x.type.shape.flatMap((_, axis) => (axis >= first ? [axis] : []));
  const hat = c.needs(0) || c.needs(1) ? normalized(b, x, axes, c.attributes.epsilon) : undefined;
  return [
    when(c, 0, () => throughNormalization(b, known(hat), mul(b, c.grad(), c.input(1)), axes)),
    when(c, 1, () => mul(b, c.grad(), known(hat).value)),
    ...(c.count > 2 ? [when(c, 2, () => c.grad())] : []),
  ];
}

/** y = x̂·scale + bias, normalised over the extents of each image's channels. */
function instanceNormalization(c: GradientContext<'InstanceNormalization'>): readonly (Value | undefined)[] {
  const { b } = c;
  const x = c.input(0);
  const axes = x.type.shape.flatMap((_, axis) => (axis >= 2 ? [axis] : []));
  const hat = c.needs(0) || c.needs(1) ? normalized(b, x, axes, c.attributes.epsilon) : undefined;
  return [
    when(c, 0, () => throughNormalization(b, known(hat), mul(b, c.grad(), alongChannels(b, c.input(1), x)), axes)),
    when(c, 1, () => channelSum(b, mul(b, c.grad(), known(hat).value))),
    when(c, 2, () => channelSum(b, c.grad())),
  ];
}

function known(hat: Normalized | undefined): Normalized {
  if (hat === undefined) throw internalError('a gradient that nobody wants');
  return hat;
}

/** y = (x − μ)/√(σ² + ε)·scale + bias with given μ and σ²: an affine map per channel. */
function batchNormalization(c: GradientContext<'BatchNormalization'>): readonly (Value | undefined)[] {
  if (c.needs(3) || c.needs(4)) throw internalError('running statistics are not differentiated', { where: c.where });
  const { b } = c;
  const x = c.input(0);
  const channels = (index: number) => alongChannels(b, c.input(index), x);
  let shared: Value | undefined;
  const inverse = () => (shared ??= reciprocal(b, sqrt(b, add(b, channels(4), c.attributes.epsilon))));
  return [
    when(c, 0, () => mul(b, c.grad(), mul(b, channels(1), inverse()))),
    when(c, 1, () => channelSum(b, mul(b, c.grad(), mul(b, sub(b, x, channels(3)), inverse())))),
    when(c, 2, () => channelSum(b, c.grad())),
    undefined,
    undefined,
  ];
}

/**
 * y = x·S^−β with S = bias + α/size·W x², W the symmetric 0/1 matrix of which channels a channel's window holds:
 * ∂L/∂x = g∘S^−β − 2·α·β/size·x∘W(g∘x∘S^(−β−1)).
 */
function localResponse(c: GradientContext<'LRN'>): readonly (Value | undefined)[] {
  const { b } = c;
  const { size, alpha, beta, bias } = c.attributes;
  const shape = staticShapeOf(c.input(0));
  const [batch = 1, channels = 1] = shape;
  const rows = (x: Value): Value => reshape(b, x, [batch, channels, -1]);
  const [x, g] = [rows(c.input(0)), rows(c.grad())];
  const reach = (size - 1) / 2;
  const entries = Float32Array.from({ length: channels ** 2 }, (_, at) =>
    Math.abs(Math.floor(at / channels) - (at % channels)) <= reach ? 1 : 0,
  );
  const window = b.constant(float32([channels, channels], entries), 'window');
  const sums = add(b, mul(b, matmul(b, window, mul(b, x, x)), alpha / size), bias);
  const power = exp(b, mul(b, log(b, sums), -beta));
  const direct = mul(b, g, power);
  const others = matmul(b, window, mul(b, mul(b, direct, x), reciprocal(b, sums)));
  return [reshape(b, sub(b, direct, mul(b, mul(b, x, others), (2 * alpha * beta) / size)), shape)];
}

export const normalizationRules: GradientRules<keyof typeof normalizationOps> = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  InstanceNormalization: instanceNormalization,
  LRN: localResponse,
  Dropout: (c) => [c.grad()],
};
