import { describe, expect, test } from 'vitest';
import { expectGradients } from '../../test/gradients/check.ts';
import { evaluateGraph } from '../../test/reference/evaluate.ts';
import { evaluateStep, objectiveStep } from '../../test/support/objective-graph.ts';
import { defined } from '../core/errors.ts';
import { createBuilder } from '../graph/builder.ts';
import { reduceSum } from '../graph/functions.ts';
import type { Graph } from '../graph/graph.ts';
import { createHead, headOn, type Head } from './head.ts';
import { marginLogit } from './margin.ts';
import { parseHead } from './parse.ts';
import type { Margin } from './spec.ts';

const ALPHA = 7;

function graphOf(margin: Margin, count: number): Graph {
  const b = createBuilder('margin');
  const y = marginLogit(b, margin, b.input('cosine', 'float32', [count, 1]), b.input('alpha', 'float32', [1]));
  b.output(y, 'y');
  b.output(reduceSum(b, y, [0, 1]), 'sum');
  return b.build();
}

const feedsOf = (cosines: readonly number[]) =>
  new Map([
    ['cosine', { shape: [cosines.length, 1], data: Float64Array.from(cosines) }],
    ['alpha', { shape: [1], data: Float64Array.of(ALPHA) }],
  ]);

const valuesOf = (margin: Margin, cosines: readonly number[]): number[] => [
  ...defined(evaluateGraph(graphOf(margin, cosines.length), feedsOf(cosines)).get('y'), 'y').data,
];

const angles = Array.from({ length: 61 }, (_, k) => 0.03 + (k * (Math.PI - 0.06)) / 60);
const cosines = angles.map((angle) => Math.cos(angle));

describe('margins', () => {
  test('CosFace is α·(cos θ − m)', () => {
    valuesOf({ kind: 'cosface', value: 0.35 }, cosines).forEach((value, k) => {
      expect(value).toBeCloseTo(ALPHA * ((cosines[k] ?? NaN) - 0.35), 5);
    });
  });

  test('ArcFace is α·cos(θ + m) up to θ = π − m', () => {
    valuesOf({ kind: 'arcface', value: 0.5 }, cosines).forEach((value, k) => {
      const angle = angles[k] ?? NaN;
      if (angle + 0.5 < Math.PI) expect(value).toBeCloseTo(ALPHA * Math.cos(angle + 0.5), 5);
    });
  });

  test.each([0.1, 0.5, 1, 1.5])('ArcFace with a margin of %f falls as the angle grows, beyond π − m too', (value) => {
    const values = valuesOf({ kind: 'arcface', value }, cosines);
    values.slice(1).forEach((logit, k) => {
      expect(logit).toBeLessThan(values[k] ?? NaN);
    });
  });

  test.each(['cosface', 'arcface'] as const)('%s has the derivatives of its value', (kind) => {
    const inside = [-0.97, -0.6, 0, 0.3, 0.99];
    expectGradients(graphOf({ kind, value: 0.4 }, inside.length), 'sum', feedsOf(inside), ['cosine', 'alpha'], kind);
  });

  test.each(['cosface', 'arcface'] as const)(
    '%s has finite derivatives on the class vector and opposite to it',
    (kind) => {
      const h = createHead(parseHead(`hadamard:bias=off:${kind}=0.4`), { classes: 12, features: 8, sign: 'signed' });
      const own = [...defined(h.geometry, 'geometry').vector(0)];
      const step = objectiveStep(h, { labelSmoothing: 0, softmax: { kind: 'full' } });
      step.feeds.set('x', {
        shape: [3, 8],
        data: Float64Array.from([...own, ...own.map((entry) => -entry), ...own.map(() => 0)]),
      });
      step.feeds.set('labels', { shape: [3], data: Float64Array.of(0, 0, 0) });
      for (const [name, { data }] of evaluateStep(step)) expect(data.every(Number.isFinite), name).toBe(true);
    },
  );
});

describe('α beside a margin', () => {
  const request = { classes: 45, features: 8, sign: 'signed' } as const;
  const withScale = (head: Head, value: number) => {
    const step = objectiveStep(head, { labelSmoothing: 0, softmax: { kind: 'auto' } });
    step.feeds.set('head.log_scale', { shape: [1], data: Float64Array.of(value) });
    return step;
  };

  test('is the exponential of the parameter head.log_scale', () => {
    const head = createHead(parseHead('hadamard:cosface=0.3'), request);
    const step = withScale(head, Math.log(5));
    expect(step.wrt).toContain('head.log_scale');
    const same = headOn({ ...head.spec, scale: 5 }, request, head.geometry);
    const fixed = objectiveStep(same, { labelSmoothing: 0, softmax: { kind: 'auto' } });
    for (const [name, value] of step.feeds) if (name !== 'head.log_scale') fixed.feeds.set(name, value);
    const [a, b] = [step, fixed].map((one) => Number(defined(evaluateStep(one).get('loss'), 'loss').data[0]));
    expect(a).toBeCloseTo(b ?? NaN, 10);
  });

  test('stays positive whatever the parameter, so that the margin never lowers the loss of the own class', () => {
    const head = createHead(parseHead('hadamard:cosface=0.3:bias=off'), request);
    const plain = createHead(parseHead('hadamard:bias=off'), request);
    for (const value of [-20, -2, 0, 3]) {
      const step = withScale(head, value);
      const without = objectiveStep(plain, { labelSmoothing: 0, softmax: { kind: 'auto' } });
      without.feeds.set('x', defined(step.feeds.get('x'), 'x'));
      without.feeds.set('head.scale', { shape: [1], data: Float64Array.of(Math.exp(value)) });
      const [harder, easier] = [step, without].map((one) =>
        Number(defined(evaluateStep(one).get('loss'), 'loss').data[0]),
      );
      expect(harder).toBeGreaterThan(easier ?? NaN);
    }
  });
});
