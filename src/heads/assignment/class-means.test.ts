import { describe, expect, test } from 'vitest';
import { expectAllclose } from '../../../test/support/allclose.ts';
import { createClassMeans } from './class-means.ts';

const features = (...rows: readonly (readonly number[])[]): Float32Array => Float32Array.from(rows.flat());

describe('class means', () => {
  test('average directions, whatever the lengths of the features', () => {
    const means = createClassMeans(2, 2);
    means.add(features([100, 0], [0, 0.001], [-3, -4]), [0, 0, 1]);
    const half = Math.SQRT1_2;
    expectAllclose(means.means({ centred: false }), [half, half, -0.6, -0.8], { what: 'class means', atol: 1e-6 });
    expect(Array.from(means.counts())).toEqual([2, 1]);
  });

  test('are centred on the mean of the classes, not of the samples', () => {
    const means = createClassMeans(2, 2);
    // Class 0 has three samples, yet the centre is halfway between the classes.
    means.add(features([1, 0], [1, 0], [1, 0], [0, 1]), [0, 0, 0, 1]);
    const half = Math.SQRT1_2;
    expectAllclose(means.means({ centred: true }), [half, -half, -half, half], { what: 'class means', atol: 1e-6 });
  });

  test('do not depend on how samples are batched', () => {
    const rows = [
      [1, 2, 3],
      [-1, 0.5, 2],
      [0.3, 0.1, -4],
      [2, 2, 0],
    ];
    const labels = [0, 1, 1, 2];
    const whole = createClassMeans(3, 3);
    whole.add(features(...rows), labels);
    const parts = createClassMeans(3, 3);
    rows.forEach((row, sample) => {
      parts.add(features(row), [labels[sample] ?? 0]);
    });
    expect(parts.means({ centred: true })).toEqual(whole.means({ centred: true }));
  });

  test('are zero for a class without samples, which is left out of the centre', () => {
    const means = createClassMeans(3, 2);
    means.add(features([1, 0], [0, 1]), [0, 2]);
    const half = Math.SQRT1_2;
    expectAllclose(means.means({ centred: true }), [half, -half, 0, 0, -half, half], {
      what: 'class means',
      atol: 1e-6,
    });
  });

  test('are zero where all features are alike: rounding is no direction', () => {
    const means = createClassMeans(2, 3);
    means.add(features([0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [0.2, 0.4, 0.6]), [0, 0, 1]);
    expect(Array.from(means.means({ centred: true }))).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test('survive a feature of zeros and features near the limits of float32', () => {
    const means = createClassMeans(2, 2);
    means.add(features([0, 0], [3e38, 3e38], [1e-40, 0]), [0, 0, 1]);
    expectAllclose(means.means({ centred: false }), [Math.SQRT1_2, Math.SQRT1_2, 1, 0], {
      what: 'class means',
      atol: 1e-6,
    });
  });
});

describe('refusals', () => {
  test.each([NaN, Infinity])('a feature of %s, naming the class and adding nothing', (bad) => {
    const means = createClassMeans(3, 2);
    expect(() => {
      means.add(features([1, 0], [0, bad]), [0, 2]);
    }).toThrow(/feature of a sample of class 2 is not a finite number; training has probably diverged/);
    expect(Array.from(means.counts())).toEqual([0, 0, 0]);
  });

  test.each([3, -1, 0.5, NaN])('a label of %s', (label) => {
    expect(() => {
      createClassMeans(3, 2).add(features([1, 0]), [label]);
    }).toThrow(/label is outside the classes; expected an integer from 0 to 2, received/);
  });

  test('features that do not fit the labels', () => {
    expect(() => {
      createClassMeans(3, 2).add(features([1, 0]), [0, 1]);
    }).toThrow(/do not match; expected 2 labels × 2 features = 4 numbers, received 2/);
  });

  test('sizes that are no positive integers', () => {
    expect(() => createClassMeans(0, 2)).toThrow(/number of classes must be a positive integer/);
    expect(() => createClassMeans(2, 1.5)).toThrow(/number of features must be a positive integer/);
  });
});
