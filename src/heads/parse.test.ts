import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatHead, parseHead } from './parse.ts';
import { hasBias, headKinds, headSpec, ownOptions, type HeadChoices, type HeadKind, type HeadSpec } from './spec.ts';

const scale = fc.oneof(
  fc.constant('learned' as const),
  fc.double({ min: 1e-6, max: 1e6, noNaN: true }).filter((value) => value > 0),
);
const margin = fc.oneof(
  fc.constant(undefined),
  fc.record({ kind: fc.constant('cosface' as const), value: fc.double({ min: 1e-9, max: 0.999, noNaN: true }) }),
  fc.record({ kind: fc.constant('arcface' as const), value: fc.double({ min: 1e-9, max: 1.57, noNaN: true }) }),
);
const crossEntropy = fc.record({
  loss: fc.constant('cross-entropy' as const),
  scale,
  bias: fc.constantFrom(true, false, 'auto' as const),
  center: fc.constantFrom('auto' as const, 'batch-norm' as const, 'none' as const),
  margin,
});
const cosineLoss = fc.record({
  loss: fc.constant('cosine' as const),
  scale: fc.double({ min: 0.1, max: 100, noNaN: true }),
  bias: fc.constant(false),
});
/** Paths with what could be taken for options in them. */
const file = fc
  .array(
    fc.oneof(fc.string(), fc.constantFrom(':', '::', ':scale=', ':file=', 'C:\\vectors.npy', '=', 'größe/', 'a b')),
    {
      minLength: 1,
      maxLength: 6,
    },
  )
  .map((parts) => parts.join('').trim())
  .filter((path) => path !== '');
const own = fc.record({
  seed: fc.maxSafeInteger(),
  directions: fc.constantFrom('signs' as const, 'gaussian' as const),
  exact: fc.boolean(),
  signs: fc.boolean(),
  file,
});

function specOf(kind: HeadKind, shared: HeadChoices, all: Required<Pick<HeadChoices, 'file'>> & HeadChoices): HeadSpec {
  const mine: readonly string[] = ownOptions[kind];
  const { margin: _margin, center, ...rest } = shared;
  // A learned head normalises nothing, so it has neither margin nor centring.
  const fitting =
    kind === 'learned' ? { ...rest, center: center === 'batch-norm' ? ('none' as const) : (center ?? 'auto') } : shared;
  return headSpec(kind, {
    ...fitting,
    ...Object.fromEntries(Object.entries(all).filter(([option]) => mine.includes(option))),
  });
}

const fixedKinds = headKinds.filter((kind) => kind !== 'learned' && kind !== 'cosine');
const specs: fc.Arbitrary<HeadSpec> = fc
  .oneof(
    fc.tuple(fc.constantFrom(...headKinds), crossEntropy, own),
    fc.tuple(fc.constantFrom(...fixedKinds), cosineLoss, own),
  )
  .map(([kind, shared, all]) => specOf(kind, shared, all));

describe('formatHead', () => {
  test('is undone by parseHead', () => {
    fc.assert(
      fc.property(specs, (spec) => {
        expect(parseHead(formatHead(spec))).toEqual(spec);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['learned', 'learned'],
    ['hadamard:scale=learned:bias=auto:loss=cross-entropy:center=auto:exact=off', 'hadamard'],
    ['hadamard:bias=off:scale=10', 'hadamard:scale=10:bias=off'],
    ['orthonormal:seed=0', 'orthonormal'],
    ['orthonormal:loss=cosine:seed=-3', 'orthonormal:loss=cosine:seed=-3'],
    [' learned:scale=learned ', 'learned:scale=learned'],
    ['learned:bias=auto', 'learned:bias=auto'],
    ['hadamard:loss=cosine:scale=1:bias=off', 'hadamard:loss=cosine'],
    ['hadamard:bias=on', 'hadamard:bias=on'],
    ['hadamard:exact=on', 'hadamard:exact=on'],
    ['random:seed=3:directions=gaussian', 'random:directions=gaussian:seed=3'],
    [
      'coset:signs=on:scale=10:bias=off:center=bn:cosface=0.2',
      'coset:scale=10:bias=off:center=bn:cosface=0.2:signs=on',
    ],
    ['coset:center=batch-norm', 'coset:center=bn'],
    ['cosine:arcface=0.5', 'cosine:arcface=0.5'],
    ['custom:file=vectors.npy', 'custom:file=vectors.npy'],
    ['custom:scale=10:file=C:\\a b\\vectors.npy:bias=off', 'custom:file=C:\\a b\\vectors.npy:scale=10:bias=off'],
    ['custom:file=data/n=3:x.csv', 'custom:file=data/n=3:x.csv'],
  ])('%s is written %s', (text, short) => {
    expect(formatHead(parseHead(text))).toBe(short);
  });

  test('doubles the colons of a path only where it could be read otherwise', () => {
    const path = 'odd:scale=2.npy';
    const text = formatHead(headSpec('custom', { file: path, scale: 3 }));
    expect(text).toBe('custom:file=odd::scale=2.npy:scale=3');
    expect(parseHead(text)).toMatchObject({ file: path, scale: 3 });
  });
});

describe('headSpec', () => {
  test('leaves the learned head affine and gives heads of cosines a learned scale and a bias', () => {
    const shared = { center: 'auto', margin: undefined, loss: 'cross-entropy' };
    expect(headSpec('learned')).toEqual({ kind: 'learned', scale: 1, bias: true, ...shared });
    for (const kind of ['cosine', 'biorthogonal', 'simplex'] as const) {
      expect(headSpec(kind)).toEqual({ kind, scale: 'learned', bias: 'auto', ...shared });
    }
    expect(headSpec('hadamard')).toMatchObject({ exact: false, scale: 'learned', bias: 'auto' });
    expect(headSpec('orthonormal')).toMatchObject({ seed: 0, scale: 'learned', bias: 'auto' });
    expect(headSpec('random')).toMatchObject({ seed: 0, directions: 'signs' });
    expect(headSpec('coset')).toMatchObject({ signs: false });
    expect(headSpec('hadamard', { loss: 'cosine' })).toMatchObject({ scale: 1, bias: false });
  });

  test('has a bias up to 1000 classes unless told', () => {
    expect([10, 1000, 1001, 60_000].map((classes) => hasBias(headSpec('coset'), classes))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(hasBias(headSpec('coset', { bias: true }), 60_000)).toBe(true);
    expect(hasBias(headSpec('coset', { bias: false }), 10)).toBe(false);
    expect(hasBias(headSpec('learned'), 60_000)).toBe(true);
  });

  test('refuses options of another kind, a seed that is no integer and a custom head without a file', () => {
    expect(() => headSpec('hadamard', { seed: 1 })).toThrow(
      'a hadamard head has no option seed; choose from scale, bias, loss, center, margin, exact',
    );
    expect(() => headSpec('random', { seed: 0.5 })).toThrow('head random: a seed is an integer; received 0.5');
    expect(() => headSpec('custom')).toThrow(
      'head custom: a custom head needs the file of its class vectors; expected custom:file=PATH with one row of numbers for each class',
    );
    expect(() => headSpec('custom', { file: ' x' })).toThrow('received " x"');
  });
});

const kinds = 'learned, cosine, hadamard, biorthogonal, simplex, orthonormal, random, coset, custom';
const sharedOptions = 'scale, bias, loss, center, cosface, arcface';

describe('parseHead refuses', () => {
  test.each([
    ['hadamrd', `unknown head hadamrd; choose from ${kinds}; did you mean hadamard?`],
    ['simplx:scale=1', `unknown head simplx; choose from ${kinds}; did you mean simplex?`],
    ['', `unknown head ; choose from ${kinds}`],
    [
      'hadamard:',
      'head hadamard:: option without a value; expected NAME or NAME:option=value, as in hadamard:scale=10:bias=off',
    ],
    ['hadamard:bias', 'head hadamard:bias: option without a value'],
    ['hadamard:bias:scale=1', 'head hadamard:bias:scale=1: option without a value'],
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
    [
      'hadamard:center=norm',
      'head hadamard:center=norm: unknown centring; received norm; choose from auto, bn, none; did you mean none?',
    ],
    [
      'random:directions=gausian',
      'unknown directions; received gausian; choose from signs, gaussian; did you mean gaussian?',
    ],
    [
      'hadamard:seed=1',
      `head hadamard:seed=1: a hadamard head has no option seed; choose from ${sharedOptions}, exact`,
    ],
    ['simplex:signs=on', `head simplex:signs=on: a simplex head has no option signs; choose from ${sharedOptions}`],
    ['orthonormal:seed=1.5', 'head orthonormal:seed=1.5: a seed is an integer; received 1.5'],
    [
      'hadamard:scal=1',
      `head hadamard:scal=1: unknown option scal; choose from ${sharedOptions}, exact; did you mean scale?`,
    ],
    [
      'learned:loss=cosine',
      'head learned: the cosine loss needs fixed class vectors; learned vectors would all collapse onto one; use hadamard or another fixed head',
    ],
    ['cosine:loss=cosine', 'head cosine: the cosine loss needs fixed class vectors'],
    ['hadamard:loss=cosine:bias=on', 'head hadamard: the cosine loss trains neither scale nor bias; leave them out'],
    ['hadamard:loss=cosine:bias=auto', 'head hadamard: the cosine loss trains neither scale nor bias; leave them out'],
    ['orthonormal:loss=cosine:scale=learned', 'head orthonormal: the cosine loss trains neither scale nor bias'],
    ['learned:center=bn', 'head learned: a learned head takes features as they are'],
    ['learned:cosface=0.2', 'head learned: a margin needs cosines, and a learned head has none'],
    ['coset:loss=cosine:cosface=0.2', 'head coset: a margin belongs to the cross-entropy loss'],
    ['coset:cosface=0', 'head coset: cosface margin out of range; expected a cosine above 0 and below 1, received 0'],
    ['coset:cosface=1', 'cosface margin out of range'],
    [
      'coset:arcface=1.6',
      'head coset: arcface margin out of range; expected an angle above 0 and below π/2 = 1.5708 (radians), received 1.6',
    ],
    ['coset:arcface=-0.1', 'arcface margin out of range'],
    ['coset:cosface=0.2:arcface=0.3', 'head coset:cosface=0.2:arcface=0.3: two margins at once'],
    ['custom', 'head custom: a custom head needs the file of its class vectors'],
    ['custom:file=', 'a custom head needs the file of its class vectors'],
  ])('%s', (text, message) => {
    expect(() => parseHead(text)).toThrow(message);
  });
});
