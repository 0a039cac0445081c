import { describe, expect, test } from 'vitest';
import { expectGradients } from '../../test/gradients/check.ts';
import { expectSameOnOnnx } from '../../test/gradients/on-onnx.ts';
import { evaluateGraph } from '../../test/reference/evaluate.ts';
import { objectiveStep, withGradients, type ObjectiveStep } from '../../test/support/objective-graph.ts';
import { defined } from '../core/errors.ts';
import { permutation, randomStream } from '../core/random.ts';
import { lower } from '../lowering/lower.ts';
import { assigned } from './assigned.ts';
import { geometryOf } from './geometry-of.ts';
import { createHead, headOn, type Head } from './head.ts';
import { parseHead } from './parse.ts';

const BASES = 2;
const place = { classes: 45, features: 8, sign: 'signed' } as const;
const sampled = (head: Head, bases = BASES, labelSmoothing = 0): ObjectiveStep =>
  objectiveStep(head, { labelSmoothing, softmax: { kind: 'sampled', bases } });

/** 30 classes on some of 64 vectors. */
function onAssigned(text: string): Head {
  const spec = parseHead(text);
  const pool = defined(geometryOf(spec, { ...place, classes: 64 }), 'geometry');
  const codes = permutation(64, randomStream('codes')).slice(0, 30);
  return headOn(spec, { ...place, classes: 30 }, assigned(pool, codes));
}

const heads: readonly (readonly [string, Head])[] = [
  ['rows and negatives, last basis half full', createHead(parseHead('hadamard'), place)],
  ['rows', createHead(parseHead('coset:bias=off'), place)],
  ['with a margin', createHead(parseHead('coset:arcface=0.3'), place)],
  ['assigned', onAssigned('coset')],
];

/** The loss by its formula, class by class. */
function expectedLoss(head: Head, { feeds }: ObjectiveStep, drawn: readonly number[]): number {
  const geometry = defined(head.geometry, 'geometry');
  const x = defined(feeds.get('x'), 'x').data;
  const labels = [...defined(feeds.get('labels'), 'labels').data];
  const bias = feeds.get('head.bias')?.data;
  const alpha = feeds.get('head.scale')?.data[0] ?? Math.exp(feeds.get('head.log_scale')?.data[0] ?? NaN);
  const size = Math.max(...geometry.blocks(1).map(({ count }) => count));
  const slotOf = (index: number): number => geometry.codes?.[index] ?? index;
  const losses = labels.map((label, row) => {
    const features = x.subarray(row * head.features, (row + 1) * head.features);
    const norm = Math.hypot(...features);
    const cosine = (index: number): number =>
      geometry.vector(index).reduce((sum, entry, k) => sum + entry * ((features[k] ?? NaN) / norm), 0);
    const others = Array.from({ length: head.classes }, (_, index) => index).filter(
      (index) => index !== label && drawn.includes(Math.floor(slotOf(index) / size)),
    );
    const sum = others.reduce((total, index) => total + Math.exp(alpha * cosine(index) + (bias?.[index] ?? 0)), 0);
    const margin = head.spec.margin?.value ?? 0;
    const own = alpha * Math.cos(Math.acos(cosine(label)) + margin) + (bias?.[label] ?? 0);
    return Math.log(Math.exp(own) + ((head.classes - 1) / others.length) * sum) - own;
  });
  return losses.reduce((total, loss) => total + loss, 0) / losses.length;
}

describe.each(heads)('%s', (name, head) => {
  test.each([[[0, 1]], [[1, 2]], [[2, 0]]])('is the formula, bases %j drawn', (drawn) => {
    const step = sampled(head);
    step.feeds.set('sampled_bases', { shape: [BASES], data: Float64Array.from(drawn) });
    const loss = Number(defined(evaluateGraph(step.graph, step.feeds).get('loss'), 'loss').data[0]);
    expect(loss).toBeCloseTo(expectedLoss(head, step, drawn), 5);
  });

  test('has the derivatives of its value', () => {
    const { graph, feeds, wrt } = sampled(head, BASES, 0.1);
    expectGradients(graph, 'loss', feeds, wrt, name);
  });

  test('runs in ONNX Runtime as it is evaluated', async () => {
    const step = sampled(head);
    const graph = withGradients(step);
    await expectSameOnOnnx(graph, lower(graph, { kind: 'portable' }), step.feeds, name);
  });
});

describe('what is drawn', () => {
  const head = createHead(parseHead('coset:bias=off'), { classes: 1000, features: 16, sign: 'signed' });
  const { bases } = defined(head.geometry, 'geometry');
  const drawnAt = (seed: number, step: number, count = 5): readonly number[] =>
    [...(defined(sampled(head, count).drawn, 'feeds')(seed, step)['sampled_bases']?.data ?? [])].map(Number);

  test('depends on the seed and the step alone', () => {
    expect(drawnAt(3, 17)).toEqual(drawnAt(3, 17));
    expect(drawnAt(3, 17)).not.toEqual(drawnAt(3, 18));
    expect(drawnAt(3, 17)).not.toEqual(drawnAt(4, 17));
  });

  test('are different bases, and in time all of them, equally often', () => {
    const counts = new Map<number, number>();
    const feeds = defined(sampled(head, 5).drawn, 'feeds');
    for (let step = 1; step <= 2000; step++) {
      const drawn = [...(feeds(0, step)['sampled_bases']?.data ?? [])].map(Number);
      expect(new Set(drawn).size).toBe(5);
      for (const basis of drawn) counts.set(basis, (counts.get(basis) ?? 0) + 1);
    }
    expect([...counts.keys()].toSorted((a, b) => a - b)).toEqual(Array.from({ length: bases }, (_, index) => index));
    // 10,000 draws of 63 bases: 159 ± 12 each; six standard deviations.
    for (const count of counts.values()) expect(Math.abs(count - 10_000 / bases)).toBeLessThan(75);
  });
});

describe('refuses', () => {
  test('class vectors without several bases', () => {
    const head = createHead(parseHead('hadamard'), { classes: 8, features: 8, sign: 'signed' });
    expect(() => sampled(head)).toThrow('a sampled softmax draws bases');
    expect(() => sampled(createHead(parseHead('random'), place))).toThrow('choose from auto, full, streaming');
  });

  test('as many bases as there are', () => {
    const head = createHead(parseHead('coset'), place);
    expect(() => sampled(head, 6)).toThrow(
      'a sampled softmax must leave some bases out; expected 1 to 5 bases, received 6',
    );
  });

  test('the cosine loss', () => {
    expect(() => sampled(createHead(parseHead('coset:loss=cosine'), place))).toThrow(
      'the cosine loss has no softmax to sample; choose from auto, full, streaming',
    );
  });
});
