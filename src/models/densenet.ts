import { usageError } from '../core/errors.ts';
import type { Value } from '../graph/builder.ts';
import { averagePool, concat, maxPool, relu } from '../graph/functions.ts';
import { batchNorm, channelsOf, conv2d } from '../nn/layers.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import type { Backbone, ImageSize } from '../heads/backbone.ts';
import { chain, indices } from './chain.ts';
import { pooledOrEmbedded } from './embedding.ts';

/** The bottleneck of a dense layer has this many times the growth rate's channels. */
const BOTTLENECK = 4;

/** Filters of DenseNets start as N(0, 2/(in·kh·kw)), as in torchvision. */
const initial = { kind: 'kaiming-normal', fan: 'in' } as const;

const activated = (c: LayerContext, name: string, x: Value): Value => relu(c.b, batchNorm(c, name, x));

/** What a dense layer adds to the channels it sees: BatchNorm, ReLU, 1×1 convolution, BatchNorm, ReLU, 3×3 convolution. */
function denseLayer(c: LayerContext, x: Value, growth: number): Value {
  const inner = conv2d(c, 'conv1', activated(c, 'norm1', x), { channels: BOTTLENECK * growth, kernel: 1, initial });
  return conv2d(c, 'conv2', activated(c, 'norm2', inner), { channels: growth, kernel: 3, initial });
}

/** Layers that each see the channels of all before them, side by side. */
function denseBlock(c: LayerContext, x: Value, layers: number, growth: number): Value {
  return chain(c, x, indices(layers), { prefix: 'denselayer', first: 1 }, (y) =>
    concat(c.b, [y, denseLayer(c, y, growth)], 1),
  );
}

/** Half the channels (compression 0.5, rounded down) at half the resolution. */
function transition(c: LayerContext, x: Value): Value {
  const channels = Math.floor(channelsOf(x) / 2);
  return averagePool(c.b, conv2d(c, 'conv', activated(c, 'norm', x), { channels, kernel: 1, initial }), { kernel: 2 });
}

interface Architecture {
  readonly name: string;
  readonly growth: number;
  readonly blocks: readonly number[];
  /** Channels of the first convolution. */
  readonly stem: number;
  /** `imagenet`: 7×7 convolution and 3×3 max pooling, both of stride 2; `cifar`: a 3×3 convolution. */
  readonly kind: 'imagenet' | 'cifar';
}

/** Channels behind the last dense block. */
const channelsBehind = ({ growth, blocks, stem }: Architecture): number =>
  blocks.reduce(
    (channels, layers, index) => (index === 0 ? channels : Math.floor(channels / 2)) + layers * growth,
    stem,
  );

/** Sides smaller than this end in a map without pixels: every transition halves, rounding down; the stem halves twice, rounding up. */
const smallestSide = ({ blocks, kind }: Architecture): number => {
  const behindStem = 2 ** (blocks.length - 1);
  return kind === 'cifar' ? behindStem : 4 * (behindStem - 1) + 1;
};

function densenet(architecture: Architecture, image: ImageSize, features?: number): Backbone {
  const { name, growth, blocks, stem, kind } = architecture;
  const least = smallestSide(architecture);
  if (image.height < least || image.width < least) {
    throw usageError(`image too small for model ${name}: pooling would leave no pixel`, {
      expected: `at least ${least}×${least} pixels`,
      received: `${image.height}×${image.width}`,
      ...(kind === 'imagenet' ? { hint: 'densenet100-bc12 is the DenseNet for small images' } : {}),
    });
  }
  const first = (c: LayerContext, images: Value): Value => {
    if (kind === 'cifar') return conv2d(c, 'conv0', images, { channels: stem, kernel: 3, initial });
    const wide = conv2d(c, 'conv0', images, { channels: stem, kernel: 7, stride: 2, initial });
    return maxPool(c.b, activated(c, 'norm0', wide), { kernel: 3, stride: 2, padding: 1 });
  };
  const map = (c: LayerContext, images: Value): Value =>
    c.layer('features', () => {
      const last = blocks.reduce(
        (x, layers, index) => {
          const dense = c.layer(`denseblock${index + 1}`, () => denseBlock(c, x, layers, growth));
          return index === blocks.length - 1 ? dense : c.layer(`transition${index + 1}`, () => transition(c, dense));
        },
        first(c, images),
      );
      return activated(c, `norm${blocks.length + 1}`, last);
    });
  return pooledOrEmbedded({ name, image, channels: channelsBehind(architecture), map }, features);
}

/** Layers of each dense block, by depth (Huang et al. 2017, table 1). */
const imagenet = {
  121: [6, 12, 24, 16],
  169: [6, 12, 32, 32],
  201: [6, 12, 48, 32],
} as const;

/** The depths of {@link imagenetDensenet}. */
export type ImagenetDensenetDepth = keyof typeof imagenet;

/** The depths of {@link imagenetDensenet}, shallowest first. */
export const imagenetDensenetDepths = [121, 169, 201] as const satisfies readonly ImagenetDensenetDepth[];

/**
 * The DenseNets for ImageNet of Huang et al. 2017 with growth rate 32: a 7×7 convolution and a 3×3 max pooling, both of stride 2, four
 * dense blocks with transitions between them, BatchNorm, ReLU, global average pooling: 1024, 1664 or 1920 non-negative features.
 * With `features` an embedding of the last map gives that many signed ones instead. Layers are named as torchvision names them.
 *
 * @throws a usage error for images under 29×29 pixels, whose last map would be empty.
 */
export function imagenetDensenet(depth: ImagenetDensenetDepth, image: ImageSize, features?: number): Backbone {
  const architecture = {
    name: `densenet${depth}`,
    growth: 32,
    blocks: imagenet[depth],
    stem: 64,
    kind: 'imagenet',
  } as const;
  return densenet(architecture, image, features);
}

/**
 * DenseNet-BC for small images (Huang et al. 2017, section 4.2): depth L = 6n + 4, growth rate k; a 3×3 convolution with 2k channels,
 * three dense blocks of n layers, each a 1×1 (4k channels) and a 3×3 convolution (k channels), and two transitions that halve
 * channels and resolution. L = 100, k = 12 has 342 non-negative features. With `features` an embedding of the last map gives that
 * many signed ones instead.
 *
 * @throws a usage error if the depth is not 6n + 4 with n ≥ 1, or for images under 4×4 pixels.
 */
export function densenetBc(
  { depth, growth }: { readonly depth: number; readonly growth: number },
  image: ImageSize,
  features?: number,
): Backbone {
  const layers = (depth - 4) / 6;
  const name = `densenet${depth}-bc${growth}`;
  if (!Number.isInteger(layers) || layers < 1 || !Number.isInteger(growth) || growth < 1) {
    throw usageError('a CIFAR DenseNet-BC has depth 6n + 4 and a positive growth rate', {
      expected: 'densenetL-bcK such as densenet100-bc12',
      received: name,
    });
  }
  return densenet({ name, growth, blocks: [layers, layers, layers], stem: 2 * growth, kind: 'cifar' }, image, features);
}
