import { expect } from 'vitest';
import { sizeOf, type StaticShape } from '../../src/core/shape.ts';

export interface Tolerance {
  /** Names the comparison in the failure message. */
  readonly what: string;
  /** Allowed error relative to the expected element (default 0). */
  readonly rtol?: number;
  /** Allowed absolute error (default 0). */
  readonly atol?: number;
  /** Prints the worst element's index by axis instead of its offset. */
  readonly shape?: StaticShape;
}

/**
 * Fails unless every element satisfies |actual − expected| ≤ atol + rtol·|expected|, and names the worst one.
 * Infinities agree only with the same infinity; a NaN agrees with nothing, not even another NaN.
 */
export function expectAllclose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: Tolerance): void {
  const { what, rtol = 0, atol = 0, shape } = tolerance;
  if (actual.length !== expected.length) {
    expect.fail(`${what}: ${actual.length} elements, expected ${expected.length}`);
  }
  let outside = 0;
  let worst = -1;
  let worstError = 0;
  let worstExcess = -1;
  for (let offset = 0; offset < expected.length; offset++) {
    const [a, e] = [actual[offset] ?? NaN, expected[offset] ?? NaN];
    const error = Math.abs(a - e);
    if (a === e || (error <= atol + rtol * Math.abs(e) && error < Infinity)) continue;
    outside++;
    const excess = Number.isFinite(error) ? error - atol - rtol * Math.abs(e) : Infinity;
    if (excess > worstExcess) [worst, worstError, worstExcess] = [offset, error, excess];
  }
  if (outside === 0) return;
  const place = shape === undefined ? String(worst) : `[${indexOf(worst, shape).join(', ')}]`;
  expect.fail(
    `${what}: max error ${worstError} at ${place}: actual ${actual[worst] ?? NaN}, expected ${expected[worst] ?? NaN}; ` +
      `${outside} of ${expected.length} elements outside rtol ${rtol}, atol ${atol}`,
  );
}

function indexOf(offset: number, shape: StaticShape): number[] {
  return shape.map((size, axis) => Math.floor(offset / sizeOf(shape.slice(axis + 1))) % size);
}
