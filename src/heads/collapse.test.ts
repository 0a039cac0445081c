import { describe, expect, it } from 'vitest';
import { collapseOf } from './collapse.ts';

const axis = (index: number): Float32Array => Float32Array.from({ length: 2 }, (_, k) => (k === index ? 1 : 0));

describe('collapseOf', () => {
  it('sees features that have collapsed: no variability, cosines of 1', () => {
    const values = Float32Array.of(3, 0, 3, 0, 0, 2, 0, 2);
    const found = collapseOf({ features: 2, classes: 2, values, labels: Int32Array.of(0, 0, 1, 1) }, axis);
    expect(found.variabilityRatio).toBe(0);
    expect([...found.cosines]).toStrictEqual([1, 1]);
    // Means (3, 0) and (0, 2) around (1.5, 1): ±(1.5, −1).
    expect(found.centredCosines[0]).toBeCloseTo(1.5 / Math.hypot(1.5, 1), 12);
    expect(found.centredCosines[1]).toBeCloseTo(1 / Math.hypot(1.5, 1), 12);
  });

  it('divides the mean squared distance to the class mean by that of class means to their mean', () => {
    // Class 0: 0 and 2 around 1; class 1: 5, 5 and 8 around 6. Means 1 and 6 around 3.5.
    const values = Float32Array.of(0, 0, 2, 0, 5, 0, 5, 0, 8, 0);
    const { variabilityRatio, present } = collapseOf(
      { features: 2, classes: 3, values, labels: Int32Array.of(0, 0, 1, 1, 1) },
      axis,
    );
    expect(variabilityRatio).toBeCloseTo((1 + 1 + 1 + 1 + 4) / 5 / 2.5 ** 2, 12);
    expect(present).toBe(2);
  });

  it('leaves classes without images out, and has no ratio where all classes are one', () => {
    const values = Float32Array.of(1, 1, 1, 1);
    const found = collapseOf({ features: 2, classes: 2, values, labels: Int32Array.of(1, 1) }, axis);
    expect(found.variabilityRatio).toBeNull();
    expect(found.cosines[0]).toBeNaN();
    expect(found.cosines[1]).toBeCloseTo(Math.SQRT1_2, 12);
  });
});
