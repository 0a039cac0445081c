import type { Value } from '../graph/builder.ts';
import { concat, maxPool, relu, split } from '../graph/functions.ts';
import { channelShuffle } from '../nn/channels.ts';
import { batchNorm, channelsOf, conv2d, type Conv2dOptions } from '../nn/layers.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import type { Backbone, ImageSize } from '../heads/backbone.ts';
import { chain, indices } from './chain.ts';
import { pooledOrEmbedded } from './embedding.ts';

/** Channels of the three stages and of the last convolution, by width (Ma et al. 2018, table 5). */
const architectures = {
  '0.5': { stages: [48, 96, 192], last: 1024 },
  '1.0': { stages: [116, 232, 464], last: 1024 },
  '1.5': { stages: [176, 352, 704], last: 1024 },
  '2.0': { stages: [244, 488, 976], last: 2048 },
} as const;

/** The widths of {@link shufflenetV2}. */
export type ShuffleNetV2Width = keyof typeof architectures;

/** The widths of {@link shufflenetV2}, smallest first. */
export const shufflenetV2Widths = ['0.5', '1.0', '1.5', '2.0'] as const satisfies readonly ShuffleNetV2Width[];

/** Units of each stage. */
const REPEATS = [4, 8, 4] as const;

/** Convolution layer `at` and BatchNorm layer `at` + 1; filters start uniform in ±1/√(in/groups·kernel²), as in torchvision. */
function normalized(c: LayerContext, at: number, x: Value, options: Conv2dOptions): Value {
  const bound = 1 / Math.sqrt((channelsOf(x) / (options.groups ?? 1)) * options.kernel ** 2);
  const y = conv2d(c, String(at), x, { ...options, initial: { kind: 'uniform', bound } });
  return batchNorm(c, String(at + 1), y);
}

const depthwise = (c: LayerContext, at: number, x: Value, stride: number): Value =>
  normalized(c, at, x, { channels: channelsOf(x), kernel: 3, stride, groups: channelsOf(x) });

/** 1×1 convolution, depthwise 3×3, 1×1 convolution. */
function branch(c: LayerContext, x: Value, channels: number, stride: number): Value {
  return c.layer('branch2', () => {
    const mixed = relu(c.b, normalized(c, 0, x, { channels, kernel: 1 }));
    return relu(c.b, normalized(c, 5, depthwise(c, 3, mixed, stride), { channels, kernel: 1 }));
  });
}

/** Stride 1: one half of the channels goes through the branch, the other stays. Stride 2: both branches see all channels. */
function unit(c: LayerContext, x: Value, channels: number, stride: number): Value {
  const half = channels / 2;
  if (stride === 1) {
    const [kept = x, changed = x] = split(c.b, x, [half, half], 1);
    return channelShuffle(c.b, concat(c.b, [kept, branch(c, changed, half, 1)], 1), 2);
  }
  const pooled = c.layer('branch1', () =>
    relu(c.b, normalized(c, 2, depthwise(c, 0, x, stride), { channels: half, kernel: 1 })),
  );
  return channelShuffle(c.b, concat(c.b, [pooled, branch(c, x, half, stride)], 1), 2);
}

/**
 * ShuffleNet-V2 of Ma et al. 2018: units that split their channels, change one half and shuffle both, a map 1/32 the size of the image,
 * ReLU and global average pooling: 1024 non-negative features (2048 at width 2.0). With `features` an embedding of the last
 * map gives that many signed ones instead. Layers are named as torchvision names them. Width 1.0 is called `shufflenetv2`.
 */
export function shufflenetV2(width: ShuffleNetV2Width, image: ImageSize, features?: number): Backbone {
  const { stages, last } = architectures[width];
  const wide = (c: LayerContext, name: string, x: Value, options: Conv2dOptions): Value =>
    c.layer(name, () => relu(c.b, normalized(c, 0, x, options)));
  const map = (c: LayerContext, images: Value): Value => {
    const stem = wide(c, 'conv1', images, { channels: 24, kernel: 3, stride: 2 });
    const pooled = maxPool(c.b, stem, { kernel: 3, stride: 2, padding: 1 });
    const shuffled = chain(c, pooled, stages, { prefix: 'stage', first: 2 }, (x, channels, stage) =>
      chain(c, x, indices(REPEATS[stage] ?? 0), {}, (y, index) => unit(c, y, channels, index === 0 ? 2 : 1)),
    );
    return wide(c, 'conv5', shuffled, { channels: last, kernel: 1 });
  };
  const name = width === '1.0' ? 'shufflenetv2' : `shufflenetv2-x${width}`;
  return pooledOrEmbedded({ name, image, channels: last, map }, features);
}
