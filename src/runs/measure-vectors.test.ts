import { describe, expect, it } from 'vitest';
import { cosetGeometry, hadamardGeometry } from '../heads/hadamard.ts';
import { randomGeometry } from '../heads/random.ts';
import { comparedClasses, measureGeometry, measureMatrix } from './measure-vectors.ts';

describe('comparedClasses', () => {
  it('takes all of up to 4096 vectors, and a sample with class 0 of more', () => {
    expect(comparedClasses(4096, 64)).toHaveLength(4096);
    const sample = comparedClasses(1_000_000, 1024);
    expect(sample).toHaveLength(2048);
    expect(sample[0]).toBe(0);
    expect(new Set(sample).size).toBe(2048);
    expect(sample).toStrictEqual(comparedClasses(1_000_000, 1024));
    expect(Math.max(...sample)).toBeGreaterThan(900_000);
  });

  it('takes fewer where vectors are so long that comparing them would take minutes', () => {
    const few = comparedClasses(4096, 2 ** 16);
    expect(few.length).toBeLessThan(1000);
    expect(few.length * 2 ** 16 * 4).toBeLessThanOrEqual(2 ** 27);
  });
});

describe('measureGeometry', () => {
  it('finds the promise of a small set by comparing all, of a large one by a sample', () => {
    const all = measureGeometry(hadamardGeometry({ classes: 1000, features: 64, sign: 'signed' }));
    expect(all.facts).toMatchObject({
      exhaustive: true,
      coherence: 0.125,
      examined: 1000,
      pairs: 499_500,
      signs: true,
    });
    expect(all.facts.withinBasis?.largest).toBe(0);
    expect(all.facts.betweenBases?.largest).toBe(0.125);
    expect(all.facts.constant).toMatchObject({ classZero: 1, largest: 1, largestClass: 0 });
    const sample = measureGeometry(cosetGeometry({ classes: 500_000, features: 1024, sign: 'signed', signs: false }));
    expect(sample.facts).toMatchObject({ exhaustive: false, examined: 2048, coherence: 1 / 32 });
    expect(sample.facts.effectiveDimension).toBeCloseTo(1024, -1);
  });

  it('has a histogram of all pairs but opposite ones, symmetric around 0', () => {
    const { facts } = measureGeometry(hadamardGeometry({ classes: 100, features: 64, sign: 'signed' }));
    const { from, to, counts } = facts.histogram;
    expect(facts.antipodalPairs).toBe(100 - 64 + 1);
    expect(from).toBe(-to);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(facts.pairs - facts.antipodalPairs);
    expect(counts[30]).toBe(facts.pairs - facts.antipodalPairs);
  });

  it('gives every bar room for as many cosines of sign vectors: a bell curve rises to its middle and falls', () => {
    const geometry = randomGeometry({ classes: 1000, features: 512, sign: 'signed', seed: 0, directions: 'signs' });
    const { counts } = measureGeometry(geometry).facts.histogram;
    for (let bar = 22; bar < 30; bar++) {
      expect(counts[bar]).toBeLessThan(counts[bar + 1] ?? 0);
      expect(counts[60 - bar]).toBeLessThan(counts[59 - bar] ?? 0);
    }
  });
});

describe('measureMatrix', () => {
  it('compares all rows for equality, however many there are', () => {
    const features = 3;
    const rows = Float32Array.from({ length: 5000 * features }, (_, index) => Math.sin(index % (4999 * features)));
    const { facts, distinct } = measureMatrix(rows, features);
    expect(facts.exhaustive).toBe(false);
    expect(distinct).toBe(4999);
    expect(facts.repeated).toStrictEqual({ pairs: [[0, 4999]], period: 4999 });
  });
});
