import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  broadcastShapes,
  formatShape,
  isStatic,
  normalizeAxis,
  sameShape,
  sizeOf,
  staticShape,
  stridesOf,
} from './shape.ts';
import { bytesOf, bytesPerElement, float32, int32, int64, tensor, tensorFromBytes } from './tensor.ts';

describe('shapes', () => {
  test('broadcast as NumPy does', () => {
    expect(broadcastShapes([2, 3], [3], 'test')).toEqual([2, 3]);
    expect(broadcastShapes([4, 1, 3], [2, 1], 'test')).toEqual([4, 2, 3]);
    expect(broadcastShapes([], [5], 'test')).toEqual([5]);
    expect(broadcastShapes(['batch', 3], [1, 3], 'test')).toEqual(['batch', 3]);
    expect(broadcastShapes([1], ['batch'], 'test')).toEqual(['batch']);
    expect(broadcastShapes([0], [1], 'test')).toEqual([0]);
    expect(() => broadcastShapes([2, 3], [2], 'Add')).toThrow('Add: shapes do not broadcast; received [2, 3] and [2]');
    expect(() => broadcastShapes(['batch'], [7], 'Add')).toThrow(
      'Add: shapes do not broadcast; received [batch] and [7]',
    );
  });

  test('broadcasting is symmetric and keeps a shape with itself', () => {
    const shape = fc.array(fc.constantFrom(1, 2, 3), { maxLength: 4 });
    const attempt = (a: number[], b: number[]): string => {
      try {
        return formatShape(broadcastShapes(a, b, ''));
      } catch {
        return 'refused';
      }
    };
    fc.assert(
      fc.property(shape, shape, (a, b) => {
        expect(attempt(a, b)).toBe(attempt(b, a));
        expect(attempt(a, a)).toBe(formatShape(a));
      }),
    );
  });

  test('strides, sizes and axes', () => {
    expect(stridesOf([2, 3, 4])).toEqual([12, 4, 1]);
    expect(stridesOf([])).toEqual([]);
    expect([sizeOf([]), sizeOf([2, 0]), sizeOf([2, 3])]).toEqual([1, 0, 6]);
    expect([normalizeAxis(-1, 3, ''), normalizeAxis(0, 1, '')]).toEqual([2, 0]);
    for (const axis of [3, -4, 0.5, NaN])
      expect(() => normalizeAxis(axis, 3, 'Concat')).toThrow(
        `Concat: axis out of range; expected an integer in [-3, 2], received ${axis}`,
      );
    expect(sameShape(['batch', 2], ['batch', 2]) && !sameShape([2], [2, 1])).toBe(true);
    expect(isStatic(['batch'])).toBe(false);
    expect(staticShape([2, 3], '')).toEqual([2, 3]);
    expect(() => staticShape(['batch', 3], 'images')).toThrow('images: shape must be known; received [batch, 3]');
  });
});

describe('tensors', () => {
  test('must hold as many elements as their shape says', () => {
    expect(() => float32([2, 3], [1, 2])).toThrow(
      'tensor data does not fit its shape; expected 6 elements for [2, 3], received 2',
    );
    expect(float32([], [5]).data).toEqual(Float32Array.of(5));
    expect(int64([2], [2 ** 53 - 1, -1]).data).toEqual(BigInt64Array.of(9007199254740991n, -1n));
    expect(int32([1], [7]).data).toEqual(Int32Array.of(7));
  });

  test('are frozen, and keep the array that they were made of', () => {
    const data = Float32Array.of(1, 2);
    const value = float32([2], data);
    expect([Object.isFrozen(value), Object.isFrozen(value.shape), value.data === data]).toEqual([true, true, true]);
  });

  test('survive the way to bytes and back at any alignment', () => {
    fc.assert(
      fc.property(fc.array(fc.float()), fc.integer({ min: 0, max: 7 }), (values, offset) => {
        const original = float32([values.length], values);
        const bytes = new Uint8Array(original.data.byteLength + offset);
        bytes.set(bytesOf(original), offset);
        const copy = tensorFromBytes('float32', [values.length], bytes.subarray(offset));
        expect(copy).toEqual(original);
        expect(copy.data.buffer).not.toBe(bytes.buffer);
      }),
    );
  });

  test('are little-endian bytes', () => {
    expect([...bytesOf(tensor('uint16', [2], Uint16Array.of(1, 0x1234)))]).toEqual([1, 0, 0x34, 0x12]);
    expect([bytesPerElement('float16'), bytesPerElement('int64'), bytesPerElement('bool')]).toEqual([2, 8, 1]);
    expect(() => tensorFromBytes('int64', [2], new Uint8Array(8))).toThrow(
      'tensor bytes do not fit its shape; expected 16 bytes for int64[2], received 8',
    );
  });
});
