import { describe, expect, test } from 'vitest';
import { evaluateHead, initialHeadWeights, logitsGraph } from '../../test/support/head-graph.ts';
import { randomStream, type RandomStream } from '../core/random.ts';
import { float32 } from '../core/tensor.ts';
import { createHead, type Head } from './head.ts';
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
function wins(scores: Float64Array, classes = CLASSES): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (let row = 0; row < SAMPLES; row++) {
    const own = scores.subarray(row * classes, (row + 1) * classes);
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

/** A head's weights with the statistics of features `[SAMPLES, N]` as running ones, which training would arrive at. */
function trainedOn(head: Head, x: Float64Array): ReturnType<typeof initialHeadWeights> {
  const { features } = head;
  const weights = initialHeadWeights(head);
  if (!head.centred) return weights;
  const column = (k: number): Float64Array => x.filter((_, at) => at % features === k);
  const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const means = Array.from({ length: features }, (_, k) => mean(column(k)));
  const variances = means.map((centre, k) => mean(column(k).map((value) => (value - centre) ** 2)));
  weights.set('head.running_mean', float32([features], means));
  weights.set('head.running_var', float32([features], variances));
  return weights;
}

describe('whatever the head, non-negative features leave no class dead and none favoured', () => {
  const shares = (text: string, classes: number, features: number): { least: number; most: number; head: Head } => {
    const random = randomStream('feature sign', 'all heads');
    const x = new Float64Array(SAMPLES * features).map(() => featureKinds['average of 16 ReLUs'](random));
    const data = Float32Array.from({ length: classes * features }, () => random.normal());
    const head = createHead(parseHead(text), {
      ...{ classes, features, sign: 'non-negative' },
      vectors: { classes, features, data },
    });
    const counts = wins(
      evaluateHead(logitsGraph(head, trainedOn(head, x)), { shape: [SAMPLES, features], data: x }).data,
      classes,
    );
    const expected = SAMPLES / classes;
    return { least: Math.min(...counts) / expected, most: Math.max(...counts) / expected, head };
  };

  test.each([
    ['hadamard', 15, 16, false],
    ['hadamard', 30, 16, false],
    ['hadamard', 40, 16, true],
    ['biorthogonal', 20, 16, false],
    ['coset:signs=on', 40, 16, true],
    ['simplex', 15, 16, false],
    ['simplex', 16, 16, false],
    ['simplex', 17, 16, true],
    ['simplex', 16, 15, true],
    ['orthonormal', 15, 16, false],
    ['orthonormal:center=bn', 16, 16, true],
    ['random', 12, 32, true],
    ['random:directions=gaussian', 12, 32, true],
    ['custom:file=given', 12, 32, true],
  ])('%s with %s classes on %s features, centred: %s', (text, classes, features, centred) => {
    const { least, most, head } = shares(text, classes, features);
    expect(head.centred).toBe(centred);
    // Even 40 classes of 25 expected wins each stay within these but for one draw in 10⁴ (Poisson), were the shares equal; those of
    // random directions are not quite.
    expect(least).toBeGreaterThan(0.2);
    expect(most).toBeLessThan(2.5);
  });

  test.each([
    ['coset:signs=on:center=none', 40, 16],
    ['simplex:center=none', 16, 15],
    ['random:center=none', 12, 32],
  ])('the same measurement finds what happens to %s without centring', (text, classes, features) => {
    const { least, most } = shares(text, classes, features);
    expect(least).toBe(0);
    expect(most).toBeGreaterThan(4);
  });
});
