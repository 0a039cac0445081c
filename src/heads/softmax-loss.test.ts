import { describe, expect, test } from 'vitest';
import { expectGradients } from '../../test/gradients/check.ts';
import { expectSameOnOnnx } from '../../test/gradients/on-onnx.ts';
import type { NdArray } from '../../test/reference/array.ts';
import { evaluateGraph } from '../../test/reference/evaluate.ts';
import { expectAllclose } from '../../test/support/allclose.ts';
import {
  evaluateStep,
  OBJECTIVE_BATCH,
  objectiveStep,
  withGradients,
  type ObjectiveStep,
} from '../../test/support/objective-graph.ts';
import { defined } from '../core/errors.ts';
import { permutation, randomStream } from '../core/random.ts';
import { sizeOf } from '../core/shape.ts';
import { countOperators, type Graph } from '../graph/graph.ts';
import { lower } from '../lowering/lower.ts';
import { assigned } from './assigned.ts';
import { geometryOf } from './geometry-of.ts';
import type { FeatureSign, Geometry } from './geometry.ts';
import { createHead, FULL_LOGITS, headOn, type Head } from './head.ts';
import { parseHead } from './parse.ts';

interface Place {
  readonly classes: number;
  readonly features: number;
  readonly sign?: FeatureSign;
}

/** A geometry whose blocks hold few slots, so that small examples have several of them. */
const inSmallBlocks = (geometry: Geometry, slots: number): Geometry => ({
  ...geometry,
  blocks: () => geometry.blocks(slots),
});

/** Classes on random vectors of a geometry that has some more. */
function assignedHead(text: string, place: Place, vectors: number, slots: number): Head {
  const { features, sign = 'signed' } = place;
  const spec = parseHead(text);
  const pool = defined(geometryOf(spec, { classes: vectors, features, sign }), 'geometry');
  const codes = permutation(vectors, randomStream('codes')).slice(0, place.classes);
  const request = { classes: place.classes, features, sign };
  return headOn(spec, request, inSmallBlocks(assigned(pool, codes), slots));
}

function headInBlocks(text: string, { classes, features, sign = 'signed' }: Place, slots: number): Head {
  const spec = parseHead(text);
  const request = { classes, features, sign };
  const geometry = defined(geometryOf(spec, request), 'geometry');
  return headOn(spec, request, inSmallBlocks(geometry, slots));
}

const stepOf = (head: Head, kind: 'full' | 'streaming' | 'auto', labelSmoothing = 0): ObjectiveStep =>
  objectiveStep(head, { labelSmoothing, softmax: { kind } });

const inBlocks = (text: string, place: Place, slots: number): readonly [string, Head] => [
  `${text}, ${place.classes} classes on ${place.features} features, blocks of ${slots}`,
  headInBlocks(text, place, slots),
];

const onAssigned = (text: string, place: Place, vectors: number, slots: number): readonly [string, Head] => [
  `${text}, ${place.classes} classes assigned to ${vectors} vectors, blocks of ${slots}`,
  assignedHead(text, place, vectors, slots),
];

const cases: readonly (readonly [string, Head])[] = [
  inBlocks('hadamard', { classes: 7, features: 8 }, 8),
  inBlocks('hadamard', { classes: 12, features: 8 }, 16),
  inBlocks('hadamard', { classes: 45, features: 8 }, 16),
  inBlocks('hadamard', { classes: 45, features: 10 }, 16),
  inBlocks('coset:signs=on', { classes: 41, features: 8 }, 16),
  inBlocks('coset', { classes: 29, features: 8, sign: 'non-negative' }, 8),
  inBlocks('hadamard:center=batch-norm', { classes: 20, features: 8, sign: 'non-negative' }, 8),
  inBlocks('orthonormal', { classes: 6, features: 8 }, 2),
  inBlocks('random', { classes: 11, features: 5 }, 4),
  inBlocks('simplex', { classes: 5, features: 7 }, 3),
  inBlocks('hadamard:bias=off', { classes: 45, features: 8 }, 16),
  inBlocks('hadamard:scale=6', { classes: 45, features: 8 }, 32),
  inBlocks('hadamard:cosface=0.3', { classes: 45, features: 8 }, 16),
  inBlocks('hadamard:arcface=0.4', { classes: 45, features: 8 }, 16),
  onAssigned('hadamard', { classes: 20, features: 8 }, 64, 16),
  onAssigned('hadamard:bias=off:arcface=0.4', { classes: 20, features: 8 }, 64, 16),
  // Some blocks have no class at all.
  onAssigned('random', { classes: 3, features: 6 }, 40, 2),
];

/** Constants in graphs are float32. */
const RTOL = 1e-5;

function expectSameStep(
  actual: ReadonlyMap<string, NdArray>,
  expected: ReadonlyMap<string, NdArray>,
  what: string,
): void {
  expect([...actual.keys()], what).toEqual([...expected.keys()]);
  for (const [name, { shape, data }] of expected) {
    const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0.01);
    expectAllclose(defined(actual.get(name), name).data, data, {
      what: `${what}, ${name}`,
      atol: RTOL * largest,
      shape,
    });
  }
}

describe.each(cases)('%s', (name, head) => {
  test.each([0, 0.2])(
    'streams to the value and gradients of all logits at once, label smoothing %f',
    (labelSmoothing) => {
      const streaming = stepOf(head, 'streaming', labelSmoothing);
      const full = stepOf(head, 'full', labelSmoothing);
      expect(streaming.wrt).toEqual(full.wrt);
      expectSameStep(evaluateStep(streaming), evaluateStep(full), name);
    },
  );

  test('has the derivatives that central differences of the loss over all logits find', () => {
    const { graph, feeds, wrt } = stepOf(head, 'full', 0.1);
    expectGradients(graph, 'loss', feeds, wrt, name);
  });

  test('runs in ONNX Runtime as it is evaluated', async () => {
    const step = stepOf(head, 'streaming', 0.1);
    const both = withGradients(step);
    await expectSameOnOnnx(both, lower(both, { kind: 'portable' }), step.feeds, name);
    await expectSameOnOnnx(both, lower(both, { kind: 'blocked', block: 16 }), step.feeds, name);
  });
});

describe('right answers', () => {
  /** Right answers of given features, by either way. */
  const correct = (head: Head, rows: readonly (readonly number[])[], labels: readonly number[]): readonly number[] =>
    (['streaming', 'full'] as const).map((softmax) => {
      const step = stepOf(head, softmax);
      step.feeds.set('x', { shape: [OBJECTIVE_BATCH, head.features], data: Float64Array.from(rows.flat()) });
      step.feeds.set('labels', { shape: [OBJECTIVE_BATCH], data: Float64Array.from(labels) });
      return Number(defined(evaluateStep(step).get('correct'), 'correct').data[0]);
    });

  const head = headInBlocks('hadamard:bias=off', { classes: 45, features: 8 }, 16);
  const vector = (index: number): readonly number[] => [...defined(head.geometry, 'geometry').vector(index)];

  test('are those whose own class has the largest logit', () => {
    const rows = [vector(3), vector(17), vector(44)];
    expect(correct(head, rows, [3, 17, 44])).toEqual([3, 3]);
    expect(correct(head, rows, [3, 18, 43])).toEqual([1, 1]);
  });

  test('are none where the features are all zero or lie between two classes', () => {
    const between = vector(3).map((entry, k) => entry + (vector(4)[k] ?? 0));
    const zero = vector(0).map(() => 0);
    expect(correct(head, [zero, between, between], [0, 3, 4])).toEqual([0, 0]);
  });

  test('are counted without the margin', () => {
    const narrow = headInBlocks('hadamard:bias=off:cosface=0.9', { classes: 45, features: 8 }, 16);
    expect(correct(narrow, [vector(3), vector(17), vector(44)], [3, 17, 44])).toEqual([3, 3]);
  });
});

test('logits of any size give a finite loss: no shift is assumed', async () => {
  const head = headInBlocks('hadamard', { classes: 45, features: 8 }, 16);
  for (const [scale, offset] of [
    [400, 0],
    [3, 500],
    [3, -500],
  ] as const) {
    const { graph, feeds } = stepOf(head, 'streaming');
    feeds.set('head.scale', { shape: [1], data: Float64Array.of(scale) });
    feeds.set('head.bias', { shape: [45], data: new Float64Array(45).map((_, k) => (k % 2) * offset) });
    const lowered = lower(graph, { kind: 'portable' });
    await expectSameOnOnnx(graph, lowered, feeds, `scale ${scale}, bias up to ${offset}`);
    expect(Number.isFinite(defined(evaluateGraph(graph, feeds).get('loss'), 'loss').data[0])).toBe(true);
  }
});

describe('the cosine loss', () => {
  test('streams to the value and gradients of all cosines at once', () => {
    const head = headInBlocks('hadamard:loss=cosine', { classes: 45, features: 8 }, 16);
    expectSameStep(evaluateStep(stepOf(head, 'streaming')), evaluateStep(stepOf(head, 'full')), 'cosine');
  });
});

describe('what is held', () => {
  const [classes, features] = [2000, 16];
  const head = headInBlocks('hadamard', { classes, features }, 64);
  const elements = (graph: Graph): number =>
    Math.max(
      ...graph.nodes
        .flatMap((node) => node.outputs)
        .map((name) => {
          const shape = defined(graph.types.get(name), name).shape;
          return sizeOf(shape.map(Number));
        }),
    );
  const lowered = (softmax: 'full' | 'streaming'): Graph => {
    return lower(withGradients(stepOf(head, softmax)), { kind: 'portable' });
  };

  test('no value of the streaming graph has a number for each sample and class, or for each class and feature', () => {
    expect(elements(lowered('full'))).toBeGreaterThanOrEqual(OBJECTIVE_BATCH * classes);
    // The bias and its gradient have one for each class.
    expect(elements(lowered('streaming'))).toBeLessThan(2 * classes);
  });
});

describe('what the head cannot compute is refused', () => {
  const request = { classes: 12, features: 8, sign: 'signed' } as const;
  test.each(['learned', 'cosine'])('%s: streaming and sampled', (text) => {
    const head = createHead(parseHead(text), request);
    expect(() => stepOf(head, 'streaming')).toThrow(
      `head ${text}: a streaming softmax needs fixed class vectors; choose from auto, full`,
    );
    expect(() => objectiveStep(head, { labelSmoothing: 0, softmax: { kind: 'sampled', bases: 2 } })).toThrow(
      'a sampled softmax needs fixed class vectors',
    );
    expect(() => stepOf(head, 'auto')).not.toThrow();
  });
});

describe('softmax: auto', () => {
  const request = { features: 512, sign: 'signed' } as const;
  const holdsAll = (classes: number): boolean =>
    countOperators(stepOf(createHead(parseHead('hadamard'), { ...request, classes }), 'auto').graph).has('LogSoftmax');

  test('holds all logits up to 2¹⁸ in a batch and streams above', () => {
    const limit = Math.floor(FULL_LOGITS / OBJECTIVE_BATCH);
    expect(holdsAll(limit)).toBe(true);
    expect(holdsAll(limit + 1)).toBe(false);
  });
});
