import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { prepareBatch } from './prepare-batch.ts';

const image = { channels: 2, height: 3, width: 4 };
const plain = { mean: [0, 0], std: [1 / 255, 1 / 255] };

/** Bytes 1, 2, 3, … so that no pixel is black and each is its own name. */
function numbered(count: number): { count: number; pixels: Uint8Array; labels: Int32Array } {
  return {
    count,
    pixels: Uint8Array.from({ length: count * 24 }, (_, place) => place + 1),
    labels: Int32Array.from({ length: count }, (_, index) => index),
  };
}

describe('prepareBatch', () => {
  test('normalises as (p/255 − mean)/std, per channel', () => {
    const normalization = { mean: [0.25, 0.5], std: [0.5, 0.125] };
    const recipe = {
      set: numbered(2),
      image,
      normalization,
      augmentation: { cropPadding: 0, horizontalFlip: false },
      seed: 0,
    };
    const { images, labels, size } = prepareBatch(recipe, 0, Uint32Array.of(1));
    expect([size, [...labels]]).toEqual([1, [1]]);
    expect(images[0]).toBeCloseTo((25 / 255 - 0.25) / 0.5, 6);
    expect(images[12]).toBeCloseTo((37 / 255 - 0.5) / 0.125, 5);
  });

  test('every augmented image is one of the crops of the padded image or its mirror image, and all of them occur', () => {
    const recipe = {
      set: numbered(1),
      image,
      normalization: plain,
      augmentation: { cropPadding: 1, horizontalFlip: true },
      seed: 9,
    };
    const expected = new Set<string>();
    for (const top of [-1, 0, 1]) {
      for (const left of [-1, 0, 1]) {
        for (const mirrored of [false, true]) {
          const values: number[] = [];
          for (let channel = 0; channel < 2; channel++) {
            for (let row = 0; row < 3; row++) {
              const padded = Array.from({ length: 4 }, (_, column) => {
                const [y, x] = [row + top, column + left];
                return y < 0 || y > 2 || x < 0 || x > 3 ? 0 : channel * 12 + y * 4 + x + 1;
              });
              values.push(...(mirrored ? padded.reverse() : padded));
            }
          }
          expected.add(values.join());
        }
      }
    }
    const seen = new Set<string>();
    for (let epoch = 0; epoch < 400; epoch++) {
      const { images } = prepareBatch(recipe, epoch, Uint32Array.of(0));
      seen.add(Array.from(images, Math.round).join());
    }
    expect(seen).toEqual(expected);
  });

  test('an image is the same at any place of any batch, in old memory or new', () => {
    const recipe = {
      set: numbered(8),
      image,
      normalization: plain,
      augmentation: { cropPadding: 2, horizontalFlip: true },
      seed: 1,
    };
    fc.assert(
      fc.property(fc.array(fc.nat(7), { minLength: 1, maxLength: 9 }), fc.nat(1000), (indices, epoch) => {
        const into = new Float32Array(indices.length * 24).fill(7);
        const { images } = prepareBatch(recipe, epoch, Uint32Array.from(indices), into);
        expect(images).toBe(into);
        indices.forEach((index, place) => {
          const alone = prepareBatch(recipe, epoch, Uint32Array.of(index)).images;
          expect(images.subarray(place * 24, (place + 1) * 24)).toEqual(alone);
        });
      }),
    );
  });
});
