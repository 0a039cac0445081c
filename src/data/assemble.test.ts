import { describe, expect, test } from 'vitest';
import { assembleDataset, type RawDataset } from './assemble.ts';
import type { ByteImages } from './dataset.ts';

const raw: RawDataset<ByteImages> = {
  name: 'two',
  classes: ['dark', 'light'],
  image: { channels: 1, height: 1, width: 2 },
  train: {
    kind: 'bytes',
    count: 4,
    pixels: Uint8Array.of(0, 51, 0, 51, 102, 255, 102, 255),
    labels: Int32Array.of(0, 0, 1, 1),
  },
};

describe('assembleDataset', () => {
  test('measures mean and standard deviation over the training pixels', () => {
    const { normalization } = assembleDataset({ ...raw, validation: raw.train });
    // 0, .2, .4, 1: mean .4, variance .14
    expect(normalization.mean[0]).toBeCloseTo(0.4, 12);
    expect(normalization.std[0]).toBeCloseTo(Math.sqrt(0.14), 12);
  });

  test('gives a constant channel a standard deviation of one grey level', () => {
    const train = { ...raw.train, pixels: new Uint8Array(8).fill(200) };
    expect(assembleDataset({ ...raw, train }).normalization.std).toEqual([1 / 255]);
  });

  test('divides a set without a validation split, and one with a split when asked to', () => {
    expect(assembleDataset(raw, { validationFraction: 0.5 }).validation.count).toBe(2);
    const own = {
      ...raw,
      validation: { ...raw.train, count: 1, pixels: Uint8Array.of(1, 2), labels: Int32Array.of(1) },
    };
    expect(assembleDataset(own).validation.count).toBe(1);
    expect(assembleDataset(own).notes).toEqual(['no validation image of dark']);
    const asked = assembleDataset(own, { validationFraction: 0.5, seed: 3 });
    expect([asked.train.count, asked.validation.count]).toEqual([2, 2]);
    expect(asked.notes[0]).toContain('2 of the 4 training images, as asked');
  });

  test('the fingerprint changes with any pixel, label, name, shape and split', () => {
    const base = assembleDataset({ ...raw, validation: raw.train }).fingerprint;
    expect(base).toMatch(/^[0-9a-f]{64}$/);
    const others: RawDataset<ByteImages>[] = [
      { ...raw, train: { ...raw.train, pixels: Uint8Array.of(0, 51, 0, 51, 102, 255, 102, 254) } },
      { ...raw, train: { ...raw.train, labels: Int32Array.of(0, 0, 1, 0) } },
      { ...raw, classes: ['dark', 'bright'] },
      { ...raw, image: { channels: 1, height: 2, width: 1 } },
    ];
    const all = others.map((other) => assembleDataset({ ...other, validation: raw.train }).fingerprint);
    expect(new Set([base, ...all, assembleDataset(raw).fingerprint]).size).toBe(6);
    expect(assembleDataset({ ...raw, validation: raw.train }).fingerprint).toBe(base);
  });

  test.each([
    [{ classes: ['dark'] }, 'two: a classifier needs at least two classes; received only "dark"'],
    [{ classes: [] }, 'received no class'],
    [
      { train: { ...raw.train, labels: Int32Array.of(0, 0, 1, 2) } },
      'two (training images): label out of range; expected 0 to 1 (2 classes), received 2 for image 3',
    ],
    [{ train: { ...raw.train, labels: Int32Array.of(0) } }, 'expected 4 labels, received 1'],
    [{ train: { ...raw.train, count: 5 } }, 'expected 10 bytes for 5 images of 1×1×2, received 8'],
    [
      { train: { kind: 'bytes' as const, count: 2, pixels: Uint8Array.of(1, 2, 3, 4), labels: Int32Array.of(0, 1) } },
      'no validation image; every class needs at least two images',
    ],
    [
      { train: { kind: 'bytes' as const, count: 0, pixels: new Uint8Array(), labels: new Int32Array() } },
      'no training image',
    ],
  ])('refuses contents that do not fit together: %#', (change, message) => {
    expect(() => assembleDataset({ ...raw, ...change })).toThrow(message);
  });
});
