import { describe, expect, it } from 'vitest';
import * as format from './format.ts';

describe('numbers for a reader', () => {
  it('writes fractions as per cent, with the deviation only where there is more than one seed', () => {
    expect(format.percent(0.91324)).toBe('91.32');
    expect(format.percentWithDeviation({ mean: 0.91324, sd: 0.00213 }, 3)).toBe('91.32 ± 0.21');
    expect(format.percentWithDeviation({ mean: 0.91324, sd: 0 }, 1)).toBe('91.32');
    expect(format.percentWithDeviation({ mean: 0.91324, sd: Number.NaN }, 3)).toBe('91.32');
  });

  it('uses decimal units, and the next unit where rounding reaches it', () => {
    const cases = {
      0: '0 B',
      999: '999 B',
      1000: '1.00 kB',
      316_210: '316 kB',
      999_600: '1.00 MB',
      1_234_567: '1.23 MB',
    };
    for (const [value, text] of Object.entries(cases)) expect(format.bytes(Number(value))).toBe(text);
    expect(format.shortCount(855_770)).toBe('856 k');
    expect(format.shortCount(25_557_032)).toBe('25.6 M');
    expect(format.shortCount(9_999)).toBe('9,999');
  });

  it('keeps three significant digits of a measurement', () => {
    const cases = [0.07123, 0.99996, 4.126, 9.996, 61.234, 99.96, 1204.4];
    expect(cases.map(format.significant)).toEqual(['0.0712', '1.00', '4.13', '10.0', '61.2', '100', '1,204']);
  });

  it('gives small shares the digits they need', () => {
    expect([0, 0.000001, 0.00014, 0.0083, 0.5256].map(format.sharePercent)).toEqual([
      '0',
      '< 0.001',
      '0.014',
      '0.83',
      '52.6',
    ]);
  });

  it('shows a dash for what is not a finite number', () => {
    const formatters = [format.percent, format.count, format.shortCount, format.bytes, format.significant];
    for (const formatter of [...formatters, format.sharePercent])
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) expect(formatter(value)).toBe(format.MISSING);
  });

  it('never writes a negative zero', () => {
    expect(format.percent(-1e-9)).toBe('0.00');
  });
});

describe('text from data', () => {
  it('makes terminal escapes, line breaks and direction overrides visible', () => {
    expect(format.plain('a\u001B[31mb\nc\u202Ed')).toBe('a\uFFFD[31mb c\uFFFDd');
    expect(format.plain('\uD800')).toBe('\uFFFD');
    expect(format.plain('鶴 Ä')).toBe('鶴 Ä');
  });

  it('shortens by what a reader sees as a character', () => {
    expect(format.shorten('abcdef', 4)).toBe('abc…');
    expect(format.shorten('👩‍👩‍👧‍👦👩‍👩‍👧‍👦', 2)).toBe('👩‍👩‍👧‍👦👩‍👩‍👧‍👦');
    expect(format.shorten('👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦', 2)).toBe('👩‍👩‍👧‍👦…');
  });
});
