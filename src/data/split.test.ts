import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ByteImages } from './dataset.ts';
import { stratifiedSplit, takeImages } from './split.ts';

const labelled = fc.array(fc.nat(4), { minLength: 1, maxLength: 200 }).map((labels) => Int32Array.from(labels));
const share = fc.double({ min: 0.01, max: 0.99, noNaN: true });

describe('stratifiedSplit', () => {
  test('is a partition in which every class keeps its share', () => {
    fc.assert(
      fc.property(labelled, share, fc.integer(), (labels, fraction, seed) => {
        const { train, validation } = stratifiedSplit(labels, 5, fraction, seed);
        expect([...train, ...validation].sort((a, b) => a - b)).toEqual([...labels.keys()]);
        for (let label = 0; label < 5; label++) {
          const count = labels.filter((each) => each === label).length;
          const held = validation.filter((index) => labels[index] === label).length;
          if (count < 2) expect(held).toBe(0);
          else {
            expect(held).toBeGreaterThanOrEqual(1);
            expect(held).toBeLessThan(count);
            expect(Math.abs(held - fraction * count)).toBeLessThanOrEqual(1);
          }
        }
      }),
    );
  });

  test('depends on the seed and on nothing else', () => {
    const labels = Int32Array.from({ length: 100 }, (_, index) => index % 5);
    expect(stratifiedSplit(labels, 5, 0.3, 1)).toEqual(stratifiedSplit(labels, 5, 0.3, 1));
    expect(stratifiedSplit(labels, 5, 0.3, 1)).not.toEqual(stratifiedSplit(labels, 5, 0.3, 2));
    expect(stratifiedSplit(labels, 5, 0.3, 1).validation.length).toBe(30);
  });

  test.each([0, 1, -0.5, Number.NaN])('refuses the fraction %s', (fraction) => {
    expect(() => stratifiedSplit(Int32Array.of(0, 1), 2, fraction, 0)).toThrow(
      `expected a number greater than 0 and less than 1, received ${fraction}`,
    );
  });
});

test('takeImages copies images, labels and sources in the order asked for', () => {
  const set: ByteImages = {
    kind: 'bytes',
    count: 3,
    pixels: Uint8Array.of(1, 2, 3, 4, 5, 6),
    labels: Int32Array.of(7, 8, 9),
    sources: ['a', 'b', 'c'],
  };
  const taken = takeImages(set, { channels: 1, height: 1, width: 2 }, Uint32Array.of(2, 0));
  expect({ ...taken, pixels: [...taken.pixels] }).toEqual({
    kind: 'bytes',
    count: 2,
    pixels: [5, 6, 1, 2],
    labels: Int32Array.of(9, 7),
    sources: ['c', 'a'],
  });
  expect(taken.pixels.buffer).toBeInstanceOf(SharedArrayBuffer);
});
