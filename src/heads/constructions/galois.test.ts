import { describe, expect, test } from 'vitest';
import { binaryField, oddField, primePower } from './galois.ts';

describe('prime powers', () => {
  test('are told from other numbers by their definition', () => {
    const powers = new Set<number>();
    for (let p = 2; p <= 1000; p++) {
      if (Array.from({ length: p - 2 }, (_, i) => i + 2).some((d) => p % d === 0)) continue;
      for (let q = p; q <= 1000; q *= p) powers.add(q);
    }
    for (let q = -1; q <= 1000; q++) expect(primePower(q) !== undefined, String(q)).toBe(powers.has(q));
    expect(primePower(343)).toEqual({ prime: 7, exponent: 3 });
    expect(primePower(2.5)).toBeUndefined();
  });
});

describe('GF(q), q odd', () => {
  test.each([3, 7, 13, 9, 25, 27, 49, 81, 121, 125, 169, 243, 343])(
    'GF(%i): χ is 0 at 0 and balanced elsewhere, and Σ χ(x)·χ(x + c) = −1 for every c ≠ 0',
    (q) => {
      const { character, difference } = oddField(q);
      expect(character[0]).toBe(0);
      expect(character[1]).toBe(1);
      expect(character.reduce((sum, value) => sum + value, 0)).toBe(0);
      expect(character.filter((value) => value !== 0)).toHaveLength(q - 1);
      const correlation = (c: number): number =>
        character.reduce((sum, value, x) => sum + value * (character[difference(x, c)] ?? NaN), 0);
      for (let c = 1; c < q; c++) expect(correlation(c)).toBe(-1);
    },
  );

  test('differences form a group: a − a = 0, and x → x − b is a permutation', () => {
    for (const q of [11, 27, 25]) {
      const { difference } = oddField(q);
      for (let b = 0; b < q; b++) {
        expect(difference(b, b)).toBe(0);
        expect(difference(b, 0)).toBe(b);
        expect(new Set(Array.from({ length: q }, (_, a) => difference(a, b))).size).toBe(q);
      }
    }
  });

  test.each([15, 16, 1])('%i is refused', (q) => {
    expect(() => oddField(q)).toThrow(/internal: .* is no odd prime power/);
  });
});

describe('GF(2^n)', () => {
  test('uses the smallest primitive polynomials', () => {
    // The tables of primitive polynomials list these as the first of their degrees.
    const expected = [0b11, 0b111, 0b1011, 0b10011, 0b100101, 0b1000011, 0b10000011, 0b100011101, 0b1000010001];
    expect(expected.map((_, i) => binaryField(i + 1).polynomial)).toEqual(expected);
    expect([11, 13, 15].map((n) => binaryField(n).polynomial)).toEqual([2053, 8219, 32771]);
  });

  test.each([1, 2, 3, 5, 8, 13])('GF(2^%i): tables are inverse, the trace is additive and balanced', (n) => {
    const { period, exp, log, traceOfPower } = binaryField(n);
    expect(new Set(exp).size).toBe(period);
    exp.forEach((element, k) => {
      if (log[element] !== k) throw new Error(`log ${element}`);
    });
    const trace = (element: number): number => (element === 0 ? 0 : (traceOfPower[log[element] ?? 0] ?? NaN));
    expect(traceOfPower.reduce((sum, bit) => sum + bit, 0)).toBe(2 ** (n - 1));
    for (let a = 0; a <= Math.min(period, 255); a++) {
      for (let b = 0; b < n; b++) expect(trace(a ^ (2 ** b))).toBe(trace(a) ^ trace(2 ** b));
    }
  });

  test.each([0, 17, 1.5])('degree %d is refused', (n) => {
    expect(() => binaryField(n)).toThrow(/internal: no tables for GF/);
  });
});
