import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLargest } from './largest.ts';

// Few different values, so that ties are common.
const numbers = fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(Infinity, -Infinity)), {
  maxLength: 40,
});

describe('createLargest', () => {
  test('agrees with sorting everything, ties by place, whatever the pieces it is offered in', () => {
    fc.assert(
      fc.property(numbers, fc.integer({ min: 0, max: 12 }), fc.integer({ min: 1, max: 9 }), (list, size, piece) => {
        const largest = createLargest(size);
        for (let first = 0; first < list.length; first += piece) {
          largest.offer(Float32Array.from(list.slice(first, first + piece)), first);
        }
        const expected = list
          .map((value, place) => ({ value, place }))
          .sort((a, b) => (a.value === b.value ? a.place - b.place : b.value > a.value ? 1 : -1))
          .slice(0, size);
        const { places, values } = largest.ranked();
        expect([...places]).toEqual(expected.map(({ place }) => place));
        expect([...values]).toEqual(expected.map(({ value }) => value));
      }),
    );
  });

  test('takes NaN for smaller than everything', () => {
    const largest = createLargest(2);
    largest.offer(Float32Array.of(NaN, 1, NaN, 2));
    expect([...largest.ranked().places]).toEqual([3, 1]);
    const alone = createLargest(1);
    alone.offer(Float32Array.of(NaN));
    alone.offer(Float32Array.of(-5), 1);
    expect([...alone.ranked().places]).toEqual([1]);
  });
});
