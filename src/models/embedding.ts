import type { Value } from '../graph/builder.ts';
import { flatten, globalAveragePool, reshape } from '../graph/functions.ts';
import type { Backbone, ImageSize } from '../heads/backbone.ts';
import { batchNorm, linear } from '../nn/layers.ts';
import type { LayerContext } from '../nn/layer-context.ts';

/** Sides of the map that an embedding sees: enough to tell where in the image a feature is, few enough to keep the matrix small. */
const LARGEST_SIDE = 8;

/**
 * Signed features `[batch, count]` of a feature map `[batch, channels, h, w]` (or of flat features `[batch, n]`): average pooling to at most
 * 8×8, flattened, one linear layer without bias, BatchNorm. No ReLU follows, so features have either sign and a head may use
 * every class vector.
 */
export function embedding(c: LayerContext, x: Value, count: number): Value {
  return c.layer('embedding', () => {
    const hidden = linear(c, 'fc', flatten(c.b, smallMap(c, x)), count, { bias: false });
    const normalized = batchNorm(c, 'bn', reshape(c.b, hidden, [-1, count, 1, 1]));
    return flatten(c.b, normalized);
  });
}

function smallMap(c: LayerContext, x: Value): Value {
  const [, , height, width] = x.type.shape;
  if (height === undefined || width === undefined) return x;
  const kernel = [height, width].map((side) => Math.ceil(Number(side) / LARGEST_SIDE));
  if (kernel.every((side) => side === 1)) return x;
  return c.b.op('AveragePool', [x], {
    kernel_shape: kernel,
    strides: kernel,
    pads: [0, 0, 0, 0],
    count_include_pad: 0,
  });
}

interface MapNetwork {
  readonly name: string;
  readonly image: ImageSize;
  readonly map: (c: LayerContext, images: Value) => Value;
}

/** A network whose map gets an embedding. Its name says so, which is how a run finds it again: `resnet8:features=256`. */
export function embeddedBackbone({ name, image, map }: MapNetwork, features: number): Backbone {
  return Object.freeze({
    name: `${name}:features=${features}`,
    image,
    features,
    sign: 'signed',
    forward: (c: LayerContext, images: Value) => embedding(c, map(c, images), features),
  });
}

/** Global average pooling of a ReLU map, or an embedding of it where a number of features is asked for. */
export function pooledOrEmbedded(network: MapNetwork & { readonly channels: number }, features?: number): Backbone {
  if (features !== undefined) return embeddedBackbone(network, features);
  const { name, image, channels, map } = network;
  return Object.freeze({
    name,
    image,
    features: channels,
    sign: 'non-negative',
    forward: (c: LayerContext, images: Value) => flatten(c.b, globalAveragePool(c.b, map(c, images))),
  });
}
