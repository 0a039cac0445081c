import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../core/random.ts';
import { assignSlots, type AssignmentProgress, type AssignmentRequest } from './assign.ts';
import { solveByAuction, solveExactly, type Solution } from './solve.ts';

/** A request whose benefits are a function of class and slot, rounded to float32. */
function requestOf(classes: number, slots: number, benefit: (i: number, j: number) => number): AssignmentRequest {
  const benefits = (first: number, count: number): Float32Array =>
    Float32Array.from({ length: count * slots }, (_, at) => benefit(first + Math.floor(at / slots), at % slots));
  return { classes, slots, benefits };
}

/** A request from a table of rows. */
function tableRequest(table: readonly (readonly number[])[]): AssignmentRequest {
  return requestOf(table.length, table[0]?.length ?? 0, (i, j) => table[i]?.[j] ?? NaN);
}

/** Inner products of random unit vectors in few dimensions: classes that want the same slots. */
function directions(classes: number, slots: number, dimensions: number): AssignmentRequest {
  const unit = (purpose: string, index: number): number[] => {
    const random = randomStream(1, purpose, index);
    const vector = Array.from({ length: dimensions }, () => random.normal());
    const length = Math.hypot(...vector);
    return vector.map((value) => value / length);
  };
  const means = Array.from({ length: classes }, (_, i) => unit('mean', i));
  const vectors = Array.from({ length: slots }, (_, j) => unit('vector', j));
  return requestOf(classes, slots, (i, j) =>
    (means[i] ?? []).reduce((sum, value, k) => sum + value * (vectors[j]?.[k] ?? 0), 0),
  );
}

/** The greatest total over all ways to give the rows different columns, by trying them all. */
function bruteForce(table: readonly (readonly number[])[], row = 0, used = 0): number {
  if (row === table.length) return 0;
  let best = -Infinity;
  for (const [column, benefit] of (table[row] ?? []).entries())
    if ((used & (1 << column)) === 0)
      best = Math.max(best, Math.fround(benefit) + bruteForce(table, row + 1, used | (1 << column)));
  return best;
}

async function totalOf(request: AssignmentRequest, slots: ArrayLike<number>): Promise<number> {
  const block = await request.benefits(0, request.classes);
  return Array.from(slots).reduce((sum, slot, i) => sum + (block[i * request.slots + slot] ?? NaN), 0);
}

function expectDifferent(slots: ArrayLike<number>, request: AssignmentRequest): void {
  expect(slots.length).toBe(request.classes);
  expect(new Set(Array.from(slots)).size).toBe(request.classes);
  for (const slot of Array.from(slots)) expect(slot).toBeLessThan(request.slots);
}

/** Benefits on a coarse grid, so that ties are common, or anywhere between −1 and 1. */
const entry = fc.oneof(
  fc.integer({ min: -2, max: 2 }),
  fc.double({ min: -1, max: 1, noNaN: true }).map((value) => Math.fround(value)),
);
const table = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 2 })).chain(([classes, spare]) =>
  fc.array(fc.array(entry, { minLength: classes + spare, maxLength: classes + spare }), {
    minLength: classes,
    maxLength: classes,
  }),
);

/** So few candidates that lists run out, with and without room for them to grow. */
const room = fc.record({ first: fc.integer({ min: 2, max: 3 }), total: fc.constantFrom(18, 1000) });

describe('exactness', () => {
  test('small problems reach the best of all assignments', async () => {
    await fc.assert(
      fc.asyncProperty(table, async (rows) => {
        const request = tableRequest(rows);
        const result = await assignSlots(request);
        expectDifferent(result.slots, request);
        expect(result.exact).toBe(true);
        expect(result.gap).toBe(0);
        expect(result.after * rows.length).toBeCloseTo(bruteForce(rows), 6);
        expect(await totalOf(request, result.slots)).toBeCloseTo(bruteForce(rows), 6);
      }),
      { numRuns: 100 },
    );
  });

  const hashed = (i: number, j: number): number => (((i * 7919 + j * 104729 + i * j * 31) % 2003) / 2003) * 2 - 1;
  const crowded =
    (classes: number, slots: number) =>
    (i: number, j: number): number => {
      const distance = ((i * 613) % classes) / classes - ((j * 389) % slots) / slots;
      return 1 - distance * distance - ((i * j) % 17) / 200;
    };
  // Totals by scipy.optimize.linear_sum_assignment (SciPy 1.17.1) on the same float32 numbers.
  test.each([
    ['scattered benefits, 200 × 400', requestOf(200, 400, hashed), 198.19071513414383],
    ['scattered benefits, 120 × 120', requestOf(120, 120, hashed), 115.27808302640915],
    ['nearly equal benefits, 200 × 400', requestOf(200, 400, crowded(200, 400)), 199.14210432767868],
    ['nearly equal benefits, 120 × 120', requestOf(120, 120, crowded(120, 120)), 119.15708440542221],
  ])("%s: SciPy's total, and the auction within its own bound of it", async (_, request, expected) => {
    const result = await assignSlots(request);
    expect(result.after * request.classes).toBeCloseTo(expected, 6);
    expect(await totalOf(request, result.slots)).toBeCloseTo(expected, 6);
    const auctioned = await solveByAuction(request, { first: 4, total: 4 * 400 });
    expectDifferent(auctioned.slotOf, request);
    expect(auctioned.total).toBeLessThanOrEqual(expected + 1e-6);
    expect(auctioned.limit).toBeGreaterThanOrEqual(expected - 1e-6);
  });
});

describe('the auction', () => {
  /** Fills the slots of classes without a preference, whose benefits do not depend on it. */
  const placed = ({ slotOf, indifferent }: Solution): number[] =>
    Array.from(slotOf).filter((slot, i) => slot >= 0 || !indifferent.includes(i));

  test('matches every class, and its bound is at or above the best of all assignments', async () => {
    await fc.assert(
      fc.asyncProperty(table, room, async (rows, candidates) => {
        const request = tableRequest(rows);
        const result = await solveByAuction(request, candidates);
        const best = bruteForce(rows);
        expect(new Set(placed(result)).size).toBe(rows.length - result.indifferent.length);
        expect(placed(result)).not.toContain(-1);
        expect(result.total).toBeLessThanOrEqual(best + 1e-6);
        expect(result.limit).toBeGreaterThanOrEqual(best - 1e-6);
      }),
      { numRuns: 200 },
    );
  });

  test.each([
    ['twice as many slots', 150, 300],
    ['as many slots as classes', 200, 200],
  ])('%s: within ε = 5·10⁻⁵ of the range per class where lists can grow', async (_, classes, slots) => {
    const request = directions(classes, slots, 6);
    const auctioned = await solveByAuction(request, { first: 3, total: 2 ** 17 });
    const exact = await solveExactly(request);
    expectDifferent(auctioned.slotOf, request);
    expect(auctioned.total).toBeCloseTo(await totalOf(request, auctioned.slotOf), 6);
    expect(auctioned.total).toBeLessThanOrEqual(exact.total + 1e-9);
    expect(auctioned.limit).toBeGreaterThanOrEqual(exact.total - 1e-9);
    const range = 2;
    expect(exact.total - auctioned.total).toBeLessThanOrEqual(5e-5 * range * classes);
    expect(auctioned.limit - auctioned.total).toBeLessThanOrEqual(5e-5 * range * classes);
  });

  test.each([
    ['whose lists run out', { first: 2, total: 120 }],
    ['who know every slot', { first: 70, total: 60 * 70 }],
  ])('equal classes %s all get a slot in limited time, under an honest bound', async (_, room) => {
    const request = requestOf(60, 70, (_class, j) => Math.sin(j));
    const auctioned = await solveByAuction(request, room);
    const exact = await solveExactly(request);
    expectDifferent(auctioned.slotOf, request);
    expect(auctioned.total).toBeLessThanOrEqual(exact.total + 1e-9);
    expect(auctioned.limit).toBeGreaterThanOrEqual(exact.total - 1e-9);
  });

  test('is used, in blocks of at most 2²² numbers, beyond 2²¹ benefits', async () => {
    const [classes, slots] = [1500, 1500];
    // Class i wants slot i + 1 alone; the last class wants slot 0.
    const wanted = requestOf(classes, slots, (i, j) => (j === (i + 1) % slots ? 1 : 0));
    const blocks: number[] = [];
    const result = await assignSlots({
      ...wanted,
      benefits: (first, count) => {
        blocks.push(count * slots);
        return wanted.benefits(first, count);
      },
    });
    expect(Math.max(...blocks)).toBeLessThanOrEqual(2 ** 22);
    expect(blocks.reduce((sum, numbers) => sum + numbers, 0)).toBeLessThan(2 * classes * slots);
    expect(Array.from(result.slots)).toEqual(Array.from({ length: classes }, (_, i) => (i + 1) % slots));
    expect(result).toMatchObject({ before: 0, after: 1 });
    expect(result.gap).toBeLessThanOrEqual(1e-4);
  });
});

describe('the result', () => {
  test('is the same every time, whichever way it was found', async () => {
    const request = directions(90, 120, 4);
    expect(await assignSlots(request)).toEqual(await assignSlots(request));
    const room = { first: 4, total: 600 };
    expect(await solveByAuction(request, room)).toEqual(await solveByAuction(request, room));
  });

  test('does not depend on benefits arriving later', async () => {
    const request = directions(20, 30, 4);
    const later = await assignSlots({
      ...request,
      benefits: async (first, count) => Promise.resolve(request.benefits(first, count)),
    });
    expect(later).toEqual(await assignSlots(request));
  });

  test('leaves classes where they are when all benefits are equal', async () => {
    const result = await assignSlots(requestOf(5, 8, () => 0.25));
    expect(Array.from(result.slots)).toEqual([0, 1, 2, 3, 4]);
    expect(result).toMatchObject({ before: 0.25, after: 0.25, exact: true, gap: 0 });
  });

  test('leaves classes where they are when nothing better is found', async () => {
    const result = await assignSlots(requestOf(6, 9, (i, j) => (i === j ? 1 : 0)));
    expect(Array.from(result.slots)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(result).toMatchObject({ before: 1, after: 1 });
  });

  test('gives classes without samples what is left: their own slot, else the lowest', async () => {
    // Class 0 wants slot 1, class 3 wants slot 2; classes 1, 2 and 4 have no mean.
    const wants = new Map([
      [0, 1],
      [3, 2],
    ]);
    const result = await assignSlots(requestOf(5, 6, (i, j) => (wants.get(i) === j ? 1 : 0)));
    expect(Array.from(result.slots)).toEqual([1, 0, 3, 2, 4]);
  });

  test('reports how far it is, never backwards', async () => {
    const seen: AssignmentProgress[] = [];
    await assignSlots({ ...directions(40, 50, 3), onProgress: (progress) => seen.push(progress) });
    expect(seen.filter(({ stage }) => stage === 'comparing').map(({ done }) => done)).toEqual(
      Array.from({ length: 40 }, (_, index) => index + 1),
    );
    expect(seen.at(-1)).toEqual({ stage: 'matching', done: 40, total: 40 });
  });
});

describe('refusals', () => {
  test('fewer slots than classes', async () => {
    await expect(assignSlots(requestOf(5, 4, () => 0))).rejects.toThrow(
      /fewer class vectors than classes.*expected at least 5.*received 4/,
    );
  });

  test.each([0, 1.5, NaN])('%s classes', async (classes) => {
    await expect(assignSlots({ ...requestOf(1, 4, () => 0), classes })).rejects.toThrow(
      /number of classes must be a positive integer/,
    );
  });

  test.each([NaN, Infinity, -Infinity])('a benefit of %s, naming class and vector', async (bad) => {
    await expect(assignSlots(requestOf(4, 5, (i, j) => (i === 2 && j === 3 ? bad : 0)))).rejects.toThrow(
      /benefit of class 2 on class vector 3 is not a finite number; received/,
    );
  });

  test('a block of the wrong length', async () => {
    await expect(assignSlots({ classes: 2, slots: 3, benefits: () => new Float32Array(5) })).rejects.toThrow(
      /benefits\(0, 2\): a block of benefits has the wrong length; expected 2 × 3 = 6 numbers, received 5/,
    );
  });
});
