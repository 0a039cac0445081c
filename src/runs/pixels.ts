import { inputError, usageError } from '../core/errors.ts';
import { nearestOf } from '../core/suggest.ts';
import type { Normalization } from '../data/dataset.ts';
import { identityNormalization, imageNetNormalization } from '../data/normalization.ts';

/**
 * How a model wants its pixels: what is made of a byte p before it is fed, as the mean and standard deviation of
 * `(p/255 − mean)/std` per channel.
 *
 * - `0..1`: p/255. What fixhead's own files take.
 * - `0..255`: the byte itself.
 * - `-1..1`: 2·p/255 − 1. Many TensorFlow models.
 * - `imagenet`: less the mean and divided by the deviation of ImageNet's pixels, as torchvision's models (3 channels, RGB).
 */
export const pixelNames = ['0..1', '-1..1', 'imagenet', '0..255'] as const;
/** A named way to feed pixels. */
export type PixelName = (typeof pixelNames)[number];

/** Named, or a mean and a deviation of one's own. */
export type PixelChoice = PixelName | Normalization;

const channelsOf = (value: number, channels: number): readonly number[] =>
  Array.from({ length: channels }, () => value);

/**
 * The normalisation of that choice for images with so many channels.
 *
 * @throws a usage error where the choice is for another number of channels.
 */
export function normalizationOf(choice: PixelChoice, channels: number): Normalization {
  const same = (mean: number, std: number): Normalization => ({
    mean: channelsOf(mean, channels),
    std: channelsOf(std, channels),
  });
  if (typeof choice !== 'string') return spread(choice, channels);
  switch (choice) {
    case '0..1':
      return identityNormalization(channels);
    case '0..255':
      return same(0, 1 / 255);
    case '-1..1':
      return same(0.5, 0.5);
    case 'imagenet':
      return spread(imageNetNormalization, channels);
    default:
      return choice satisfies never;
  }
}

function spread({ mean, std }: Normalization, channels: number): Normalization {
  const fit = (values: readonly number[]): readonly number[] =>
    values.length === 1 && channels > 1 ? channelsOf(values[0] ?? 0, channels) : values;
  const fitted = { mean: fit(mean), std: fit(std) };
  if (fitted.mean.length === channels && fitted.std.length === channels) return fitted;
  throw usageError('the pixel normalisation has another number of channels than the images', {
    where: '--pixels',
    expected: `${channels}`,
    received: `${mean.length} means and ${std.length} deviations`,
  });
}

/**
 * A choice from text: a name, or `mean=0.5,0.5,0.5/std=0.2,0.2,0.2`.
 *
 * @throws a usage error for anything else, naming the nearest choice.
 */
export function parsePixels(text: string): PixelChoice {
  const named = pixelNames.find((name) => name === text);
  if (named !== undefined) return named;
  const [, means = '', deviations = ''] = /^mean=([-\d.,e]+)\/std=([\d.,e-]+)$/.exec(text) ?? [];
  const [mean, std] = [means, deviations].map((list) => list.split(',').map(Number));
  if (
    mean !== undefined &&
    std !== undefined &&
    means !== '' &&
    mean.every(Number.isFinite) &&
    std.every((s) => s > 0)
  ) {
    return { mean, std };
  }
  throw usageError('no way to feed pixels', {
    where: '--pixels',
    received: text,
    legal: [...pixelNames, 'mean=M,M,M/std=S,S,S'],
    ...nearestOf(text, pixelNames),
  });
}

/** As it stands in the metadata of a file whose input is not 0 … 1. */
export function storedPixels({ mean, std }: Normalization): string {
  return JSON.stringify({ mean, std });
}

/** The inverse of {@link storedPixels}. @throws an input error naming the file for metadata that is damaged. */
export function readPixels(text: string, channels: number, where: string): Normalization {
  const isList = (value: unknown): value is number[] =>
    Array.isArray(value) && value.length === channels && value.every((each) => Number.isFinite(each));
  try {
    const { mean, std } = JSON.parse(text) as { mean?: unknown; std?: unknown };
    if (isList(mean) && isList(std) && std.every((deviation) => deviation > 0)) return { mean, std };
  } catch {
    // The same complaint as for a list of another length.
  }
  throw inputError('the file does not say how it wants its pixels', {
    where,
    expected: `{"mean": […], "std": […]} of ${channels} channels`,
    received: text.slice(0, 60),
  });
}
