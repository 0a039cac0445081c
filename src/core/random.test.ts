import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { permutation, randomStream } from './random.ts';

const take = (count: number, draw: () => number): number[] => Array.from({ length: count }, () => draw());
const first = (...key: (number | string)[]): number[] => take(4, randomStream(...key).uniform);

describe('randomStream', () => {
  test('is a function of its key', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.integer(), fc.string())), (key) => {
        expect(first(...key)).toEqual(first(...key));
      }),
    );
  });

  test('differs with every difference of the key', () => {
    const key = fc.array(
      fc.oneof(
        fc.integer({ min: -3, max: 12 }),
        fc.string({ maxLength: 3, unit: fc.constantFrom('a', '/', ':', '\\', '1') }),
      ),
      { maxLength: 3 },
    );
    fc.assert(
      fc.property(key, key, (a, b) => {
        fc.pre(JSON.stringify(a) !== JSON.stringify(b));
        expect(first(...a)).not.toEqual(first(...b));
      }),
      {
        examples: [
          [['a/string:b'], ['a', 'b']],
          [[1], ['1']],
          [
            [1, 23],
            [12, 3],
          ],
          [['a\\', 'b'], ['a\\/string:b']],
          [[], ['']],
        ],
      },
    );
  });

  // Fixed numbers: a change of the generator would silently change every trained model.
  test('keeps its numbers from version to version', () => {
    expect(first(0, 'shuffle', 3)).toMatchInlineSnapshot(`
      [
        0.9498581185471267,
        0.6519770815502852,
        0.9741268272046,
        0.5842115019913763,
      ]
    `);
    expect(take(3, randomStream(7, 'initialize', 'conv1.weight').normal)).toMatchInlineSnapshot(`
      [
        -0.3120301957421124,
        -0.010412582602783093,
        -0.4239307632685734,
      ]
    `);
  });

  test('draws uniform and normal numbers with the moments of their distributions', () => {
    const count = 40_000;
    const random = randomStream('moments');
    const moment = (values: readonly number[], k: number): number =>
      values.reduce((sum, value) => sum + value ** k, 0) / count;
    const uniform = take(count, random.uniform);
    // Five standard errors: sd/√n of each moment.
    expect(Math.abs(moment(uniform, 1) - 1 / 2)).toBeLessThan((5 * Math.sqrt(1 / 12)) / 200);
    expect(Math.abs(moment(uniform, 2) - 1 / 3)).toBeLessThan((5 * Math.sqrt(4 / 45)) / 200);
    expect(uniform.every((value) => value >= 0 && value < 1)).toBe(true);
    const normal = take(count, random.normal);
    expect(Math.abs(moment(normal, 1))).toBeLessThan(5 / 200);
    expect(Math.abs(moment(normal, 2) - 1)).toBeLessThan((5 * Math.sqrt(2)) / 200);
    expect(Math.abs(moment(normal, 4) - 3)).toBeLessThan((5 * Math.sqrt(96)) / 200);
  });

  test('draws every integer below the limit about equally often', () => {
    const random = randomStream('integers');
    const counts = new Map<number, number>();
    for (const value of take(7000, () => random.integer(7))) counts.set(value, (counts.get(value) ?? 0) + 1);
    expect([...counts.keys()].toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    // Six degrees of freedom: exceeded once in 10⁴.
    expect(chiSquare).toBeLessThan(27.9);
    expect(take(5, () => random.integer(1))).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('permutation', () => {
  test('holds every number once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), fc.integer(), (count, seed) => {
        const order = [...permutation(count, randomStream(seed))];
        expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index));
      }),
    );
  });

  test('gives every order of three equally often', () => {
    const random = randomStream('orders');
    const counts = new Map<string, number>();
    for (let k = 0; k < 6000; k++) {
      const order = permutation(3, random).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(counts.size).toBe(6);
    // Five degrees of freedom: exceeded once in 10⁴.
    expect(chiSquare).toBeLessThan(25.8);
  });
});
