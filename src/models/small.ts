import { usageError } from '../core/errors.ts';
import type { Value } from '../graph/builder.ts';
import { flatten, maxPool, relu } from '../graph/functions.ts';
import { batchNorm, conv2d, linear } from '../nn/layers.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import type { Backbone, ImageSize } from '../heads/backbone.ts';
import { embeddedBackbone, pooledOrEmbedded } from './embedding.ts';

/** A multilayer perceptron on the flattened image: linear layers of 256 and 128 units with ReLU; 128 non-negative features, or an embedding of them. */
export function mlp(image: ImageSize, features?: number): Backbone {
  const hidden = [256, 128];
  const forward = (c: LayerContext, images: Value): Value =>
    hidden.reduce((x, units, index) => relu(c.b, linear(c, `fc${index + 1}`, x, units)), flatten(c.b, images));
  return features === undefined
    ? Object.freeze({ name: 'mlp', image, features: 128, sign: 'non-negative', forward })
    : embeddedBackbone({ name: 'mlp', image, map: forward }, features);
}

/** An adapter without a number of features asked for has as many as it is given; of more numbers its matrix would be too large. */
const MOST_ADAPTED = 8192;

/**
 * What features of another model need before a fixed head: one linear layer without bias and BatchNorm; `features` signed features, as many as there are numbers
 * in an example unless given. Of images, their average-pooled pixels.
 *
 * @throws a usage error for examples of more than 8192 numbers where no number of features is given.
 */
export function adapter(image: ImageSize, features?: number): Backbone {
  const numbers = image.channels * image.height * image.width;
  const map = (_: LayerContext, images: Value): Value => images;
  if (features !== undefined) return embeddedBackbone({ name: 'adapter', image, map }, features);
  if (numbers > MOST_ADAPTED) {
    throw usageError('how many features the adapter gives is not said', {
      where: 'model adapter',
      expected: `a number for examples of ${numbers} numbers, as in adapter:features=256`,
    });
  }
  return Object.freeze({ ...embeddedBackbone({ name: 'adapter', image, map }, numbers), name: 'adapter' });
}

/**
 * A small convolutional network: 3×3 convolutions of 32, 64 and 128 channels, each with BatchNorm, ReLU and (but for the last)
 * 2×2 max pooling, then global average pooling; 128 non-negative features, or an embedding of the last
 * map.
 *
 * @throws a usage error for images smaller than 4×4.
 */
export function cnn(image: ImageSize, features?: number): Backbone {
  if (image.height < 4 || image.width < 4) {
    throw usageError('image too small for model cnn', {
      expected: 'at least 4×4 pixels',
      received: `${image.height}×${image.width}`,
    });
  }
  const stages = [32, 64, 128];
  const map = (c: LayerContext, images: Value): Value =>
    stages.reduce((x, channels, index) => {
      const y = c.layer(`stage${index + 1}`, () =>
        relu(c.b, batchNorm(c, 'bn', conv2d(c, 'conv', x, { channels, kernel: 3 }))),
      );
      return index === stages.length - 1 ? y : maxPool(c.b, y, { kernel: 2 });
    }, images);
  return pooledOrEmbedded({ name: 'cnn', image, channels: 128, map }, features);
}
