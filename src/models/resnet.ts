import { usageError } from '../core/errors.ts';
import type { Value } from '../graph/builder.ts';
import { add, relu } from '../graph/functions.ts';
import { batchNorm, channelsOf, conv2d } from '../nn/layers.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import type { Backbone, ImageSize } from '../heads/backbone.ts';
import { pooledOrEmbedded } from './embedding.ts';
import { imagenetResnetDepths } from './resnet-imagenet.ts';

/**
 * A basic residual block: relu(bn(conv(relu(bn(conv x)))) + shortcut x), 3×3 filters, a 1×1 convolution as shortcut where the
 * shape changes (He et al.'s option B). The last BatchNorm starts with γ = 0, so the block starts as its shortcut.
 */
function basicBlock(c: LayerContext, name: string, x: Value, channels: number, stride: number): Value {
  return c.layer(name, () => {
    const hidden = relu(c.b, batchNorm(c, 'bn1', conv2d(c, 'conv1', x, { channels, kernel: 3, stride })));
    const residual = batchNorm(c, 'bn2', conv2d(c, 'conv2', hidden, { channels, kernel: 3 }), { initialScale: 0 });
    const changes = stride !== 1 || channelsOf(x) !== channels;
    const shortcut = changes
      ? c.layer('downsample', () => batchNorm(c, 'bn', conv2d(c, 'conv', x, { channels, kernel: 1, stride })))
      : x;
    return relu(c.b, add(c.b, residual, shortcut));
  });
}

/** Depths that name a ResNet for ImageNet as well: of these the one for small images is `resnet50-cifar`. */
const shared: readonly number[] = imagenetResnetDepths;

/**
 * The ResNets for small images of He et al. 2015 (section 4.2): depth 6n + 2, three stages of n basic blocks with 16, 32
 * and 64 channels, the second and third at half the resolution; global average pooling gives 64 non-negative features. With
 * `features` an embedding of the last map gives that many signed ones instead.
 *
 * @throws a usage error if the depth is not 6n + 2 with n ≥ 1.
 */
export function resnet(depth: number, image: ImageSize, features?: number): Backbone {
  const blocks = (depth - 2) / 6;
  if (!Number.isInteger(blocks) || blocks < 1) {
    throw usageError('a CIFAR ResNet has depth 6n + 2', {
      received: `resnet${depth}`,
      legal: ['resnet8', 'resnet14', 'resnet20', 'resnet32', 'resnet44', 'resnet56', 'resnet110'],
    });
  }
  const stages = [16, 32, 64];
  const map = (c: LayerContext, images: Value): Value => {
    const stem = relu(c.b, batchNorm(c, 'bn1', conv2d(c, 'conv1', images, { channels: 16, kernel: 3 })));
    return stages.reduce(
      (x, channels, stage) =>
        c.layer(`stage${stage + 1}`, () =>
          Array.from({ length: blocks }, (_, index) => index).reduce(
            (y, index) => basicBlock(c, String(index), y, channels, stage > 0 && index === 0 ? 2 : 1),
            x,
          ),
        ),
      stem,
    );
  };
  const name = `resnet${depth}${shared.includes(depth) ? '-cifar' : ''}`;
  return pooledOrEmbedded({ name, image, channels: 64, map }, features);
}
