import type { Value } from '../graph/builder.ts';
import { add, maxPool, relu } from '../graph/functions.ts';
import { batchNorm, channelsOf, conv2d } from '../nn/layers.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import type { Backbone, ImageSize } from '../heads/backbone.ts';
import { chain, indices } from './chain.ts';
import { pooledOrEmbedded } from './embedding.ts';

/** Output channels of a bottleneck block over those of its 3×3 convolution. */
const EXPANSION = 4;

interface Block {
  readonly channels: number;
  readonly stride: number;
}

/** x where the block keeps its shape, else a 1×1 convolution of it with BatchNorm (He et al.'s option B). */
function shortcut(c: LayerContext, x: Value, { channels, stride }: Block): Value {
  if (stride === 1 && channelsOf(x) === channels) return x;
  return c.layer('downsample', () => batchNorm(c, '1', conv2d(c, '0', x, { channels, kernel: 1, stride })));
}

/** relu(bn(conv(relu(bn(conv x)))) + shortcut x) with two 3×3 convolutions, the first with the stride. */
function basic(c: LayerContext, x: Value, { channels, stride }: Block): Value {
  const hidden = relu(c.b, batchNorm(c, 'bn1', conv2d(c, 'conv1', x, { channels, kernel: 3, stride })));
  const residual = batchNorm(c, 'bn2', conv2d(c, 'conv2', hidden, { channels, kernel: 3 }), { initialScale: 0 });
  return relu(c.b, add(c.b, residual, shortcut(c, x, { channels, stride })));
}

/** 1×1, 3×3 and 1×1 convolutions; the 3×3 one has the stride ("v1.5"), which is a little more accurate than He et al.'s first one. */
function bottleneck(c: LayerContext, x: Value, { channels: width, stride }: Block): Value {
  const channels = width * EXPANSION;
  const reduced = relu(c.b, batchNorm(c, 'bn1', conv2d(c, 'conv1', x, { channels: width, kernel: 1 })));
  const hidden = relu(c.b, batchNorm(c, 'bn2', conv2d(c, 'conv2', reduced, { channels: width, kernel: 3, stride })));
  const residual = batchNorm(c, 'bn3', conv2d(c, 'conv3', hidden, { channels, kernel: 1 }), { initialScale: 0 });
  return relu(c.b, add(c.b, residual, shortcut(c, x, { channels, stride })));
}

/** Blocks of each stage, by depth (He et al. 2016, table 1). */
const architectures = {
  18: { block: basic, expansion: 1, blocks: [2, 2, 2, 2] },
  34: { block: basic, expansion: 1, blocks: [3, 4, 6, 3] },
  50: { block: bottleneck, expansion: EXPANSION, blocks: [3, 4, 6, 3] },
  101: { block: bottleneck, expansion: EXPANSION, blocks: [3, 4, 23, 3] },
  152: { block: bottleneck, expansion: EXPANSION, blocks: [3, 8, 36, 3] },
} as const;

/** The depths of {@link imagenetResnet}. */
export type ImagenetResnetDepth = keyof typeof architectures;

/** The depths of {@link imagenetResnet}, shallowest first. */
export const imagenetResnetDepths = [18, 34, 50, 101, 152] as const satisfies readonly ImagenetResnetDepth[];

/**
 * The ResNets for ImageNet of He et al. 2016: a 7×7 convolution and a 3×3 max pooling, both of stride 2, then four stages of residual
 * blocks with 64, 128, 256 and 512 channels (times 4 behind the bottlenecks of depth 50 and more), each but the first at half the
 * resolution: a map 1/32 the size of the image, averaged to 512 or 2048 non-negative features. The last BatchNorm of every residual
 * branch starts with γ = 0, so a block starts as its shortcut (Goyal et al. 2017). Layers are named as torchvision names them.
 *
 * With `features` an embedding of the last map gives that many signed ones instead. An image of any size has a map of at least 1×1.
 */
export function imagenetResnet(depth: ImagenetResnetDepth, image: ImageSize, features?: number): Backbone {
  const { block, expansion, blocks } = architectures[depth];
  const map = (c: LayerContext, images: Value): Value => {
    const stem = relu(c.b, batchNorm(c, 'bn1', conv2d(c, 'conv1', images, { channels: 64, kernel: 7, stride: 2 })));
    const pooled = maxPool(c.b, stem, { kernel: 3, stride: 2, padding: 1 });
    return chain(c, pooled, blocks, { prefix: 'layer', first: 1 }, (x, count, stage) =>
      chain(c, x, indices(count), {}, (y, index) =>
        block(c, y, { channels: 64 * 2 ** stage, stride: stage > 0 && index === 0 ? 2 : 1 }),
      ),
    );
  };
  return pooledOrEmbedded({ name: `resnet${depth}`, image, channels: 512 * expansion, map }, features);
}
