import { describe, expect, it } from 'vitest';
import type { HeadDescription } from './description.ts';
import { headToJson, readHead } from './head-json.ts';

const full: HeadDescription = {
  kind: 'hadamard',
  features: 6,
  classes: 3,
  order: 4,
  diagonals: 'given',
  signs: Uint8Array.of(0, 5),
  bases: 2,
  antipodal: true,
  firstColumn: 0,
  firstRow: 1,
  centred: false,
  scale: Math.fround(7.3),
  bias: Float32Array.of(1.5, -3.25e-20, Math.fround(0.1)),
  codes: Uint32Array.of(9, 2 ** 32 - 1, 0),
  gain: Float32Array.of(1, 2, 3, 4, 5, 6),
  shift: new Float32Array(6),
};

const through = (description: HeadDescription): HeadDescription =>
  readHead(JSON.parse(JSON.stringify(headToJson(description))));

describe('head.json', () => {
  it('gives back every field, number for number', () => {
    expect(through(full)).toStrictEqual(full);
    const small: HeadDescription = { kind: 'hadamard', features: 8, classes: 4 };
    expect(through(small)).toStrictEqual(small);
  });

  it('holds arrays as base64 of little-endian bytes, as another program can read them', () => {
    const { bias, codes } = headToJson({ ...full, bias: Float32Array.of(1), codes: Uint32Array.of(258) });
    // 1 is 0x3f800000 (IEEE 754); 258 is 0x102.
    expect(bias).toEqual({ type: 'float32', base64: Buffer.from([0, 0, 0x80, 0x3f]).toString('base64') });
    expect(codes).toEqual({ type: 'uint32', base64: Buffer.from([2, 1, 0, 0]).toString('base64') });
  });

  const json = headToJson(full);
  it.each<readonly [string, unknown, string]>([
    ['no object', null, 'not a description of a head; expected JSON with "format": "fixhead head" and "version": 1'],
    ['labels', ['cat', 'dog'], 'received no format, no version; fixhead export RUN --split FOLDER writes one'],
    ['another version', { ...json, version: 2 }, 'received "fixhead head", 2'],
    ['text for a number', { ...json, classes: '3' }, 'classes: of another type; expected number, received "3"'],
    [
      'an array of another type',
      { ...json, bias: json['codes'] },
      'bias: not an array of the head; expected {"type": "float32"',
    ],
    ['plain numbers', { ...json, codes: [1, 2] }, 'codes: not an array of the head; expected {"type": "uint32"'],
    ['no base64', { ...json, bias: { type: 'float32', base64: '*' } }, 'bias: not base64; received *'],
    [
      'half a number',
      { ...json, bias: { type: 'float32', base64: 'AAAA' } },
      'bias: cut off; expected a multiple of 4 bytes, received 3',
    ],
  ])('refuses %s', (_what, given, message) => {
    expect(() => readHead(given)).toThrow(message);
  });
});
