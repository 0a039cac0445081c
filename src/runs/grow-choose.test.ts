import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseBias, chooseSlot, meanFeature, topSlots, type Probed } from './grow-choose.ts';

const margins = fc
  .array(fc.integer({ min: -8, max: 8 }), { minLength: 1, maxLength: 12 })
  .map((values) => Float64Array.from(values).sort());

describe('chooseBias', () => {
  it('is the best of all biases, found by trying one between any two margins', () => {
    fc.assert(
      fc.property(margins, margins, fc.integer({ min: 0, max: 5 }), (fresh, right, wrong) => {
        const old = { margins: right, count: right.length + wrong };
        const value = (bias: number): number =>
          fresh.filter((m) => bias > m).length / fresh.length + right.filter((m) => bias <= m).length / old.count;
        const tried = Array.from({ length: 41 }, (_, index) => value(index / 2 - 10));
        const { bias, recall, kept } = chooseBias(fresh, old);
        expect(value(bias)).toBeCloseTo(Math.max(...tried), 12);
        expect(recall + (kept ?? NaN)).toBeCloseTo(value(bias), 12);
      }),
    );
  });

  it('lies in the middle of the gap between new and old images', () => {
    const old = { margins: Float64Array.of(5, 6), count: 2 };
    expect(chooseBias(Float64Array.of(0, 1), old)).toEqual({ bias: 3, recall: 1, kept: 1 });
  });

  it('is the median margin of the new images where there are no old ones', () => {
    expect(chooseBias(Float64Array.of(-1, 0, 4))).toEqual({ bias: 0, recall: 1 / 3, kept: undefined });
  });
});

describe('topSlots', () => {
  it('gives the slots of greatest value, of equal ones the lower', () => {
    expect(topSlots(Uint32Array.of(0, 2, 3, 4, 5), [1, 9, 4, 7, 4, 7], 3)).toEqual([3, 5, 2]);
  });
});

describe('chooseSlot', () => {
  const axis = (place: number): Float32Array => Float32Array.from({ length: 4 }, (_, k) => (k === place ? 1 : 0));
  const probed = (rows: readonly (readonly number[])[], best: number): Probed => ({
    count: rows.length,
    features: Float32Array.from(rows.flat()),
    best: new Float32Array(rows.length).fill(best),
    correct: new Uint8Array(rows.length).fill(1),
  });
  const head = { scale: 10, biased: true, vector: axis };
  const fresh = {
    probed: probed(
      [
        [0, 0.8, 0.6, 0],
        [0, 0.6, 0.8, 0],
      ],
      0,
    ),
    cosines: Float32Array.of(0, 0.7, 0.7, 0),
  };

  it('takes the nearest vector without old images', () => {
    expect(chooseSlot(Uint32Array.of(3, 2), head, fresh, undefined)).toMatchObject({ slot: 2 });
  });

  it('takes the one that tells new images from old ones where both are near', () => {
    // The old images lie along axis 1, as near to it as the new ones.
    const old = { probed: probed([[0, 1, 0, 0]], 0), cosines: Float32Array.of(0, 1, 0, 0) };
    const choice = chooseSlot(Uint32Array.of(1, 2, 3), head, fresh, old);
    expect(choice).toMatchObject({ slot: 2, recall: 1, kept: 1 });
    expect(choice.cosine).toBeCloseTo(0.7, 6);
  });

  it('takes no bias where the head has none', () => {
    const choice = chooseSlot(Uint32Array.of(1), { ...head, biased: false }, fresh, undefined);
    expect(choice).toMatchObject({ bias: 0, recall: 1 });
  });
});

describe('meanFeature', () => {
  const of = (features: readonly number[]): Probed => ({
    count: 1,
    features: Float32Array.from(features),
    best: new Float32Array(1),
    correct: new Uint8Array(1),
  });

  it('refuses features that are no numbers, and a network without any', () => {
    expect(() => meanFeature(of([NaN, 1]), 2)).toThrow(/features that are no numbers.*diverged/);
    expect(() => meanFeature(of([0, 0]), 2)).toThrow(/gives no features.*all are 0/);
  });
});
