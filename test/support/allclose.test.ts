import { describe, expect, test } from 'vitest';
import { expectAllclose } from './allclose.ts';

describe('expectAllclose', () => {
  test('accepts errors up to atol + rtol·|expected|', () => {
    expectAllclose([1.5, 200], [1, 100], { what: 'bounds', rtol: 1, atol: 0 });
    expectAllclose([1.5, 100.5], [1, 100], { what: 'bounds', atol: 0.5 });
    expectAllclose([Infinity, -Infinity], [Infinity, -Infinity], { what: 'infinities' });
    expectAllclose([], [], { what: 'nothing' });
  });

  test('reports the worst element, its index and both values', () => {
    expect(() => {
      expectAllclose([1, 2.5, 3, 8], [1, 2, 3, 4], { what: 'sums', rtol: 0.1, atol: 0.01, shape: [2, 2] });
    }).toThrow('sums: max error 4 at [1, 1]: actual 8, expected 4; 2 of 4 elements outside rtol 0.1, atol 0.01');
    expect(() => {
      expectAllclose([0, 2.5], [0, 2], { what: 'flat' });
    }).toThrow('flat: max error 0.5 at 1: actual 2.5, expected 2; 1 of 2 elements');
  });

  test('rejects an error just outside the bound', () => {
    expect(() => {
      expectAllclose([1.0001], [1], { what: 'tight', rtol: 1e-5 });
    }).toThrow('tight: max error');
  });

  test.each([
    ['NaN', [NaN], [1]],
    ['NaN where NaN was expected', [NaN], [NaN]],
    ['infinity', [Infinity], [1]],
    ['the wrong infinity', [Infinity], [-Infinity]],
    ['a number where infinity was expected', [1], [Infinity]],
  ])('rejects %s', (_, actual, expected) => {
    expect(() => {
      expectAllclose(actual, expected, { what: 'special', rtol: 10, atol: 10 });
    }).toThrow(/special: max error (NaN|Infinity) at 0/);
  });

  test('rejects different lengths', () => {
    expect(() => {
      expectAllclose([1, 2], [1], { what: 'length' });
    }).toThrow('length: 2 elements, expected 1');
  });
});
