import { describe, expect, test } from 'vitest';
import { defined, FixheadError, inputError, internalError, usageError } from './errors.ts';

describe('FixheadError', () => {
  test('says where, what, expected, received, the choices and a hint, in this order', () => {
    const cause = new Error('cause');
    const error = usageError('wrong size', {
      hint: 'try 3',
      legal: ['1', '3'],
      received: '2',
      expected: 'an odd number',
      where: '--size',
      cause,
    });
    expect(error.message).toBe('--size: wrong size; expected an odd number, received 2; choose from 1, 3; try 3');
    expect(error).toBeInstanceOf(FixheadError);
    expect([error.kind, error.name, error.cause, error.fields.hint]).toEqual(['usage', 'FixheadError', cause, 'try 3']);
    expect(Object.isFrozen(error.fields)).toBe(true);
  });

  test('leaves out what was not given', () => {
    expect(inputError('broken', { legal: [] }).message).toBe('broken');
    expect(inputError('broken', { received: 'x' }).message).toBe('broken; received x');
    expect('cause' in inputError('broken')).toBe(false);
  });

  test('marks our own mistakes', () => {
    expect(internalError('impossible', { where: 'node 3' }).message).toBe('node 3: internal: impossible');
    expect(() => {
      defined(undefined, 'weight');
    }).toThrow('internal: weight is missing');
    expect(defined(0, 'zero')).toBe(0);
  });
});
