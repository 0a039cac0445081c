import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatHead, parseHead } from './parse.ts';
import { headKinds, headSpec, type HeadSpec } from './spec.ts';

const scale = fc.oneof(
  fc.constant('learned' as const),
  fc.double({ min: 1e-6, max: 1e6, noNaN: true }).filter((value) => value > 0),
);
const crossEntropy = fc.record({ loss: fc.constant('cross-entropy' as const), scale, bias: fc.boolean() });
const cosine = fc.record({
  loss: fc.constant('cosine' as const),
  scale: fc.double({ min: 0.1, max: 100, noNaN: true }),
  bias: fc.constant(false),
});
const seed = fc.maxSafeInteger();
const specs: fc.Arbitrary<HeadSpec> = fc
  .oneof(
    fc.tuple(fc.constantFrom(...headKinds), crossEntropy, seed),
    fc.tuple(fc.constantFrom('hadamard' as const, 'orthonormal' as const), cosine, seed),
  )
  .map(([kind, options, value]) => headSpec(kind, kind === 'orthonormal' ? { ...options, seed: value } : options));

describe('formatHead', () => {
  test('is undone by parseHead', () => {
    fc.assert(
      fc.property(specs, (spec) => {
        expect(parseHead(formatHead(spec))).toEqual(spec);
      }),
    );
  });

  test.each([
    ['learned', 'learned'],
    ['hadamard:scale=learned:bias=on:loss=cross-entropy', 'hadamard'],
    ['hadamard:bias=off:scale=10', 'hadamard:scale=10:bias=off'],
    ['orthonormal:seed=0', 'orthonormal'],
    ['orthonormal:loss=cosine:seed=-3', 'orthonormal:loss=cosine:seed=-3'],
    [' learned:scale=learned ', 'learned:scale=learned'],
    ['hadamard:loss=cosine:scale=1:bias=off', 'hadamard:loss=cosine'],
  ])('%s is written %s', (text, short) => {
    expect(formatHead(parseHead(text))).toBe(short);
  });
});

describe('headSpec', () => {
  test('leaves the learned head affine and gives fixed heads a learned scale and a bias', () => {
    expect(headSpec('learned')).toEqual({ kind: 'learned', scale: 1, bias: true, loss: 'cross-entropy' });
    expect(headSpec('hadamard')).toEqual({ kind: 'hadamard', scale: 'learned', bias: true, loss: 'cross-entropy' });
    expect(headSpec('orthonormal')).toMatchObject({ seed: 0, scale: 'learned', bias: true });
    expect(headSpec('hadamard', { loss: 'cosine' })).toMatchObject({ scale: 1, bias: false });
  });
});

describe('parseHead refuses', () => {
  test.each([
    ['hadamrd', 'unknown head hadamrd; choose from learned, hadamard, orthonormal; did you mean hadamard?'],
    ['', 'unknown head ; choose from learned, hadamard, orthonormal'],
    [
      'hadamard:',
      'head hadamard:: option without a value; expected NAME or NAME:option=value, as in hadamard:scale=10:bias=off',
    ],
    ['hadamard:bias', 'head hadamard:bias: option without a value'],
    ['hadamard:scale=', 'head hadamard:scale=: not a number'],
    ['hadamard:scale=ten', 'head hadamard:scale=ten: not a number; received ten'],
    ['hadamard:scale=Infinity', 'head hadamard:scale=Infinity: not a number; received Infinity'],
    ['hadamard:scale=0', 'head hadamard: scale must be positive; received 0'],
    ['learned:scale=-2', 'head learned: scale must be positive; received -2'],
    ['hadamard:scale=1=2', 'head hadamard:scale=1=2: not a number; received 1=2'],
    ['hadamard:scale=1:scale=2', 'head hadamard:scale=1:scale=2: option scale is given twice'],
    ['hadamard:bias=yes', 'head hadamard:bias=yes: not a switch; received yes; choose from on, off'],
    [
      'hadamard:loss=hinge',
      'head hadamard:loss=hinge: unknown loss; received hinge; choose from cross-entropy, cosine',
    ],
    ['hadamard:seed=1', 'head hadamard:seed=1: only an orthonormal head has a seed'],
    ['orthonormal:seed=1.5', 'head orthonormal:seed=1.5: a seed is an integer; received 1.5'],
    [
      'hadamard:scal=1',
      'head hadamard:scal=1: unknown option scal; choose from scale, bias, loss, seed; did you mean scale?',
    ],
    [
      'learned:loss=cosine',
      'head learned: the cosine loss needs fixed class vectors; learned vectors would all collapse onto one; use hadamard or orthonormal',
    ],
    ['hadamard:loss=cosine:bias=on', 'head hadamard: the cosine loss trains neither scale nor bias; leave them out'],
    ['orthonormal:loss=cosine:scale=learned', 'head orthonormal: the cosine loss trains neither scale nor bias'],
  ])('%s', (text, message) => {
    expect(() => parseHead(text)).toThrow(message);
  });
});
