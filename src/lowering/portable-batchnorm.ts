import type { Value } from '../graph/builder.ts';
import { staticShapeOf, type Builder } from '../graph/builder.ts';
import { add, mul, reciprocal, reduceMean, reduceSum, relu, reshape, sqrt, sub } from '../graph/functions.ts';
import type { OpNode } from '../graph/graph.ts';
import type { Operands } from './pass.ts';

/** All axes but the channels. */
const reducedAxes = (x: Value): number[] => x.type.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));

/** A channel vector as `[1, C, 1, ..]`, for broadcasting over x. */
function alongChannels(b: Builder, vector: Value, x: Value): Value {
  const channels = staticShapeOf(vector)[0] ?? 0;
  return reshape(
    b,
    vector,
    x.type.shape.map((_, axis) => (axis === 1 ? channels : 1)),
  );
}

/** 1/√(σ² + ε) */
export function inverseDeviation(b: Builder, variance: Value, epsilon: number): Value {
  return reciprocal(b, sqrt(b, add(b, variance, epsilon)));
}

/** The variance is the mean of squared deviations from the mean: accurate however far the mean is from zero. */
export function batchNormTraining(
  b: Builder,
  node: OpNode<'BatchNormTraining'>,
  { input, optional }: Operands,
): readonly Value[] {
  const [x, scale, bias, sum] = [input(0), input(1), input(2), optional(3)];
  const mean = reduceMean(b, x, reducedAxes(x));
  const centred = sub(b, x, alongChannels(b, mean, x));
  const variance = reduceMean(b, mul(b, centred, centred), reducedAxes(x));
  const factor = mul(b, scale, inverseDeviation(b, variance, node.attributes.epsilon));
  const normalized = add(b, mul(b, centred, alongChannels(b, factor, x)), alongChannels(b, bias, x));
  const summed = sum === undefined ? normalized : add(b, normalized, sum);
  return [node.attributes.relu === 1 ? relu(b, summed) : summed, mean, variance];
}

/**
 * With x̂ the normalised input, M elements a channel: gbias = Σ gy, gscale = Σ gy·x̂,
 * gx = scale/√(σ² + ε)·(gy − gbias/M − x̂·gscale/M) (Ioffe & Szegedy 2015, section 3).
 */
export function batchNormGrad(b: Builder, node: OpNode<'BatchNormGrad'>, { input }: Operands): readonly Value[] {
  const [gy, x, scale, mean, variance] = [input(0), input(1), input(2), input(3), input(4)];
  const shape = staticShapeOf(x);
  const count = shape.reduce((product, extent, axis) => (axis === 1 ? product : product * extent), 1);
  const inverse = inverseDeviation(b, variance, node.attributes.epsilon);
  // x̂ = centred·inverse: the factor is applied to channel vectors, which saves a pass over the image.
  const centred = sub(b, x, alongChannels(b, mean, x));
  const gbias = reduceSum(b, gy, reducedAxes(x));
  const gscale = mul(b, reduceSum(b, mul(b, gy, centred), reducedAxes(x)), inverse);
  const projected = mul(b, centred, alongChannels(b, mul(b, mul(b, gscale, inverse), 1 / count), x));
  const rest = sub(b, sub(b, gy, alongChannels(b, mul(b, gbias, 1 / count), x)), projected);
  return [mul(b, rest, alongChannels(b, mul(b, scale, inverse), x)), gscale, gbias];
}
