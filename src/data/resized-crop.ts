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

/** Between which two source pixels each target pixel lies, and how near it is to the second. */
interface Neighbours {
  readonly first: Int32Array;
  readonly second: Int32Array;
  /** 0 … 1 */
  readonly share: Float64Array;
}

/** Centres are mapped to centres; beyond the first and the last one the source goes on as it ends. */
function neighboursOf(from: number, to: number): Neighbours {
  const first = new Int32Array(to);
  const second = new Int32Array(to);
  const share = new Float64Array(to);
  for (let target = 0; target < to; target++) {
    const place = Math.min(Math.max(((target + 0.5) * from) / to - 0.5, 0), from - 1);
    const lower = Math.floor(place);
    first[target] = lower;
    second[target] = Math.min(lower + 1, from - 1);
    share[target] = place - lower;
  }
  return { first, second, share };
}

/**
 * A part of an image, enlarged to the size of the image by bilinear interpolation: `[channels, height, width]` bytes in and out; rows first, then columns, rounded to
 * bytes after each, as Pillow's `crop` and `resize`.
 */
export function resizeCrop(pixels: Uint8Array, { channels, height, width }: ImageShape, crop: Crop): Uint8Array {
  const across = neighboursOf(crop.width, width);
  const down = neighboursOf(crop.height, height);
  const output = new Uint8Array(channels * height * width);
  const rows = new Uint8Array(crop.height * width);
  const between = (values: Uint8Array, a: number, b: number, share: number): number => {
    const low = values[a] ?? 0;
    return Math.floor(low + ((values[b] ?? 0) - low) * share + 0.5);
  };
  for (let channel = 0; channel < channels; channel++) {
    const plane = pixels.subarray(channel * height * width, (channel + 1) * height * width);
    for (let row = 0; row < crop.height; row++) {
      const start = (crop.top + row) * width + crop.left;
      for (let column = 0; column < width; column++) {
        const [a, b] = [start + (across.first[column] ?? 0), start + (across.second[column] ?? 0)];
        rows[row * width + column] = between(plane, a, b, across.share[column] ?? 0);
      }
    }
    for (let row = 0; row < height; row++) {
      const [a, b] = [(down.first[row] ?? 0) * width, (down.second[row] ?? 0) * width];
      for (let column = 0; column < width; column++) {
        const place = (channel * height + row) * width + column;
        output[place] = between(rows, a + column, b + column, down.share[row] ?? 0);
      }
    }
  }
  return output;
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
