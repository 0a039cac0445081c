import { describe, expect, test } from 'vitest';
import { evaluateHead, initialHeadWeights, logitsGraph } from '../../test/support/head-graph.ts';
import { randomStream, type RandomStream } from '../core/random.ts';
import { createHead } from './head.ts';
import { parseHead } from './parse.ts';

/**
 * Class vectors must not prefer a class before anything is learned. Non-negative features, as every ReLU network has, all lie
 * near the constant direction, so a class vector with a component along it would win for every image, or for none.
 */
const [FEATURES, CLASSES, SAMPLES] = [64, 10, 1000];

/** Non-negative features of three kinds, one vector at a time. */
const featureKinds = {
  'absolute Gaussian': (random: RandomStream) => Math.abs(random.normal()),
  'ReLU of a Gaussian': (random: RandomStream) => Math.max(0, random.normal()),
  'average of 16 ReLUs': (random: RandomStream) => {
    let sum = 0;
    for (let k = 0; k < 16; k++) sum += Math.max(0, random.normal());
    return sum / 16;
  },
} as const;

function samples(kind: keyof typeof featureKinds): Float64Array {
  const random = randomStream('feature sign', kind);
  return new Float64Array(SAMPLES * FEATURES).map(() => featureKinds[kind](random));
}

/** How often each of the C scores of a sample is its largest. */
function wins(scores: Float64Array): number[] {
  const counts = new Array<number>(CLASSES).fill(0);
  for (let row = 0; row < SAMPLES; row++) {
    const own = scores.subarray(row * CLASSES, (row + 1) * CLASSES);
    const best = own.indexOf(Math.max(...own));
    counts[best] = (counts[best] ?? 0) + 1;
  }
  return counts;
}

/** Pearson's χ² of win counts against equal shares. */
function chiSquare(counts: readonly number[]): number {
  const expected = SAMPLES / CLASSES;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

/**
 * χ² with 9 degrees of freedom exceeds this once in 10⁴ under equal shares (the draws are fixed, so it does not flicker). A dead
 * class alone adds SAMPLES/CLASSES = 100, a class that wins everything adds 9000.
 */
const CHANCE = 33.7;

describe.each(Object.keys(featureKinds) as (keyof typeof featureKinds)[])('%s features', (kind) => {
  const x = { shape: [SAMPLES, FEATURES], data: samples(kind) };

  test('every class of a hadamard head wins equally often', () => {
    const head = createHead(parseHead('hadamard'), { classes: CLASSES, features: FEATURES, sign: 'non-negative' });
    const counts = wins(evaluateHead(logitsGraph(head, initialHeadWeights(head)), x).data);
    expect(chiSquare(counts)).toBeLessThan(CHANCE);
  });

  test('every class of an orthonormal head wins equally often', () => {
    for (const seed of [0, 1]) {
      const spec = parseHead(`orthonormal:seed=${seed}`);
      const head = createHead(spec, { classes: CLASSES, features: FEATURES, sign: 'non-negative' });
      const counts = wins(evaluateHead(logitsGraph(head, initialHeadWeights(head)), x).data);
      expect(chiSquare(counts)).toBeLessThan(CHANCE);
    }
  });

  test.each([1, -1])('the same measurement finds the constant row, times %s', (sign) => {
    // Rows 0 … 9 of Sylvester's matrix, the constant row 0 among them: what a plain truncation would use.
    const parity = (bits: number): number => (bits === 0 ? 0 : (bits & 1) ^ parity(bits >> 1));
    const scores = new Float64Array(SAMPLES * CLASSES);
    for (let row = 0; row < SAMPLES; row++)
      for (let q = 0; q < CLASSES; q++)
        for (let k = 0; k < FEATURES; k++) {
          const place = row * CLASSES + q;
          const product = sign * (1 - 2 * parity(q & k)) * (x.data[row * FEATURES + k] ?? NaN);
          scores[place] = (scores[place] ?? 0) + product;
        }
    const counts = wins(scores);
    expect(counts[0]).toBe(sign === 1 ? SAMPLES : 0);
    expect(chiSquare(counts)).toBeGreaterThan(100);
  });
});
