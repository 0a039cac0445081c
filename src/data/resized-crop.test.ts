import { describe, expect, test } from 'vitest';
import { checkedAugmentation, prepareBatch } from './prepare-batch.ts';
import { drawResizedCrop, imageNetCrop, resizeCrop } from './resized-crop.ts';

describe('drawResizedCrop', () => {
  test('draws areas uniform in the range and ratios log-uniform, inside the image', () => {
    const size = { height: 375, width: 500 };
    const crops = Array.from({ length: 4000 }, (_, index) => drawResizedCrop(size, imageNetCrop, 1, 0, index));
    for (const { left, top, width, height } of crops) {
      expect(Math.min(left, top)).toBeGreaterThanOrEqual(0);
      expect(left + width).toBeLessThanOrEqual(500);
      expect(top + height).toBeLessThanOrEqual(375);
      expect(width / height).toBeGreaterThan(0.74);
      expect(width / height).toBeLessThan(1.35);
    }
    // Of small areas every ratio fits, so they follow the uniform distribution without rejections: as many below 0.2 as in 0.2 … 0.32.
    const shares = crops.map(({ width, height }) => (width * height) / (375 * 500));
    const below = (limit: number): number => shares.filter((share) => share < limit).length;
    expect(below(0.2) / below(0.32)).toBeGreaterThan(0.44);
    expect(below(0.2) / below(0.32)).toBeLessThan(0.56);
    expect(below(0.08 - 0.002)).toBe(0);
    const small = crops.filter((_, index) => (shares[index] ?? 1) < 0.32);
    const tall = small.filter(({ width, height }) => width < height);
    expect(tall.length / small.length).toBeGreaterThan(0.44);
    expect(tall.length / small.length).toBeLessThan(0.56);
  });

  test('takes the largest central part in range where no draw fits, and depends on seed, epoch and index alone', () => {
    const crop = { scale: [1, 1], ratio: [3 / 4, 4 / 3] } as const;
    expect(drawResizedCrop({ height: 10, width: 100 }, crop, 0, 0, 0)).toEqual({
      left: 43,
      top: 0,
      width: 13,
      height: 10,
    });
    expect(drawResizedCrop({ height: 100, width: 9 }, crop, 0, 0, 0)).toEqual({
      left: 0,
      top: 44,
      width: 9,
      height: 12,
    });
    const draw = (seed: number, epoch: number, index: number) =>
      JSON.stringify(drawResizedCrop({ height: 50, width: 60 }, imageNetCrop, seed, epoch, index));
    expect(draw(1, 2, 3)).toBe(draw(1, 2, 3));
    expect(new Set([draw(1, 2, 3), draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4)]).size).toBe(4);
  });
});

describe('resizeCrop', () => {
  test('gives what Pillow 9.4 gives for crop((2, 1, 7, 5)).resize((10, 6), BILINEAR)', () => {
    const pixels = Uint8Array.from({ length: 60 }, (_, place) => (place * 37 + 11) % 256);
    const cropped = resizeCrop(pixels, { channels: 1, height: 6, width: 10 }, { left: 2, top: 1, width: 5, height: 4 });
    expect([...cropped]).toEqual(
      [
        [199, 208, 227, 181, 72, 26, 45, 63, 82, 91, 128, 137, 156, 142, 97, 83, 102, 120, 139, 148],
        [76, 85, 104, 122, 141, 148, 146, 153, 172, 181, 152, 161, 180, 198, 217, 182, 94, 59, 78, 87],
        [100, 109, 128, 146, 165, 151, 106, 92, 111, 120, 29, 38, 57, 75, 94, 112, 131, 149, 168, 177],
      ].flat(),
    );
  });

  test('a batch of images in memory shows the part that was drawn', () => {
    const image = { channels: 3, height: 12, width: 16 };
    const pixels = Uint8Array.from({ length: 2 * 576 }, (_, place) => (place * 31) % 251);
    const recipe = {
      set: { kind: 'bytes' as const, count: 2, pixels, labels: Int32Array.of(0, 1) },
      image,
      normalization: { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] },
      augmentation: { cropPadding: 0, horizontalFlip: false, randomResizedCrop: imageNetCrop },
      seed: 5,
    };
    const { images } = prepareBatch(recipe, 3, Uint32Array.of(1));
    const expected = resizeCrop(pixels.subarray(576), image, drawResizedCrop(image, imageNetCrop, 5, 3, 1));
    images.forEach((value, place) => {
      expect(value).toBeCloseTo(expected[place] ?? NaN, 3);
    });
  });
});

test.each([
  [{ scale: [0, 1], ratio: [1, 1] }, 'the share of the image that a random crop takes is out of range'],
  [{ scale: [0.5, 1.5], ratio: [1, 1] }, 'received 0.5 to 1.5'],
  [{ scale: [0.5, 1], ratio: [2, 1] }, 'the aspect ratio of a random crop is out of range; expected 0 < min ≤ max'],
] as const)('refuses %j', (randomResizedCrop, message) => {
  const augmentation = { cropPadding: 0, horizontalFlip: false, randomResizedCrop };
  expect(() => checkedAugmentation(augmentation, { channels: 1, height: 8, width: 8 })).toThrow(message);
});
