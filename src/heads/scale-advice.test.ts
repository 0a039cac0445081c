import { describe, expect, it } from 'vitest';
import { cosineStatistics } from './cosines.ts';
import { vectorsOf } from './geometry.ts';
import { cosetGeometry, hadamardGeometry } from './hadamard.ts';
import { alignedLoss, REACHABLE_LOSS, scaleAdvice, scaleReaching } from './scale-advice.ts';
import { simplexGeometry } from './simplex.ts';

const rows = cosineStatistics(vectorsOf(hadamardGeometry({ classes: 50, features: 64, sign: 'signed' })), 64);
const simplex = cosineStatistics(vectorsOf(simplexGeometry({ classes: 11, features: 12, sign: 'signed' })), 12);

/** −log softmax of the own class for features along each class vector, from all logits. */
function lossesOf(vectors: Float32Array, features: number, scale: number): number[] {
  const count = vectors.length / features;
  return Array.from({ length: count }, (_, own) => {
    const logits = Array.from({ length: count }, (_, other) => {
      let product = 0;
      for (let k = 0; k < features; k++)
        product += (vectors[own * features + k] ?? 0) * (vectors[other * features + k] ?? 0);
      return scale * product;
    });
    return Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - (logits[own] ?? 0);
  });
}

describe('alignedLoss', () => {
  it('is log(1 + (C − 1)·e^−α) for orthogonal vectors, and with e^(−αC/(C − 1)) for a simplex', () => {
    for (const scale of [0, 1, 8, 30]) {
      expect(alignedLoss(rows.bins, 50, scale)).toBeCloseTo(Math.log1p(49 * Math.exp(-scale)), 12);
      expect(alignedLoss(simplex.bins, 11, scale)).toBeCloseTo(Math.log1p(10 * Math.exp((-scale * 11) / 10)), 6);
    }
  });

  it('is the softmax loss of features along their class vector, where all classes are alike', () => {
    // Whole Kerdock bases: every vector has the same number of cosines of each size.
    const geometry = cosetGeometry({ classes: 64, features: 16, sign: 'signed', signs: false });
    const vectors = vectorsOf(geometry);
    const { bins } = cosineStatistics(vectors, 16);
    const losses = lossesOf(vectors, 16, 6);
    const exponentials = losses.reduce((sum, loss) => sum + Math.expm1(loss), 0) / losses.length;
    expect(alignedLoss(bins, 64, 6)).toBeCloseTo(Math.log1p(exponentials), 10);
  });
});

describe('scaleReaching', () => {
  it('inverts the loss', () => {
    const scale = scaleReaching(rows.bins, 50, 0.1);
    expect(scale).toBeCloseTo(Math.log(49 / Math.expm1(0.1)), 3);
    expect(alignedLoss(rows.bins, 50, scale ?? 0)).toBeLessThanOrEqual(0.1);
  });

  it('says that no scale tells equal vectors apart', () => {
    const { bins } = cosineStatistics(Float32Array.of(1, 0, 1, 0, 0, 1), 2);
    expect(scaleReaching(bins, 3, 0.1)).toBeNull();
  });
});

it('scaleAdvice puts the start beside what is needed', () => {
  const advice = scaleAdvice({ classes: 50, features: 64, start: 8, learned: true }, rows);
  expect(advice).toMatchObject({ start: 8, learned: true, logitDeviation: 1, logitSpan: 8, logOthers: Math.log(49) });
  expect(advice.needed).toBeCloseTo(6.143, 2);
  expect(advice.losses[0]).toStrictEqual({ scale: 0, loss: Math.log(50) });
  expect(advice.losses.at(-1)?.scale).toBe(12);
  expect(advice.losses.every(({ loss }, place) => place === 0 || loss < (advice.losses[place - 1]?.loss ?? 0))).toBe(
    true,
  );
  expect(REACHABLE_LOSS).toBe(0.1);
});
