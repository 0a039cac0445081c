import { expect, test } from 'vitest';
import { randomStream } from '../../core/random.ts';
import { createCandidates } from './candidates.ts';

const SLOTS = 50;
const random = randomStream(3, 'candidates');
/** A coarse grid, so that many values are equal. */
const row = Float32Array.from({ length: SLOTS }, () => random.integer(8) / 8);

/** The values of all slots, greatest first, of equals the lowest slot first. */
function ranked(prices: Float64Array): { readonly slot: number; readonly value: number }[] {
  return Array.from(row, (benefit, slot) => ({ slot, value: benefit - (prices[slot] ?? 0) })).sort(
    (a, b) => b.value - a.value || a.slot - b.slot,
  );
}

test.each([2, 5, 49, 50])(
  'with %i candidates the choice is the best of all slots for as long as it is given',
  (first) => {
    const candidates = createCandidates(1, SLOTS, { first, total: first });
    const prices = new Float64Array(SLOTS);
    candidates.list(0, row, prices);
    let choices = 0;
    for (;;) {
      const choice = candidates.choose(0, prices);
      const [best, second] = ranked(prices);
      expect(candidates.bestValue(0, prices)).toBeGreaterThanOrEqual(best?.value ?? NaN);
      if (choice === undefined || choices === 400) break;
      expect(choice.value).toBe(best?.value);
      // A slot outside the list may be as good; a complete list gives the lowest of equals.
      if (first === SLOTS) expect(choice.slot).toBe(best?.slot);
      expect(choice.benefit).toBe(row[choice.slot]);
      expect(choice.runnerUp).toBeGreaterThanOrEqual(second?.value ?? NaN);
      prices[choice.slot] = (prices[choice.slot] ?? 0) + 0.125;
      choices++;
    }
    // A complete list never runs out; any other runs out after at least one price rise.
    if (first === SLOTS) expect(choices).toBe(400);
    else expect(choices).toBeLessThan(400);
    expect(choices).toBeGreaterThan(0);
  },
);

test('a list doubles when it is made again, while there is room', () => {
  const candidates = createCandidates(2, SLOTS, { first: 3, total: 12 });
  const rises = (classIndex: number): number => {
    const prices = new Float64Array(SLOTS);
    candidates.list(classIndex, row, prices);
    let count = 0;
    for (let choice = candidates.choose(classIndex, prices); choice; choice = candidates.choose(classIndex, prices)) {
      prices[choice.slot] = 10;
      count++;
    }
    return count;
  };
  // Every candidate at or above the best that was left out is chosen once: all of them.
  expect([rises(0), rises(0), rises(0)]).toEqual([3, 6, 6]);
  // Class 1 finds room for its first list, and none to grow.
  expect([rises(1), rises(1)]).toEqual([3, 3]);
});
