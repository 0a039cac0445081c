import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../core/random.ts';
import { aliasTable, drawAlias } from './alias-table.ts';

describe('an alias table', () => {
  test('holds exactly the probabilities of the weights', () => {
    const weight = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e6, noNaN: true }));
    fc.assert(
      fc.property(fc.array(weight, { minLength: 1, maxLength: 60 }), (list) => {
        const total = list.reduce((sum, each) => sum + each, 0);
        fc.pre(total > 1e-200);
        const { stay, other } = aliasTable(Float64Array.from(list));
        const share = new Float64Array(list.length);
        stay.forEach((part, column) => {
          const to = other[column] ?? -1;
          share[column] = (share[column] ?? 0) + part / list.length;
          share[to] = (share[to] ?? 0) + (1 - part) / list.length;
        });
        list.forEach((each, index) => {
          expect(share[index]).toBeCloseTo(each / total, 9);
        });
      }),
    );
  });

  test('is drawn from with these probabilities, and never gives what has none', () => {
    const weights = [5, 0, 1, 2.5];
    const table = aliasTable(Float64Array.from(weights));
    const random = randomStream(1, 'alias');
    const draws = 40_000;
    const seen = [0, 0, 0, 0];
    for (let i = 0; i < draws; i++) {
      const index = drawAlias(table, random);
      seen[index] = (seen[index] ?? 0) + 1;
    }
    expect(seen[1]).toBe(0);
    // 5 standard deviations of a share are below 0.0125.
    weights.forEach((weight, index) => {
      expect(Math.abs((seen[index] ?? 0) / draws - weight / 8.5)).toBeLessThan(0.0125);
    });
  });

  test.each([[[]], [[0, 0]], [[1, -1, 3]], [[1, NaN]], [[Infinity, 1]]])('refuses the weights %j', (weights) => {
    expect(() => aliasTable(Float64Array.from(weights))).toThrow(/nothing to draw from; expected finite weights/);
  });
});
