import { usageError } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import type { Augmentation, Batch, ImageSet, ImageShape, Normalization } from './dataset.ts';

/** Everything that the contents of a training batch depend on, except which images are in it. */
export interface BatchRecipe {
  readonly set: Pick<ImageSet, 'count' | 'pixels' | 'labels'>;
  readonly image: ImageShape;
  readonly normalization: Normalization;
  readonly augmentation: Augmentation;
  readonly seed: number;
}

/** Images as they are. */
export const noAugmentation: Augmentation = Object.freeze({ cropPadding: 0, horizontalFlip: false });

/**
 * One batch: the images at `indices`, augmented and normalised. A pure function of its arguments, for Node and browsers.
 *
 * Image i of epoch e is cropped and mirrored as the stream `(seed, 'augment', e, i)` says: first the row and column
 * of the crop, each uniform in 0 … 2·cropPadding, then the mirror with probability ½. It is therefore the same whatever the batch size, the
 * place in the batch and the number of workers.
 *
 * The padding is black: byte 0 before normalisation, −mean/std after it, as in the usual CIFAR recipe where the crop comes before
 * the normalisation (torchvision's `RandomCrop(32, padding=4)`, `RandomHorizontalFlip()`, `ToTensor()`, `Normalize(mean, std)` in this order).
 *
 * @param indices `[size]`, each in 0 … set.count−1.
 * @param into memory to reuse for the images, `size·channels·height·width` floats; new memory without it.
 */
export function prepareBatch(recipe: BatchRecipe, epoch: number, indices: Uint32Array, into?: Float32Array): Batch {
  const { set, image } = recipe;
  const elements = image.channels * image.height * image.width;
  const images = into?.length === indices.length * elements ? into : new Float32Array(indices.length * elements);
  const levels = normalizedLevels(recipe.normalization, image.channels);
  indices.forEach((index, place) => {
    const pixels = set.pixels.subarray(index * elements, (index + 1) * elements);
    const view = drawView(recipe.augmentation, recipe.seed, epoch, index);
    writeImage(pixels, image, view, levels, images.subarray(place * elements, (place + 1) * elements));
  });
  return { images, labels: Int32Array.from(indices, (index) => set.labels[index] ?? 0), size: indices.length };
}

/** Where the crop's top left corner lies in the original image, in pixels, and whether the crop is mirrored. */
interface View {
  readonly top: number;
  readonly left: number;
  readonly mirrored: boolean;
}

const wholeImage: View = Object.freeze({ top: 0, left: 0, mirrored: false });

function drawView({ cropPadding, horizontalFlip }: Augmentation, seed: number, epoch: number, index: number): View {
  if (cropPadding === 0 && !horizontalFlip) return wholeImage;
  const random = randomStream(seed, 'augment', epoch, index);
  const top = random.integer(2 * cropPadding + 1) - cropPadding;
  const left = random.integer(2 * cropPadding + 1) - cropPadding;
  return { top, left, mirrored: horizontalFlip && random.uniform() < 0.5 };
}

/** Writes one image, `[channels, height, width]`, through the view; `levels` is what {@link normalizedLevels} gives. */
function writeImage(
  pixels: Uint8Array,
  { channels, height, width }: ImageShape,
  { top, left, mirrored }: View,
  levels: Float32Array,
  output: Float32Array,
): void {
  for (let channel = 0; channel < channels; channel++) {
    const table = levels.subarray(channel * 256, (channel + 1) * 256);
    const black = table[0] ?? 0;
    for (let row = 0; row < height; row++) {
      const start = (channel * height + row) * width;
      const sourceRow = row + top;
      if (sourceRow < 0 || sourceRow >= height) {
        output.fill(black, start, start + width);
        continue;
      }
      const sourceStart = (channel * height + sourceRow) * width;
      for (let column = 0; column < width; column++) {
        const sourceColumn = (mirrored ? width - 1 - column : column) + left;
        const inside = sourceColumn >= 0 && sourceColumn < width;
        output[start + column] = inside ? (table[pixels[sourceStart + sourceColumn] ?? 0] ?? 0) : black;
      }
    }
  }
}

/** `[channels, 256]`: the normalised value of every byte, (p/255 − mean)/std. */
function normalizedLevels({ mean, std }: Normalization, channels: number): Float32Array {
  return Float32Array.from({ length: channels * 256 }, (_, entry) => {
    const channel = entry >> 8;
    return ((entry & 255) / 255 - (mean[channel] ?? 0)) / (std[channel] ?? 1);
  });
}

/** The augmentation, or a usage error for a padding that is not a whole number or could crop an image away. */
export function checkedAugmentation(augmentation: Augmentation, image: ImageShape): Augmentation {
  const largest = Math.min(image.height, image.width) - 1;
  const { cropPadding } = augmentation;
  if (!Number.isInteger(cropPadding) || cropPadding < 0 || cropPadding > largest) {
    throw usageError('the crop padding does not fit the images', {
      expected: `a whole number from 0 to ${largest} for images of ${image.height}×${image.width} pixels`,
      received: String(cropPadding),
    });
  }
  return augmentation;
}
