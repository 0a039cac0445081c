import { describe, expect, test } from 'vitest';
import { initialValues, type Initial } from './parameters.ts';

const valuesOf = (initial: Initial, shape: readonly number[]): Float32Array =>
  initialValues({ name: 'weight', shape, initial, decay: true }, 0);

const variance = (values: Float32Array): number =>
  values.reduce((sum, value) => sum + value * value, 0) / values.length;

describe('Kaiming normal values', () => {
  // 32·48·9 = 13,824 draws: the relative standard error of their variance is √(2/13824) = 1.2 %; four of them.
  const shape = [32, 48, 3, 3];
  test.each([
    ['filters by fan out, unless asked otherwise', { kind: 'kaiming-normal' }, shape, 2 / (32 * 9)],
    ['filters by fan in', { kind: 'kaiming-normal', fan: 'in' }, shape, 2 / (48 * 9)],
    // One input channel a group: the fan out is that of all groups, as in PyTorch.
    ['depthwise filters by fan out', { kind: 'kaiming-normal' }, [1536, 1, 3, 3], 2 / (1536 * 9)],
    ['matrices by their inputs', { kind: 'kaiming-normal' }, [96, 144], 2 / 144],
  ] as const)('have the variance of %s', (_, initial, size, expected) => {
    expect(Math.abs(variance(valuesOf(initial, size)) / expected - 1)).toBeLessThan(0.048);
  });
});

test('normal values stay within two deviations, uniform ones within their bound', () => {
  const largest = (initial: Initial) => Math.max(...valuesOf(initial, [100, 100]).map(Math.abs));
  // Of 10,000 draws the largest is next to the limit.
  for (const [initial, limit] of [
    [{ kind: 'normal', deviation: 0.02 }, 0.04],
    [{ kind: 'uniform', bound: 0.5 }, 0.5],
  ] as const) {
    expect(largest(initial)).toBeLessThanOrEqual(Math.fround(limit));
    expect(largest(initial)).toBeGreaterThan(0.99 * limit);
  }
});

test('given values that do not fill the parameter are refused', () => {
  expect(() => valuesOf({ kind: 'given', values: new Float32Array(3) }, [2, 2])).toThrow(
    'weight: internal: given values do not fill the parameter; expected 4, received 3',
  );
});
