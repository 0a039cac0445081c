import { usageError } from '../core/errors.ts';
import { permutation, randomStream } from '../core/random.ts';
import { batchesInOrder } from './batches.ts';
import type { ByteImages, EncodedImages, FloatImages, ImageSet, ImageShape, Normalization } from './dataset.ts';
import { takeImages } from './split.ts';

/** Where the numbers come from that pixels are normalised with. */
export type NormalizationChoice = 'measured' | 'imagenet';

/** Of the ImageNet training images, as torchvision and most models that were trained on them have it. */
export const imageNetNormalization: Normalization = Object.freeze({
  mean: Object.freeze([0.485, 0.456, 0.406]),
  std: Object.freeze([0.229, 0.224, 0.225]),
});

/** Images that are decoded to measure mean and deviation where not all are in memory. */
const SAMPLED_IMAGES = 1000;

/** One grey level of 255: a channel that hardly varies is not stretched beyond one unit per level, and never divided by zero. */
const smallestStd = 1 / 255;

/**
 * Mean and standard deviation of each channel over every pixel of every image of `set`, in units of 0 … 1.
 *
 * mean_c = Σ p/255 / n and std_c = √(Σ (p/255)²/n − mean_c²), the population value, where p runs over the n = count·height·width
 * bytes of channel c. The sums are taken over the 256 possible values, weighted by how often each occurs, so they are exact
 * up to the last rounding whatever the number of pixels. std is at least 1/255; a set without images gives mean 0, std 1.
 */
export function measureNormalization(set: ByteImages, image: ImageShape): Normalization {
  const plane = image.height * image.width;
  const mean: number[] = [];
  const std: number[] = [];
  for (let channel = 0; channel < image.channels; channel++) {
    const occurrences = new Float64Array(256);
    for (let index = 0; index < set.count; index++) {
      const start = (index * image.channels + channel) * plane;
      for (let offset = start; offset < start + plane; offset++) {
        const level = set.pixels[offset] ?? 0;
        occurrences[level] = (occurrences[level] ?? 0) + 1;
      }
    }
    const total = set.count * plane;
    let sum = 0;
    let squares = 0;
    occurrences.forEach((times, level) => {
      sum += times * level;
      squares += times * level * level;
    });
    const average = total === 0 ? 0 : sum / total;
    const variance = total === 0 ? 255 ** 2 : squares / total - average ** 2;
    mean.push(average / 255);
    std.push(Math.max(Math.sqrt(Math.max(variance, 0)) / 255, smallestStd));
  }
  return Object.freeze({ mean: Object.freeze(mean), std: Object.freeze(std) });
}

/**
 * What images in memory are normalised with: ImageNet's constants where asked for, otherwise measured. Features are left as they are: mean 0, deviation 1.
 *
 * @throws a usage error for ImageNet's constants on anything but colour images.
 */
export function heldNormalization(
  set: ByteImages | FloatImages,
  image: ImageShape,
  choice: NormalizationChoice,
  where: string,
): Normalization {
  if (choice === 'imagenet') return imageNetConstants(set, image, where);
  return set.kind === 'bytes' ? measureNormalization(set, image) : identityNormalization(image.channels);
}

/**
 * {@link heldNormalization}; of files that are decoded when asked for it is measured on 1000 that a fixed seed draws, decoded as in validation.
 *
 * @throws an input error for an unreadable file among them, unless such files are skipped.
 */
export async function chosenNormalization(
  set: ImageSet,
  image: ImageShape,
  choice: NormalizationChoice,
  where: string,
): Promise<Normalization> {
  if (set.kind !== 'encoded') return heldNormalization(set, image, choice, where);
  return choice === 'imagenet' ? imageNetConstants(set, image, where) : await sampledNormalization(set, image);
}

function imageNetConstants(set: ImageSet, image: ImageShape, where: string): Normalization {
  if (image.channels === 3 && set.kind !== 'floats') return imageNetNormalization;
  throw usageError('the constants of ImageNet are for colour images', {
    where,
    received: set.kind === 'floats' ? 'features' : `${image.channels} channels`,
    hint: 'choose 3 channels (--image-size HxWx3) or --normalization measured',
  });
}

/** Leaves numbers as they are. */
export function identityNormalization(channels: number): Normalization {
  return Object.freeze({
    mean: Object.freeze(new Array<number>(channels).fill(0)),
    std: Object.freeze(new Array<number>(channels).fill(1)),
  });
}

/** A few images of a large set, always the same. */
export function sampleIndices(count: number, most: number): Uint32Array {
  return permutation(count, randomStream(0, 'sampled-images', count))
    .slice(0, most)
    .sort();
}

async function sampledNormalization(set: EncodedImages, image: ImageShape): Promise<Normalization> {
  const sample = takeImages(set, image, sampleIndices(set.count, SAMPLED_IMAGES));
  const plane = image.height * image.width;
  const sums = new Float64Array(image.channels);
  const squares = new Float64Array(image.channels);
  let images = 0;
  // Numbers in 0 … 1, in batches that take some 40 MB at most.
  const batchSize = Math.max(1, Math.min(64, Math.floor(1e7 / (image.channels * plane))));
  for await (const batch of batchesInOrder(sample, image, identityNormalization(image.channels), batchSize)) {
    batch.labels.forEach((label, place) => {
      if (label < 0) return;
      images++;
      for (let channel = 0; channel < image.channels; channel++) {
        const start = (place * image.channels + channel) * plane;
        let [sum, square] = [0, 0];
        for (let offset = start; offset < start + plane; offset++) {
          const value = batch.images[offset] ?? 0;
          sum += value;
          square += value * value;
        }
        sums[channel] = (sums[channel] ?? 0) + sum;
        squares[channel] = (squares[channel] ?? 0) + square;
      }
    });
  }
  const total = images * plane;
  if (total === 0) return identityNormalization(image.channels);
  const mean = Array.from(sums, (sum) => sum / total);
  const std = Array.from(squares, (square, channel) =>
    Math.max(Math.sqrt(Math.max(square / total - (mean[channel] ?? 0) ** 2, 0)), smallestStd),
  );
  return Object.freeze({ mean: Object.freeze(mean), std: Object.freeze(std) });
}
