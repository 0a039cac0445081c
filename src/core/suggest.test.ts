import { describe, expect, test } from 'vitest';
import { nearestOf } from './suggest.ts';

describe('nearestOf', () => {
  test.each([
    ['hadamrad', 'did you mean hadamard?'],
    ['lerned', 'did you mean learned?'],
    ['orthogonal', undefined],
    ['', undefined],
  ])('%s', (given, hint) => {
    expect(nearestOf(given, ['learned', 'hadamard']).hint).toBe(hint);
  });

  test('has no hint without choices', () => {
    expect(nearestOf('x', [])).toEqual({});
  });
});
