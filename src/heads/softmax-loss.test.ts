import { describe, expect, test } from 'vitest';
import { expectGradients } from '../../test/gradients/check.ts';
import { expectSameOnOnnx } from '../../test/gradients/on-onnx.ts';
import type { NdArray } from '../../test/reference/array.ts';
import { evaluateGraph } from '../../test/reference/evaluate.ts';
import { expectAllclose } from '../../test/support/allclose.ts';
import { gradients } from '../autodiff/gradients.ts';
import { defined } from '../core/errors.ts';
import { permutation, randomStream } from '../core/random.ts';
import { sizeOf } from '../core/shape.ts';
import { createBuilder } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import { lower } from '../lowering/lower.ts';
import { createLayerContext } from '../nn/layer-context.ts';
import { assigned } from './assigned.ts';
import { geometryOf } from './geometry-of.ts';
import type { FeatureSign, Geometry } from './geometry.ts';
import { createHead, headOn, type Head, type ObjectiveOptions } from './head.ts';
import { parseHead } from './parse.ts';
import type { SoftmaxSpec } from './softmax.ts';

const BATCH = 3;

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

function headInBlocks(text: string, { classes, features, sign = 'signed' }: Place, slots: number): Head {
  const spec = parseHead(text);
  const request = { classes, features, sign };
  const geometry = defined(geometryOf(spec, request), 'geometry');
  return headOn(spec, request, inSmallBlocks(geometry, slots));
}

interface Step {
  readonly graph: Graph;
  readonly feeds: Map<string, NdArray>;
  /** Parameters and features. */
  readonly wrt: readonly string[];
}

/** Loss and right answers of random features, with random values for the parameters. */
function stepOf(head: Head, softmax: SoftmaxSpec['kind'], options: Partial<ObjectiveOptions> = {}, key = 'x'): Step {
  const b = createBuilder('objective');
  const c = createLayerContext(b);
  const x = b.input('x', 'float32', [BATCH, head.features]);
  const labels = b.input('labels', 'int32', [BATCH]);
  const spec = softmax === 'sampled' ? { kind: softmax, bases: 2 } : { kind: softmax };
  const objective = head.objective(c, x, labels, { labelSmoothing: 0, softmax: spec, ...options });
  b.output(objective.loss, 'loss');
  b.output(objective.correct, 'correct');
  const random = randomStream('objective', key);
  const drawn = (shape: readonly number[], spread: number): NdArray => ({
    shape,
    data: new Float64Array(sizeOf(shape)).map(() => Math.fround(spread * random.normal())),
  });
  const feeds = new Map<string, NdArray>([['x', drawn([BATCH, head.features], 1)]]);
  // The last class, and the class that a sample of each wins by chance or not.
  feeds.set('labels', { shape: [BATCH], data: Float64Array.of(0, Math.floor(head.classes / 2), head.classes - 1) });
  const { parameters, buffers } = c.tensors();
  for (const { name, shape } of parameters) feeds.set(name, drawn(shape, 0.5));
  for (const { name, shape } of buffers) feeds.set(name, drawn(shape, 0.5));
  if (feeds.has('head.scale')) feeds.set('head.scale', { shape: [1], data: Float64Array.of(3) });
  if (feeds.has('head.log_scale')) feeds.set('head.log_scale', { shape: [1], data: Float64Array.of(1) });
  for (const [name, value] of Object.entries(objective.feeds?.(7, 1) ?? {}))
    feeds.set(name, { shape: value.shape, data: Float64Array.from(value.data as Int32Array) });
  return { graph: b.build(), feeds, wrt: ['x', ...parameters.map(({ name }) => name)] };
}

/** Values of the outputs and of all gradients, in float64. */
function evaluated({ graph, feeds, wrt }: Step): ReadonlyMap<string, NdArray> {
  const result = gradients(graph, { loss: 'loss', wrt });
  const values = evaluateGraph(result.graph, feeds);
  return new Map([
    ...graph.outputs.map((name) => [name, defined(values.get(name), name)] as const),
    ...[...result.gradients].map(([name, value]) => [`gradient of ${name}`, defined(values.get(value), name)] as const),
  ]);
}

const cases: readonly (readonly [string, Place, number])[] = [
  ['hadamard', { classes: 7, features: 8 }, 8],
  ['hadamard', { classes: 12, features: 8 }, 16],
  ['hadamard', { classes: 45, features: 8 }, 16],
  ['hadamard', { classes: 45, features: 10 }, 16],
  ['coset:signs=on', { classes: 41, features: 8 }, 16],
  ['coset', { classes: 29, features: 8, sign: 'non-negative' }, 8],
  ['hadamard:center=batch-norm', { classes: 20, features: 8, sign: 'non-negative' }, 8],
  ['orthonormal', { classes: 6, features: 8 }, 2],
  ['random', { classes: 11, features: 5 }, 4],
  ['simplex', { classes: 5, features: 7 }, 3],
  ['hadamard:bias=off', { classes: 45, features: 8 }, 16],
  ['hadamard:scale=6', { classes: 45, features: 8 }, 32],
  ['hadamard:cosface=0.3', { classes: 45, features: 8 }, 16],
  ['hadamard:arcface=0.4', { classes: 45, features: 8 }, 16],
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

describe.each(cases)('%s for %o, blocks of %i slots', (text, place, slots) => {
  const head = headInBlocks(text, place, slots);
  const smoothings = head.spec.loss === 'cosine' ? [0] : [0, 0.2];

  test.each(smoothings)(
    'streams to the value and gradients of all logits at once, label smoothing %f',
    (labelSmoothing) => {
      const streaming = stepOf(head, 'streaming', { labelSmoothing });
      const full = stepOf(head, 'full', { labelSmoothing });
      expect(streaming.wrt).toEqual(full.wrt);
      expectSameStep(evaluated(streaming), evaluated(full), text);
    },
  );

  test('agrees with central differences of the loss that holds all logits', () => {
    const { graph, feeds, wrt } = stepOf(head, 'full', { labelSmoothing: 0.1 });
    expectGradients(graph, 'loss', feeds, wrt, text);
  });

  test('runs in ONNX Runtime as it is evaluated', async () => {
    const { graph, feeds, wrt } = stepOf(head, 'streaming', { labelSmoothing: 0.1 });
    const result = gradients(graph, { loss: 'loss', wrt });
    const b = createBuilder('with gradients', result.graph);
    for (const [name, value] of result.gradients) b.output(b.value(value), `gradient/${name}`);
    const both = b.build();
    await expectSameOnOnnx(both, lower(both, { kind: 'portable' }), feeds, text);
    await expectSameOnOnnx(both, lower(both, { kind: 'blocked', block: 16 }), feeds, text);
  });
});
