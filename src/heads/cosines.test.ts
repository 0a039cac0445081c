import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { constantCosines, cosineStatistics, effectiveDimension, packSigns, welchBound } from './cosines.ts';
import { measuredCoherence, vectorsOf, type GeometryRequest } from './geometry.ts';
import { cosetGeometry, hadamardGeometry } from './hadamard.ts';
import { simplexGeometry } from './simplex.ts';

const signed = (classes: number, features: number): GeometryRequest => ({ classes, features, sign: 'signed' });

/** Cosines of all pairs, the plain way. */
function plainCosines(rows: readonly (readonly number[])[]): number[] {
  const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, k) => sum + x * (b[k] ?? 0), 0);
  return rows.flatMap((a, i) =>
    rows.slice(i + 1).map((b) => {
      const lengths = Math.sqrt(dot(a, a) * dot(b, b));
      return lengths > 0 ? dot(a, b) / lengths : 0;
    }),
  );
}

const rowsOf = (entry: fc.Arbitrary<number>): fc.Arbitrary<number[][]> =>
  fc
    .integer({ min: 1, max: 40 })
    .chain((features) =>
      fc.array(fc.array(entry, { minLength: features, maxLength: features }), { minLength: 2, maxLength: 11 }),
    );

describe('cosineStatistics', () => {
  it.each([
    ['numbers', fc.integer({ min: -8, max: 8 })],
    ['signs', fc.constantFrom(-0.25, 0.25)],
  ])('agrees with the plain sums over all pairs of %s', (_, entry) => {
    fc.assert(
      fc.property(rowsOf(entry), (rows) => {
        const statistics = cosineStatistics(Float32Array.from(rows.flat()), rows[0]?.length ?? 0);
        const cosines = plainCosines(rows);
        const mean = (f: (cosine: number) => number): number =>
          cosines.reduce((sum, cosine) => sum + f(cosine), 0) / cosines.length;
        expect(statistics.pairs).toBe(cosines.length);
        expect(statistics.mean).toBeCloseTo(
          mean((cosine) => cosine),
          10,
        );
        expect(statistics.meanAbsolute).toBeCloseTo(mean(Math.abs), 10);
        expect(statistics.rootMeanSquare).toBeCloseTo(Math.sqrt(mean((cosine) => cosine ** 2)), 10);
        expect(statistics.identical).toBe(cosines.filter((cosine) => cosine > 1 - 1e-9).length);
        expect(statistics.antipodal).toBe(cosines.filter((cosine) => cosine < -1 + 1e-9).length);
        const others = cosines.filter((cosine) => cosine > -1 + 1e-9).map(Math.abs);
        expect(statistics.largest).toBeCloseTo(Math.max(0, ...others), 10);
        expect(statistics.bins.counts.reduce((sum, count) => sum + count, 0)).toBe(cosines.length);
      }),
    );
  });

  it('finds the pair with the largest |cosine|, and none among orthogonal or opposite vectors', () => {
    const rows = Float32Array.of(1, 0, 0, 0, 1, 0, 0.6, 0.8, 0);
    expect(cosineStatistics(rows, 3)).toMatchObject({ largestPair: [1, 2] });
    const opposite = cosineStatistics(Float32Array.of(1, 0, -1, 0, 0, 3), 2);
    expect(opposite).toMatchObject({ largest: 0, largestPair: undefined, antipodal: 1, identical: 0 });
  });

  it('measures 1/√N between Kerdock bases and 0 within, √(2/N) between Gold bases', () => {
    const kerdock = cosetGeometry({ ...signed(128, 16), signs: false });
    const found = cosineStatistics(vectorsOf(kerdock), 16, (row) => Math.floor(row / 16));
    expect(found.largest).toBe(1 / Math.sqrt(16));
    expect(found.within).toStrictEqual({ pairs: 8 * ((16 * 15) / 2), largest: 0 });
    expect(found.between).toStrictEqual({ pairs: (128 * 127) / 2 - 8 * 120, largest: 0.25 });
    expect(found.values?.map(({ cosine }) => cosine)).toStrictEqual([-0.25, 0, 0.25]);
    const gold = cosetGeometry({ ...signed(64, 8), signs: false });
    expect(cosineStatistics(vectorsOf(gold), 8).largest).toBe(Math.sqrt(2 / 8));
  });

  it('agrees with the coherence that geometries measure of themselves, by counting bits and by products', () => {
    const geometry = hadamardGeometry(signed(300, 64));
    const vectors = vectorsOf(geometry);
    expect(packSigns(vectors, 64)).toBeDefined();
    expect(cosineStatistics(vectors, 64).largest).toBe(measuredCoherence(vectors, 64));
    // One entry that is off makes it a matrix of numbers.
    const bent = vectors.map((entry, index) => (index === 70 ? 1.5 * entry : entry));
    expect(packSigns(bent, 64)).toBeUndefined();
    expect(cosineStatistics(bent, 64).largest).toBeGreaterThan(0.125);
  });

  it('finds −1/(C − 1) between all vertices of a simplex', () => {
    const statistics = cosineStatistics(vectorsOf(simplexGeometry(signed(10, 12))), 12);
    expect(statistics.largest).toBeCloseTo(1 / 9, 6);
    expect(statistics.mean).toBeCloseTo(-1 / 9, 6);
    expect(statistics.values).toHaveLength(1);
  });

  it('lists values only where they are few', () => {
    const spread = Float32Array.from({ length: 40 * 3 }, (_, index) => Math.sin(index * index));
    expect(cosineStatistics(spread, 3).values).toBeUndefined();
  });
});

describe('welchBound', () => {
  it('is met by sets that are known to meet it', () => {
    // N + 1 vertices of a simplex.
    expect(welchBound(13, 12)).toBeCloseTo(1 / 12, 15);
    const vertices = cosineStatistics(vectorsOf(simplexGeometry(signed(13, 12))), 12);
    expect(vertices.largest).toBeCloseTo(welchBound(13, 12), 6);
    // Three lines of the plane, 120° apart.
    expect(welchBound(3, 2)).toBe(0.5);
  });

  it('bounds the root mean square of any set, with equality for unions of whole bases', () => {
    const union = cosineStatistics(vectorsOf(cosetGeometry({ ...signed(64, 16), signs: false })), 16);
    expect(union.rootMeanSquare).toBeCloseTo(welchBound(64, 16), 12);
    expect(effectiveDimension(64, union.rootMeanSquare)).toBeCloseTo(16, 10);
    const entry = fc.integer({ min: -9, max: 9 });
    const row = fc.tuple(fc.integer({ min: 1, max: 9 }), entry, entry);
    fc.assert(
      fc.property(fc.array(row, { minLength: 4, maxLength: 20 }), (rows) => {
        const { rootMeanSquare } = cosineStatistics(Float32Array.from(rows.flat()), 3);
        expect(rootMeanSquare).toBeGreaterThanOrEqual(welchBound(rows.length, 3) - 1e-9);
      }),
    );
  });

  it('is 0 where orthogonal vectors exist', () => {
    expect([welchBound(12, 12), welchBound(2, 12)]).toStrictEqual([0, 0]);
    expect(effectiveDimension(7, 0)).toBe(7);
  });
});

it('constantCosines are those with (1, …, 1)/√N', () => {
  const rows = Float32Array.of(2, 2, 2, 2, 1, -1, 1, -1, 1, 0, 0, 0, 0, 0, 0, 0);
  expect([...constantCosines(rows, 4)]).toStrictEqual([1, 0, 0.5, 0]);
});
