import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { measuredCoherence, vectorsOf } from '../heads/geometry.ts';
import { geometryOf } from '../heads/geometry-of.ts';
import { parseHead } from '../heads/parse.ts';
import { orthonormalTable } from './orthonormal.ts';

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, k) => sum + value * (b[k] ?? 0), 0);
}

function row(table: Float32Array, size: number, index: number): Float32Array {
  return table.subarray(index * size, (index + 1) * size);
}

/** Row-major `[words, size]` to the `size` columns. */
function columns(table: Float32Array, size: number): Float32Array[] {
  return Array.from({ length: size }, (_, k) => table.filter((_value, index) => index % size === k));
}

const vectorsOfHead = (head: string, classes: number, features: number): Float32Array => {
  const geometry = geometryOf(parseHead(head), { classes, features, sign: 'signed' });
  if (geometry === undefined) throw new Error(`${head} has no vectors`);
  return vectorsOf(geometry);
};

describe('orthonormalTable', () => {
  it('has rows of unit length, whatever its size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 20 }), fc.nat(), (words, size, seed) => {
        const table = orthonormalTable(words, size, seed);
        expect(table).toHaveLength(words * size);
        for (let word = 0; word < words; word++) {
          expect(dot(row(table, size, word), row(table, size, word))).toBeCloseTo(1, 6);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('has orthonormal rows for no more words than numbers', () => {
    for (const [words, size] of [
      [24, 24],
      [9, 24],
      [1, 5],
    ] as const) {
      const table = orthonormalTable(words, size, 4);
      for (let i = 0; i < words; i++) {
        for (let j = 0; j < i; j++) expect(dot(row(table, size, i), row(table, size, j))).toBeCloseTo(0, 6);
      }
    }
  });

  it('has columns near orthogonal and of equal length for many words', () => {
    const [words, size] = [4000, 32];
    const all = columns(orthonormalTable(words, size, 5), size);
    let deviation = 0;
    for (const [i, a] of all.entries()) {
      for (const [j, b] of all.entries()) deviation += Math.abs((dot(a, b) * size) / words - (i === j ? 1 : 0));
    }
    // Independent directions would leave √(2/π)/√4000 = 0.0126; what is left here comes from scaling the rows.
    expect(deviation / size ** 2).toBeLessThan(0.006);
  });

  it('keeps no two words further apart than independent random directions do, and a coset head does', () => {
    const [words, size] = [2000, 64];
    const table = orthonormalTable(words, size, 6);
    const coherence = measuredCoherence(table, size);
    const independent = measuredCoherence(vectorsOfHead('random:directions=gaussian:seed=6', words, size), size);
    const coset = measuredCoherence(vectorsOfHead('coset', words, size), size);
    expect(coset).toBeCloseTo(1 / Math.sqrt(size), 6);
    expect(coherence / independent).toBeGreaterThan(0.9);
    expect(coherence / independent).toBeLessThan(1.1);
    expect(coherence).toBeGreaterThan(4 * coset);
    let squares = 0;
    for (let word = 1; word < words; word++) squares += dot(row(table, size, word), row(table, size, word - 1)) ** 2;
    // 1,999 squared cosines of relative deviation √2: their mean is known to 3 %.
    expect((squares / (words - 1)) * size * ((words - 1) / (words - size))).toBeCloseTo(1, 0);
  });

  it('is a function of its sizes and seed', () => {
    expect(orthonormalTable(50, 8, 1)).toEqual(orthonormalTable(50, 8, 1));
    expect(orthonormalTable(50, 8, 1)).not.toEqual(orthonormalTable(50, 8, 2));
  });

  it('refuses sizes that are none', () => {
    expect(() => orthonormalTable(0, 8, 1)).toThrow(
      'wrong number of words of an orthonormal table; expected a whole number ≥ 1, received 0',
    );
    expect(() => orthonormalTable(8, 1.5, 1)).toThrow(
      'wrong number of numbers a vector of an orthonormal table; expected a whole number ≥ 1, received 1.5',
    );
  });
});
