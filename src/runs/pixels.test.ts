import { describe, expect, test } from 'vitest';
import { normalizationOf, parsePixels, pixelNames, readPixels, storedPixels } from './pixels.ts';

const fed = (byte: number, { mean, std }: { mean: readonly number[]; std: readonly number[] }) =>
  (byte / 255 - (mean[0] ?? 0)) / (std[0] ?? 1);

describe('ways to feed pixels', () => {
  test.each([
    ['0..1', 0, 1],
    ['0..255', 0, 255],
    ['-1..1', -1, 1],
  ] as const)('%s brings black to %d and white to %d', (name, black, white) => {
    const normalization = normalizationOf(name, 3);
    expect(fed(0, normalization)).toBeCloseTo(black, 12);
    expect(fed(255, normalization)).toBeCloseTo(white, 12);
    expect(normalization.mean).toHaveLength(3);
  });

  test('imagenet is for three channels only', () => {
    expect(fed(255, normalizationOf('imagenet', 3))).toBeCloseTo((1 - 0.485) / 0.229, 12);
    expect(() => normalizationOf('imagenet', 1)).toThrow('another number of channels');
  });

  test('are read from text, one number standing for all channels', () => {
    for (const name of pixelNames) expect(parsePixels(name)).toBe(name);
    expect(normalizationOf(parsePixels('mean=0.5/std=0.25'), 3)).toEqual({
      mean: [0.5, 0.5, 0.5],
      std: [0.25, 0.25, 0.25],
    });
    expect(() => parsePixels('imagnet')).toThrow('imagenet');
    expect(() => parsePixels('mean=0.5/std=0')).toThrow('no way to feed pixels');
  });

  test('come back from a file, and damage is told', () => {
    const normalization = normalizationOf('imagenet', 3);
    expect(readPixels(storedPixels(normalization), 3, 'model.onnx')).toEqual(normalization);
    for (const text of ['', '{}', '{"mean":[0],"std":[1]}', '{"mean":[0,0,0],"std":[1,1,0]}', 'null']) {
      expect(() => readPixels(text, 3, 'model.onnx')).toThrow('how it wants its pixels');
    }
  });
});
