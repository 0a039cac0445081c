import type { Value } from '../graph/builder.ts';
import { add, relu6 } from '../graph/functions.ts';
import { batchNorm, channelsOf, conv2d, type Conv2dOptions } from '../nn/layers.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import type { Backbone, ImageSize } from '../heads/backbone.ts';
import { pooledOrEmbedded } from './embedding.ts';

/** The inverted residuals of Sandler et al. 2018, table 2: expansion t, output channels, how many, stride of the first. */
const stages = [
  { expansion: 1, channels: 16, blocks: 1, stride: 1 },
  { expansion: 6, channels: 24, blocks: 2, stride: 2 },
  { expansion: 6, channels: 32, blocks: 3, stride: 2 },
  { expansion: 6, channels: 64, blocks: 4, stride: 2 },
  { expansion: 6, channels: 96, blocks: 3, stride: 1 },
  { expansion: 6, channels: 160, blocks: 3, stride: 2 },
  { expansion: 6, channels: 320, blocks: 1, stride: 1 },
] as const;

/** Convolution, BatchNorm and ReLU6 in a layer of that name. */
const convolution = (c: LayerContext, name: string, x: Value, options: Conv2dOptions): Value =>
  c.layer(name, () => relu6(c.b, batchNorm(c, '1', conv2d(c, '0', x, options))));

interface Residual {
  readonly expansion: number;
  readonly channels: number;
  readonly stride: number;
}

/** 1×1 convolution to t times the channels (none for t = 1), depthwise 3×3, 1×1 without activation; plus x where the shape stays. */
function invertedResidual(c: LayerContext, x: Value, { expansion, channels, stride }: Residual): Value {
  const inputs = channelsOf(x);
  const width = inputs * expansion;
  const projected = c.layer('conv', () => {
    const wide = expansion === 1 ? x : convolution(c, '0', x, { channels: width, kernel: 1 });
    const depthwise = { channels: width, kernel: 3, stride, groups: width };
    const at = expansion === 1 ? 0 : 1;
    const filtered = convolution(c, String(at), wide, depthwise);
    return batchNorm(c, String(at + 2), conv2d(c, String(at + 1), filtered, { channels, kernel: 1 }));
  });
  return stride === 1 && inputs === channels ? add(c.b, x, projected) : projected;
}

/**
 * MobileNet-V2 of Sandler et al. 2018 at width 1.0: inverted residuals with depthwise convolutions, a map 1/32 the size of the image,
 * ReLU6 and global average pooling: 1280 non-negative features (at most 6). With `features` an embedding of the last map gives that
 * many signed ones instead. Layers are named as torchvision names them; its dropout before the classifier is left out.
 */
export function mobilenetV2(image: ImageSize, features?: number): Backbone {
  const last = 1280;
  const map = (c: LayerContext, images: Value): Value =>
    c.layer('features', () => {
      let x = convolution(c, '0', images, { channels: 32, kernel: 3, stride: 2 });
      let at = 1;
      for (const { blocks, stride, ...shape } of stages)
        for (let index = 0; index < blocks; index++, at++) {
          const input = x;
          x = c.layer(String(at), () => invertedResidual(c, input, { ...shape, stride: index === 0 ? stride : 1 }));
        }
      return convolution(c, String(at), x, { channels: last, kernel: 1 });
    });
  return pooledOrEmbedded({ name: 'mobilenetv2', image, channels: last, map }, features);
}
