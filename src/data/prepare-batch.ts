import { usageError } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import type { Augmentation, Batch, ByteImages, FloatImages, ImageSet, ImageShape, Normalization } from './dataset.ts';
import { checkResizedCrop, drawResizedCrop, resizeCrop } from './resized-crop.ts';

/** Everything that the contents of a training batch depend on, except which images are in it. */
export interface BatchRecipe<Images extends ImageSet = ImageSet> {
  readonly set: Images;
  readonly image: ImageShape;
  readonly normalization: Normalization;
  readonly augmentation: Augmentation;
  readonly seed: number;
  /** Whether batches are for an evaluation: an image that cannot be read is then left out, not replaced by another one. */
  readonly evaluation?: boolean;
}

/** Images as they are. */
export const noAugmentation: Augmentation = Object.freeze({ cropPadding: 0, horizontalFlip: false });

/**
 * One batch of images that are held in memory: the images at `indices`, augmented and normalised. A pure function of its arguments, for Node and browsers.
 *
 * Image i of epoch e is cropped and mirrored as the stream `(seed, 'augment', e, i)` says: first the row and column
 * of the crop, each uniform in 0 … 2·cropPadding, then the mirror with probability ½, then (where any of them is asked for) the angle, the factor and the shift
 * down and to the right, each uniform. It is therefore the same whatever the batch size, the place in the batch and the number of workers.
 *
 * A random resized crop comes before all of these, from a stream of its own: {@link drawResizedCrop}.
 *
 * The padding is black: byte 0 before normalisation, −mean/std after it, as in the usual CIFAR recipe where the crop comes before
 * the normalisation (torchvision's `RandomCrop(32, padding=4)`, `RandomHorizontalFlip()`, `ToTensor()`, `Normalize(mean, std)` in this order).
 *
 * @param indices `[size]`, each in 0 … set.count−1.
 * @param into memory to reuse for the images, `size·channels·height·width` floats; new memory without it.
 */
export function prepareBatch(
  recipe: BatchRecipe<ByteImages | FloatImages>,
  epoch: number,
  indices: Uint32Array,
  into?: Float32Array,
): Batch {
  const { set, image } = recipe;
  const elements = image.channels * image.height * image.width;
  const images = batchMemory(indices.length * elements, into);
  const target = (place: number): Float32Array => images.subarray(place * elements, (place + 1) * elements);
  switch (set.kind) {
    case 'bytes': {
      const write = imageWriter(recipe, epoch);
      const crop = recipe.augmentation.randomResizedCrop;
      indices.forEach((index, place) => {
        const pixels = set.pixels.subarray(index * elements, (index + 1) * elements);
        const part = crop && resizeCrop(pixels, image, drawResizedCrop(image, crop, recipe.seed, epoch, index));
        write(part ?? pixels, index, target(place));
      });
      break;
    }
    case 'floats':
      indices.forEach((index, place) => {
        writeNumbers(set.values.subarray(index * elements, (index + 1) * elements), recipe, target(place));
      });
      break;
    default:
      set satisfies never;
  }
  return { images, labels: Int32Array.from(indices, (index) => set.labels[index] ?? 0), size: indices.length };
}

/** The given memory, if it has the right size; new memory otherwise. */
export function batchMemory(length: number, into: Float32Array | undefined): Float32Array {
  return into?.length === length ? into : new Float32Array(length);
}

/**
 * Writes images of the batch's size as bytes, `[channels, height, width]`, into their places: moved, mirrored and turned as their index says (but not cut out:
 * that is done where the whole image is at hand), and normalised.
 */
export function imageWriter(
  { image, normalization, augmentation, seed }: Omit<BatchRecipe, 'set'>,
  epoch: number,
): (pixels: Uint8Array, index: number, output: Float32Array) => void {
  const levels = normalizedLevels(normalization, image.channels);
  return (pixels, index, output) => {
    writeImage(pixels, image, drawView(augmentation, seed, epoch, index), levels, output);
  };
}

/** (v − mean)/std of each number of one example; there is no augmentation of numbers that are no pixels. */
function writeNumbers(values: Float32Array, { image, normalization }: BatchRecipe, output: Float32Array): void {
  const plane = image.height * image.width;
  const { mean, std } = normalization;
  values.forEach((value, place) => {
    const channel = Math.floor(place / plane);
    output[place] = (value - (mean[channel] ?? 0)) / (std[channel] ?? 1);
  });
}

/** Where the crop's top left corner lies in the original image, in pixels, whether the crop is mirrored, and how it is turned. */
interface View {
  readonly top: number;
  readonly left: number;
  readonly mirrored: boolean;
  readonly warp: Warp | undefined;
}

/**
 * Where a pixel comes from: the place at (x, y) from the centre of the crop, x to the right and y down, is read at
 * (along·(x − right) + across·(y − down), along·(y − down) − across·(x − right)) from it.
 */
interface Warp {
  /** cos θ / f for a turn by θ and a factor f. */
  readonly along: number;
  /** sin θ / f */
  readonly across: number;
  readonly down: number;
  readonly right: number;
}

const wholeImage: View = Object.freeze({ top: 0, left: 0, mirrored: false, warp: undefined });

function drawView(augmentation: Augmentation, seed: number, epoch: number, index: number): View {
  const { cropPadding, horizontalFlip, rotationDegrees = 0, scale = 0, shift = 0 } = augmentation;
  const warped = rotationDegrees > 0 || scale > 0 || shift > 0;
  if (cropPadding === 0 && !horizontalFlip && !warped) return wholeImage;
  const random = randomStream(seed, 'augment', epoch, index);
  const top = random.integer(2 * cropPadding + 1) - cropPadding;
  const left = random.integer(2 * cropPadding + 1) - cropPadding;
  // With a warp the mirror's number is always drawn, so that mirroring does not change the angles.
  const mirrored = (horizontalFlip || warped) && random.uniform() < 0.5 && horizontalFlip;
  if (!warped) return { top, left, mirrored, warp: undefined };
  const symmetric = (): number => 2 * random.uniform() - 1;
  const angle = (symmetric() * rotationDegrees * Math.PI) / 180;
  const factor = 1 + symmetric() * scale;
  const warp = {
    along: Math.cos(angle) / factor,
    across: Math.sin(angle) / factor,
    down: symmetric() * shift,
    right: symmetric() * shift,
  };
  return { top, left, mirrored, warp };
}

/** Writes one image, `[channels, height, width]`, through the view; `levels` is what {@link normalizedLevels} gives. */
function writeImage(
  pixels: Uint8Array,
  { channels, height, width }: ImageShape,
  { top, left, mirrored, warp }: View,
  levels: Float32Array,
  output: Float32Array,
): void {
  for (let channel = 0; channel < channels; channel++) {
    const table = levels.subarray(channel * 256, (channel + 1) * 256);
    if (warp !== undefined) {
      const plane = pixels.subarray(channel * height * width, (channel + 1) * height * width);
      const target = output.subarray(channel * height * width, (channel + 1) * height * width);
      writeWarped(plane, height, width, { top, left, mirrored, warp }, table, target);
      continue;
    }
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

/** One plane through a view with a warp. Between pixels the four around are weighted; outside the image is black. */
function writeWarped(
  plane: Uint8Array,
  height: number,
  width: number,
  { top, left, mirrored, warp: { along, across, down, right } }: View & { readonly warp: Warp },
  table: Float32Array,
  output: Float32Array,
): void {
  const black = table[0] ?? 0;
  // Normalisation is linear in the byte, so it can follow the interpolation.
  const perLevel = ((table[255] ?? 0) - black) / 255;
  const [centreRow, centreColumn] = [(height - 1) / 2, (width - 1) / 2];
  const pixel = (row: number, column: number): number =>
    row >= 0 && row < height && column >= 0 && column < width ? (plane[row * width + column] ?? 0) : 0;
  for (let row = 0; row < height; row++) {
    const y = row - centreRow - down;
    for (let column = 0; column < width; column++) {
      const x = (mirrored ? width - 1 - column : column) - centreColumn - right;
      const sourceRow = along * y - across * x + centreRow + top;
      const sourceColumn = along * x + across * y + centreColumn + left;
      const firstRow = Math.floor(sourceRow);
      const firstColumn = Math.floor(sourceColumn);
      const below = sourceRow - firstRow;
      const beside = sourceColumn - firstColumn;
      const upper = pixel(firstRow, firstColumn) * (1 - beside) + pixel(firstRow, firstColumn + 1) * beside;
      const lower = pixel(firstRow + 1, firstColumn) * (1 - beside) + pixel(firstRow + 1, firstColumn + 1) * beside;
      output[row * width + column] = black + perLevel * (upper * (1 - below) + lower * below);
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

/** Whether an augmentation leaves images as they are. */
function changesNothing(augmentation: Augmentation): boolean {
  const { cropPadding, horizontalFlip, rotationDegrees = 0, scale = 0, shift = 0, randomResizedCrop } = augmentation;
  const moved = cropPadding > 0 || rotationDegrees > 0 || scale > 0 || shift > 0;
  return !moved && !horizontalFlip && randomResizedCrop === undefined;
}

/**
 * The augmentation, or a usage error for a value out of range: a padding that is not a whole number or could crop an image away, for example; or for any augmentation of
 * features, which are no pictures.
 */
export function checkedAugmentation(
  augmentation: Augmentation,
  image: ImageShape,
  kind: ImageSet['kind'] = 'bytes',
): Augmentation {
  if (kind === 'floats') {
    if (changesNothing(augmentation)) return augmentation;
    throw usageError('features are not pictures: they cannot be cropped, mirrored or turned', {
      expected: 'no augmentation',
      hint: 'choose --augment none',
    });
  }
  if (augmentation.randomResizedCrop !== undefined) checkResizedCrop(augmentation.randomResizedCrop);
  const largest = Math.min(image.height, image.width) - 1;
  const { cropPadding, rotationDegrees = 0, scale = 0, shift = 0 } = augmentation;
  if (!Number.isInteger(cropPadding) || cropPadding < 0 || cropPadding > largest) {
    throw usageError('the crop padding does not fit the images', {
      expected: `a whole number from 0 to ${largest} for images of ${image.height}×${image.width} pixels`,
      received: String(cropPadding),
    });
  }
  if (!(rotationDegrees >= 0 && rotationDegrees <= 180))
    throw outOfRange('rotation', '0 to 180 degrees', rotationDegrees);
  if (!(scale >= 0 && scale < 1)) throw outOfRange('scaling', 'at least 0 and less than 1', scale);
  if (!(shift >= 0 && shift <= largest)) throw outOfRange('shift', `0 to ${largest} pixels`, shift);
  return augmentation;
}

function outOfRange(what: string, expected: string, received: number): Error {
  return usageError(`the random ${what} is out of range`, { expected, received: String(received) });
}
