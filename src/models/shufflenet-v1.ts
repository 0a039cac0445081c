import type { Value } from '../graph/builder.ts';
import { add, averagePool, concat, maxPool, relu } from '../graph/functions.ts';
import { channelShuffle } from '../nn/channels.ts';
import { batchNorm, channelsOf, conv2d, type Conv2dOptions } from '../nn/layers.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import type { Backbone, ImageSize } from '../heads/backbone.ts';
import { chain, indices } from './chain.ts';
import { pooledOrEmbedded } from './embedding.ts';

/** Groups of the 1×1 convolutions; the channels of the stages belong to it (Zhang et al. 2018, table 1). */
const GROUPS = 3;
const STAGES = [240, 480, 960] as const;
const REPEATS = [4, 8, 4] as const;
const STEM = 24;

/** Convolution with a bias, and BatchNorm. */
const normalized = (c: LayerContext, name: string, x: Value, options: Conv2dOptions): Value =>
  c.layer(name, () => batchNorm(c, 'bn', conv2d(c, 'conv', x, { ...options, bias: true })));

/**
 * Grouped 1×1 convolution to a quarter of the branch's channels, shuffle, depthwise 3×3 convolution, grouped 1×1 convolution; plus x,
 * or where the unit has stride 2 beside x averaged 3×3: the branch then only makes the channels that x lacks.
 */
function unit(c: LayerContext, x: Value, channels: number, stride: number): Value {
  const inputs = channelsOf(x);
  const made = stride === 1 ? channels : channels - inputs;
  const width = made / 4;
  // The few channels of the stem are not worth splitting.
  const reducing = inputs === STEM ? 1 : GROUPS;
  const reduced = relu(c.b, normalized(c, 'compress', x, { channels: width, kernel: 1, groups: reducing }));
  const shuffled = channelShuffle(c.b, reduced, GROUPS);
  const filtered = normalized(c, 'depthwise', shuffled, { channels: width, kernel: 3, stride, groups: width });
  const expanded = normalized(c, 'expand', filtered, { channels: made, kernel: 1, groups: GROUPS });
  if (stride === 1) return relu(c.b, add(c.b, x, expanded));
  const averaged = averagePool(c.b, x, { kernel: 3, stride, padding: 1, countIncludePad: true });
  return relu(c.b, concat(c.b, [averaged, expanded], 1));
}

/**
 * ShuffleNet of Zhang et al. 2018 at width 1× with 3 groups, in the variant that Hoffer, Hubara & Soudry 2018 counted: biases in all
 * convolutions, no BatchNorm behind the first one, and bottlenecks a quarter as wide as the *branch* (54, 60 and 120 channels in the
 * units of stride 2). A public PyTorch implementation of 2017 had this structure. The backbone has 865,554 parameters; with 960·1000
 * classifier weights, 1000 biases and one scale that is the published 1,826,555.
 *
 * A map 1/32 the size of the image, ReLU and global average pooling: 960 non-negative features. With `features` an embedding of
 * the last map gives that many signed ones instead.
 */
export function shufflenet(image: ImageSize, features?: number): Backbone {
  const map = (c: LayerContext, images: Value): Value => {
    const stem = conv2d(c, 'conv1', images, { channels: STEM, kernel: 3, stride: 2, bias: true });
    const pooled = maxPool(c.b, stem, { kernel: 3, stride: 2, padding: 1 });
    return chain(c, pooled, STAGES, { prefix: 'stage', first: 2 }, (x, channels, stage) =>
      chain(c, x, indices(REPEATS[stage] ?? 0), {}, (y, index) => unit(c, y, channels, index === 0 ? 2 : 1)),
    );
  };
  return pooledOrEmbedded({ name: 'shufflenet', image, channels: STAGES[2], map }, features);
}
