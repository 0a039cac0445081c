import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ByteImages } from './dataset.ts';
import { checkedAugmentation, prepareBatch } from './prepare-batch.ts';

const image = { channels: 2, height: 3, width: 4 };
const plain = { mean: [0, 0], std: [1 / 255, 1 / 255] };

/** Bytes 1, 2, 3, … so that no pixel is black and each is its own name. */
function numbered(count: number): ByteImages {
  return {
    kind: 'bytes',
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

  test('turns, scales and shifts about the centre: a ramp stays a ramp, with a gradient and a value in the middle that say by how much', () => {
    const side = 33;
    // 128 in the middle; per pixel 2 down and 1 to the right.
    const pixels = Uint8Array.from({ length: side * side }, (_, at) => {
      return 128 + 2 * (Math.floor(at / side) - 16) + ((at % side) - 16);
    });
    const augmentation = { cropPadding: 0, horizontalFlip: false, rotationDegrees: 20, scale: 0.25, shift: 3 };
    const recipe = {
      set: { kind: 'bytes' as const, count: 1, pixels, labels: Int32Array.of(0) },
      image: { channels: 1, height: side, width: side },
      normalization: { mean: [0], std: [1 / 255] },
      augmentation,
      seed: 4,
    };
    const seen: { angle: number; factor: number; middle: number }[] = [];
    for (let epoch = 0; epoch < 200; epoch++) {
      const { images } = prepareBatch(recipe, epoch, Uint32Array.of(0));
      const at = (row: number, column: number): number => images[row * side + column] ?? Number.NaN;
      const down = at(17, 16) - at(16, 16);
      const right = at(16, 17) - at(16, 16);
      // Linear within the part that shows no border.
      expect(at(20, 11)).toBeCloseTo(at(16, 16) + 4 * down - 5 * right, 3);
      const angle = Math.atan2(right, down) - Math.atan2(1, 2);
      seen.push({
        angle: (angle * 180) / Math.PI,
        factor: Math.sqrt(5) / Math.hypot(down, right),
        middle: at(16, 16) - 128,
      });
    }
    const ends = (values: number[]): number[] => [Math.min(...values), Math.max(...values)].map(Math.abs);
    for (const end of ends(seen.map(({ angle }) => angle)))
      expect(end).toSatisfy((each: number) => each > 18 && each <= 20.01);
    const [smallest = 0, largest = 0] = ends(seen.map(({ factor }) => factor));
    expect([smallest >= 0.749, smallest < 0.78, largest > 1.22, largest <= 1.251]).toEqual([true, true, true, true]);
    // At most 3 pixels down and to the right, at the steepest 3·√2·√5/0.75 levels apart.
    for (const end of ends(seen.map(({ middle }) => middle)))
      expect(end).toSatisfy((each: number) => each > 5 && each < 12.7);
  });

  test('a warp of nothing changes nothing, and one with bounds leaves crops and mirrors as they were drawn', () => {
    const set = numbered(10);
    const indices = Uint32Array.from({ length: 10 }, (_, index) => index);
    const base = { cropPadding: 1, horizontalFlip: true };
    const batch = (augmentation: object): Float32Array =>
      prepareBatch(
        { set, image, normalization: plain, augmentation: { ...base, ...augmentation }, seed: 3 },
        5,
        indices,
      ).images;
    expect(batch({ rotationDegrees: 0, scale: 0, shift: 0 })).toEqual(batch({}));
    const nearly = batch({ rotationDegrees: 1e-7, scale: 1e-9, shift: 1e-9 });
    batch({}).forEach((value, place) => {
      expect(nearly[place]).toBeCloseTo(value, 3);
    });
  });

  test.each([
    [{ rotationDegrees: 181 }, /the random rotation is out of range; expected 0 to 180 degrees, received 181/],
    [{ scale: 1 }, /the random scaling is out of range; expected at least 0 and less than 1, received 1/],
    [{ shift: 3 }, /the random shift is out of range; expected 0 to 2 pixels, received 3/],
    [{ shift: Number.NaN }, /the random shift is out of range/],
    [{ cropPadding: 3 }, /the crop padding does not fit the images/],
  ])('an augmentation of %j is refused', (change, message) => {
    expect(() => checkedAugmentation({ cropPadding: 0, horizontalFlip: false, ...change }, image)).toThrow(message);
  });
});
