import { usageError } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import type { ImageShape, RandomResizedCrop } from './dataset.ts';

/** A part of an image in whole pixels. */
export interface Crop {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Scale and ratio of the ImageNet recipe. */
export const imageNetCrop: RandomResizedCrop = Object.freeze({
  scale: Object.freeze([0.08, 1] as const),
  ratio: Object.freeze([3 / 4, 4 / 3] as const),
});

const TRIES = 10;

/**
 * The part of an image of `height`×`width` pixels that image `index` shows in an epoch: a pure function of the stream `(seed, 'resized-crop', epoch, index)`.
 *
 * Up to ten times: area = u·height·width with u uniform in `scale`, aspect ratio r = exp(v) with v uniform in [ln min, ln max] of `ratio`; width round(√(area·r)),
 * height round(√(area/r)); the first that fits into the image, at a uniform place. If none does, the largest central part whose aspect ratio is in range.
 */
export function drawResizedCrop(
  { height, width }: { readonly height: number; readonly width: number },
  { scale, ratio }: RandomResizedCrop,
  seed: number,
  epoch: number,
  index: number,
): Crop {
  const random = randomStream(seed, 'resized-crop', epoch, index);
  const between = (low: number, high: number): number => low + (high - low) * random.uniform();
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const area = height * width * between(...scale);
    const aspect = Math.exp(between(Math.log(ratio[0]), Math.log(ratio[1])));
    const [across, down] = [Math.round(Math.sqrt(area * aspect)), Math.round(Math.sqrt(area / aspect))];
    if (across >= 1 && across <= width && down >= 1 && down <= height) {
      const top = random.integer(height - down + 1);
      return { top, left: random.integer(width - across + 1), width: across, height: down };
    }
  }
  const whole = width / height;
  const down = whole < ratio[0] ? Math.max(1, Math.min(height, Math.round(width / ratio[0]))) : height;
  const across = whole > ratio[1] ? Math.max(1, Math.min(width, Math.round(height * ratio[1]))) : width;
  return { top: (height - down) >> 1, left: (width - across) >> 1, width: across, height: down };
}

/** Which source pixels make up each target pixel, with what weight. */
interface Taps {
  /** `[targets]` first source pixel. */
  readonly first: Int32Array;
  /** `[targets, most]`, each row adding up to 1 and filled up with 0. */
  readonly weights: Float64Array;
  readonly most: number;
}

/**
 * Linear interpolation, which where it reduces takes in all source pixels of a target pixel: a triangle of half-width max(1, from/to) source pixels around the target
 * pixel's centre, cut off at the ends and scaled to a sum of 1. What Pillow and torchvision call bilinear with antialiasing.
 */
function tapsOf(from: number, to: number): Taps {
  const step = from / to;
  const reach = Math.max(1, step);
  const most = Math.ceil(reach) * 2 + 1;
  const first = new Int32Array(to);
  const weights = new Float64Array(to * most);
  for (let target = 0; target < to; target++) {
    const centre = (target + 0.5) * step;
    const start = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(from, Math.trunc(centre + reach + 0.5));
    let sum = 0;
    for (let source = start; source < end; source++) {
      const weight = Math.max(0, 1 - Math.abs((source + 0.5 - centre) / reach));
      weights[target * most + source - start] = weight;
      sum += weight;
    }
    for (let place = target * most; place < (target + 1) * most; place++) weights[place] = (weights[place] ?? 0) / sum;
    first[target] = start;
  }
  return { first, weights, most };
}

/**
 * A part of an image, scaled to the size of the image: `[channels, height, width]` bytes in and out, rows first, then columns, rounded to bytes
 * after each, as Pillow's `crop` and `resize` with bilinear interpolation.
 */
export function resizeCrop(pixels: Uint8Array, { channels, height, width }: ImageShape, crop: Crop): Uint8Array {
  const across = tapsOf(crop.width, width);
  const down = tapsOf(crop.height, height);
  const output = new Uint8Array(channels * height * width);
  const rows = new Uint8Array(crop.height * width);
  for (let channel = 0; channel < channels; channel++) {
    const plane = pixels.subarray(channel * height * width, (channel + 1) * height * width);
    for (let row = 0; row < crop.height; row++) {
      const start = (crop.top + row) * width + crop.left;
      for (let column = 0; column < width; column++) {
        rows[row * width + column] = weighted(plane, start + (across.first[column] ?? 0), 1, across, column);
      }
    }
    for (let row = 0; row < height; row++) {
      const start = (down.first[row] ?? 0) * width;
      for (let column = 0; column < width; column++) {
        output[(channel * height + row) * width + column] = weighted(rows, start + column, width, down, row);
      }
    }
  }
  return output;
}

function weighted(values: Uint8Array, start: number, stride: number, { weights, most }: Taps, target: number): number {
  let sum = 0.5;
  for (let tap = 0; tap < most; tap++) sum += (weights[target * most + tap] ?? 0) * (values[start + tap * stride] ?? 0);
  return Math.floor(sum);
}

/** @throws a usage error for a range that is empty or out of range. */
export function checkResizedCrop({ scale, ratio }: RandomResizedCrop): void {
  if (!(scale[0] > 0 && scale[0] <= scale[1] && scale[1] <= 1)) {
    throw usageError('the share of the image that a random crop takes is out of range', {
      expected: '0 < min ≤ max ≤ 1',
      received: scale.join(' to '),
    });
  }
  if (!(ratio[0] > 0 && ratio[0] <= ratio[1] && Number.isFinite(ratio[1]))) {
    throw usageError('the aspect ratio of a random crop is out of range', {
      expected: '0 < min ≤ max',
      received: ratio.join(' to '),
    });
  }
}
