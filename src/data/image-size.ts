import { usageError } from '../core/errors.ts';
import type { ImageShape } from './dataset.ts';
import type { ImageHeader } from './decode-image.ts';

/** The longest side that is chosen for images without being asked to. */
export const largestInferredSide = 64;

/** What every image of a folder is brought to; `channels` 1 is grey and 3 is colour. */
export interface ImageSizeChoice {
  readonly height: number;
  readonly width: number;
  /** Without it: 1 if every file stores a grey image, 3 otherwise. */
  readonly channels?: number;
}

/**
 * The one shape that images are brought to.
 *
 * As asked, if asked. Otherwise, where at least half of the images have one size, that size, scaled down with its aspect ratio so that the
 * longer side is at most {@link largestInferredSide}; where sizes differ more, a square whose side is the median of the images' shorter
 * sides, at most {@link largestInferredSide}.
 */
export function chooseImageShape(headers: readonly ImageHeader[], asked?: ImageSizeChoice): ImageShape {
  const channels = asked?.channels ?? (headers.some(({ colour }) => colour) ? 3 : 1);
  if (asked !== undefined) {
    checkSide('height', asked.height);
    checkSide('width', asked.width);
    if (channels !== 1 && channels !== 3) {
      throw usageError('the number of channels is out of range', {
        expected: '1 (grey) or 3 (colour)',
        received: String(channels),
      });
    }
    return { channels, height: asked.height, width: asked.width };
  }
  const common = mostCommonSize(headers);
  if (common !== undefined && 2 * common.times >= headers.length) {
    const scale = Math.min(1, largestInferredSide / Math.max(common.height, common.width));
    const side = (length: number): number => Math.max(1, Math.round(length * scale));
    return { channels, height: side(common.height), width: side(common.width) };
  }
  const shorter = headers.map(({ height, width }) => Math.min(height, width)).sort((a, b) => a - b);
  const side = Math.min(largestInferredSide, shorter[shorter.length >> 1] ?? largestInferredSide);
  return { channels, height: side, width: side };
}

function checkSide(what: string, value: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= 4096) return;
  throw usageError(`the image ${what} is out of range`, {
    expected: 'a whole number of pixels from 1 to 4096',
    received: String(value),
  });
}

/** The size that most images have; of equally common ones the first seen. */
function mostCommonSize(headers: readonly ImageHeader[]): { height: number; width: number; times: number } | undefined {
  const sizes = new Map<string, { height: number; width: number; times: number }>();
  for (const { height, width } of headers) {
    const key = `${height}×${width}`;
    sizes.set(key, { height, width, times: (sizes.get(key)?.times ?? 0) + 1 });
  }
  return [...sizes.values()].reduce<{ height: number; width: number; times: number } | undefined>(
    (best, size) => (best === undefined || size.times > best.times ? size : best),
    undefined,
  );
}
