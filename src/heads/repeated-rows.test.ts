import fc from 'fast-check';
import { expect, it } from 'vitest';
import { repeatedRows } from './repeated-rows.ts';

it('finds as many different rows as a set of their texts', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 }).chain((features) =>
        fc.array(fc.array(fc.constantFrom(0, 1, -1), { minLength: features, maxLength: features }), {
          minLength: 1,
          maxLength: 30,
        }),
      ),
      (rows) => {
        const found = repeatedRows(Float32Array.from(rows.flat()), rows[0]?.length ?? 0);
        expect(found.distinct).toBe(new Set(rows.map((row) => row.join())).size);
        for (const [earlier, later] of found.pairs) {
          expect(earlier).toBeLessThan(later);
          expect(rows[later]).toStrictEqual(rows[earlier]);
        }
      },
    ),
  );
});

it('names the period of rows that come round again, and none where they do not', () => {
  const cut = Float32Array.from({ length: 10 * 2 }, (_, index) => Math.floor(index / 2) % 4);
  expect(repeatedRows(cut, 2)).toMatchObject({
    distinct: 4,
    period: 4,
    pairs: [
      [0, 4],
      [1, 5],
      [2, 6],
      [3, 7],
      [0, 8],
    ],
  });
  expect(repeatedRows(Float32Array.of(1, 2, 1, 3, 4, 2), 1).period).toBeUndefined();
  expect(repeatedRows(Float32Array.of(1, 2, 3), 1)).toStrictEqual({ distinct: 3, pairs: [], period: undefined });
});
