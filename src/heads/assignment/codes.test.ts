import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomStream, permutation } from '../../core/random.ts';
import { createBackbone } from '../../models/registry.ts';
import { vectorsOf } from '../geometry.ts';
import { createModel, type Model } from '../model.ts';
import { parseHead } from '../parse.ts';
import { canAssign, codesName, codesTensor, modelWithStoredCodes, poolGeometry, withCodes } from './codes.ts';

const image = { channels: 1, height: 8, width: 8 };
const modelOf = (head: string, classes: number, features = 16): Model =>
  createModel(createBackbone(`resnet8:features=${features}`, image), parseHead(head), classes);

const heads = [
  'hadamard',
  'coset',
  'coset:signs=on',
  'biorthogonal',
  'random',
  'random:directions=gaussian',
  'hadamard:center=bn',
];

describe('the pool of vectors', () => {
  test.each([
    // ±rows of one matrix, without the constant one.
    ['hadamard', 10, 16, 30],
    ['biorthogonal', 20, 16, 30],
    ['biorthogonal', 32, 16, 32],
    // The bases that 100 classes need, with their negatives.
    ['hadamard', 100, 16, 2 * 16 * 7],
    ['coset', 100, 16, 2 * 16 * 7],
    ['coset:signs=on', 100, 16, 2 * 16 * 7],
    ['random', 100, 16, 200],
    // One vector a class, which may change places.
    ['orthonormal', 10, 16, 10],
    ['simplex', 10, 16, 10],
  ])('of %s with %i classes on %i features has %i', (head, classes, features, slots) => {
    expect(poolGeometry(modelOf(head, classes, features)).slots).toBe(slots);
  });

  test('a coset head that uses every vector has no more to offer', () => {
    expect(poolGeometry(modelOf('coset', 8, 4)).slots).toBe(16);
    const largest = poolGeometry(modelOf('coset:signs=on', 16, 4)).capacity;
    expect(poolGeometry(modelOf('coset:signs=on', largest, 4)).slots).toBe(largest);
  });

  test.each(['learned', 'cosine'])('a %s head has none', (head) => {
    expect(canAssign(parseHead(head))).toBe(false);
    expect(() => poolGeometry(modelOf(head, 10))).toThrow('classes can be assigned to fixed vectors only');
  });
});

describe('an assigned model', () => {
  const codesFor = (model: Model, seed: number): Uint32Array =>
    Uint32Array.from(permutation(poolGeometry(model).slots, randomStream(seed, 'test')).slice(0, model.head.classes));

  test('has the vectors that were chosen, and the same parameters', () => {
    fc.assert(
      fc.property(fc.constantFrom(...heads), fc.integer({ min: 2, max: 30 }), fc.nat(), (head, classes, seed) => {
        const model = modelOf(head, classes);
        const codes = codesFor(model, seed);
        const chosen = withCodes(model, codes);
        const pool = vectorsOf(poolGeometry(model));
        const own = vectorsOf(chosen.head.geometry ?? poolGeometry(model));
        codes.forEach((slot, index) => {
          expect(own.subarray(index * 16, (index + 1) * 16)).toEqual(pool.subarray(slot * 16, (slot + 1) * 16));
        });
        expect(chosen.head.centred).toBe(model.head.centred);
        expect(chosen.head.name).toBe(model.head.name);
      }),
      { numRuns: 40 },
    );
  });

  test('can be assigned again from the same pool', () => {
    const model = modelOf('coset', 30);
    const once = withCodes(model, codesFor(model, 1));
    expect(poolGeometry(once).slots).toBe(poolGeometry(model).slots);
    const again = withCodes(once, codesFor(model, 2));
    expect(again.head.geometry?.codes).toEqual(codesFor(model, 2));
  });

  test('comes back from the tensors of a checkpoint', () => {
    const model = modelOf('coset', 30);
    expect(codesTensor(model)).toBeUndefined();
    expect(modelWithStoredCodes(model, new Map())).toBe(model);
    const chosen = withCodes(model, codesFor(model, 3));
    const stored = codesTensor(chosen);
    expect(stored).toBeDefined();
    const weights = new Map(stored === undefined ? [] : [[codesName, stored]]);
    expect(modelWithStoredCodes(model, weights).head.geometry?.codes).toEqual(codesFor(model, 3));
  });

  test('refuses the same vector twice, and one that is not there', () => {
    const model = modelOf('coset', 4);
    expect(() => withCodes(model, Uint32Array.of(1, 2, 1, 3))).toThrow('different vectors of the geometry');
    expect(() => withCodes(model, Uint32Array.of(1, 2, 3, 10_000))).toThrow('different vectors of the geometry');
  });
});
