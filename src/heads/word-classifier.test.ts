import { describe, expect, test } from 'vitest';
import { expectGradients } from '../../test/gradients/check.ts';
import { expectSameOnOnnx } from '../../test/gradients/on-onnx.ts';
import { readFixture } from '../../test/pytorch/fixtures.ts';
import { evaluateGraph } from '../../test/reference/evaluate.ts';
import type { NdArray } from '../../test/reference/array.ts';
import { expectAllclose } from '../../test/support/allclose.ts';
import { runOnnx } from '../../test/support/onnx-runtime.ts';
import { gradients } from '../autodiff/gradients.ts';
import { defined } from '../core/errors.ts';
import { permutation, randomStream } from '../core/random.ts';
import { float32 } from '../core/tensor.ts';
import { createBuilder, type Value } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import { lower } from '../lowering/lower.ts';
import { createLayerContext, type LayerContext } from '../nn/layer-context.ts';
import { assigned } from './assigned.ts';
import { geometryOf } from './geometry-of.ts';
import { vectorsOf, type Geometry } from './geometry.ts';
import { parseHead } from './parse.ts';
import { rowChunks } from './row-chunks.ts';
import { tableLoss } from './table-softmax.ts';
import { wordLogits, wordLogLikelihoods, wordLoss, type WordScores, type WordVectors } from './word-classifier.ts';

const BATCH = 7;
const LABELS = [0, 12, 3, 3, 0, 3, 6] as const;

interface Problem {
  readonly words: number;
  readonly features: number;
  readonly scaled: readonly number[];
  readonly table: readonly number[];
  readonly bias: readonly number[];
  readonly labels: readonly number[];
}

interface Recorded extends Problem {
  readonly name: string;
  readonly loss: number;
  readonly likelihoods: readonly number[];
  readonly gradients: Readonly<Record<'scaled' | 'table' | 'bias', readonly number[]>>;
}

const { cases } = readFixture('word-softmax') as { readonly cases: readonly Recorded[] };

type Make = (c: LayerContext, scores: WordScores) => Value;
type VectorsOf = (c: LayerContext, problem: Problem) => WordVectors;

const learned: VectorsOf = ({ b }, { words, features }) => ({
  kind: 'table',
  table: b.input('table', 'float32', [words, features]),
});
const fixed: VectorsOf = ({ b }, { words, features, table }) => ({
  kind: 'table',
  table: b.constant(float32([words, features], Float32Array.from(table)), 'table'),
});
const on =
  (geometry: Geometry): VectorsOf =>
  () => ({ kind: 'geometry', geometry });

/** A loss with a given number of rows at a time. */
const inRows =
  (rows: number): Make =>
  ({ b }, { vectors, ...scores }) => {
    if (vectors.kind !== 'table') throw new Error('a table');
    return tableLoss(b, { ...scores, table: vectors.table }, rows);
  };

function lossGraph(problem: Problem, vectors: VectorsOf, make: Make = wordLoss): Graph {
  const b = createBuilder('words');
  const c = createLayerContext(b);
  const scaled = b.input('scaled', 'float32', [problem.labels.length, problem.features]);
  const labels = b.input('labels', 'int32', [problem.labels.length]);
  const bias = b.input('bias', 'float32', [problem.words]);
  b.output(make(c, { scaled, vectors: vectors(c, problem), bias, labels }), 'loss');
  return b.build();
}

function feedsOf(problem: Problem): Map<string, NdArray> {
  const { words, features, labels } = problem;
  const array = (shape: readonly number[], data: readonly number[]): NdArray => ({
    shape,
    data: Float64Array.from(data),
  });
  return new Map([
    ['scaled', array([labels.length, features], problem.scaled)],
    ['table', array([words, features], problem.table)],
    ['bias', array([words], problem.bias)],
    ['labels', array([labels.length], labels)],
  ]);
}

function withGradients(graph: Graph): Graph {
  const wrt = graph.inputs.filter((name) => name !== 'labels');
  const result = gradients(graph, { loss: 'loss', wrt });
  const b = createBuilder('with gradients', result.graph);
  for (const [name, value] of result.gradients) b.output(b.value(value), `gradient/${name}`);
  return b.build();
}

const evaluated = (graph: Graph, problem: Problem): ReadonlyMap<string, NdArray> =>
  evaluateGraph(withGradients(graph), feedsOf(problem));
const dataOf = (values: ReadonlyMap<string, NdArray>, name: string) => defined(values.get(name), name).data;

/** Random numbers around a geometry's vectors, or a table's. */
function problemOf(words: number, features: number, geometry?: Geometry): Problem {
  const random = randomStream('words');
  const drawn = (length: number): number[] => Array.from({ length }, () => Math.fround(random.normal()));
  return {
    words,
    features,
    scaled: drawn(BATCH * features),
    table: geometry === undefined ? drawn(words * features) : [...vectorsOf(geometry)],
    bias: drawn(words),
    labels: LABELS,
  };
}

const geometryFor = (text: string, classes: number, features: number): Geometry =>
  defined(geometryOf(parseHead(text), { classes, features, sign: 'signed' }), text);
/** A geometry that says it has so many slots that a chunk holds four samples. */
const inChunks = (geometry: Geometry): Geometry => ({ ...geometry, slots: 2 ** 17 });

describe.each(cases)('$name, as PyTorch has them in float64', (recorded) => {
  const expectSame = (actual: Float64Array, expected: readonly number[], what: string): void => {
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0.01);
    expectAllclose(actual, Float64Array.from(expected), { what, atol: 1e-6 * largest, shape: [expected.length] });
  };

  test.each([
    ['a trained table', learned, ['scaled', 'table', 'bias'], wordLoss],
    ['a trained table, three rows at a time', learned, ['scaled', 'table', 'bias'], inRows(3)],
    ['a fixed table', fixed, ['scaled', 'bias'], wordLoss],
    ['a fixed table, one row at a time', fixed, ['scaled', 'bias'], inRows(1)],
  ] as const)('loss and gradients of %s', (_, vectors, wrt, make) => {
    const values = evaluated(lossGraph(recorded, vectors, make), recorded);
    expectSame(dataOf(values, 'loss'), [recorded.loss], 'loss');
    for (const name of wrt) expectSame(dataOf(values, `gradient/${name}`), recorded.gradients[name], name);
    expect([...values.keys()].filter((name) => name.startsWith('gradient/'))).toHaveLength(wrt.length);
  });

  test('log-likelihoods in ONNX Runtime, for any number of contexts, all finite', async () => {
    const b = createBuilder('likelihoods');
    const c = createLayerContext(b);
    const scaled = b.input('scaled', 'float32', ['batch', recorded.features]);
    const labels = b.input('labels', 'int32', ['batch']);
    const bias = b.input('bias', 'float32', [recorded.words]);
    const result = wordLogLikelihoods(c, { scaled, vectors: learned(c, recorded), bias, labels });
    expect(result.type.shape).toEqual(['batch']);
    b.output(result, 'likelihoods');
    const values = await runOnnx(lower(b.build(), { kind: 'portable' }), feedsOf(recorded), 'inference');
    expectSame(Float64Array.from(dataOf(values, 'likelihoods')), recorded.likelihoods, 'likelihoods');
    expect([...dataOf(values, 'likelihoods')].every(Number.isFinite)).toBe(true);
  });

  test('loss and gradients in ONNX Runtime', async () => {
    const both = withGradients(lossGraph(recorded, learned, inRows(3)));
    await expectSameOnOnnx(both, lower(both, { kind: 'portable' }), feedsOf(recorded), recorded.name);
  });
});

describe('a geometry', () => {
  const hadamard = geometryFor('hadamard', 45, 8);
  const pool = geometryFor('hadamard', 64, 8);
  const codes = permutation(64, randomStream('codes')).slice(0, 20);
  const some = assigned(pool, codes);

  test.each([
    ['hadamard', hadamard],
    ['hadamard, four samples at a time', inChunks(hadamard)],
    ['classes assigned to some of many vectors', some],
    ['random', geometryFor('random', 21, 5)],
  ])('%s gives the loss and gradients of a table of its vectors', async (_, geometry) => {
    const problem = problemOf(geometry.classes, geometry.features, geometry);
    const [graph, table] = [lossGraph(problem, on(geometry)), lossGraph(problem, fixed)];
    const [actual, expected] = [evaluated(graph, problem), evaluated(table, problem)];
    for (const name of ['loss', 'gradient/scaled', 'gradient/bias']) {
      // Constants in graphs are float32.
      expectAllclose(dataOf(actual, name), dataOf(expected, name), { what: name, atol: 1e-6, shape: [] });
    }
    const both = withGradients(graph);
    await expectSameOnOnnx(both, lower(both, { kind: 'portable' }), feedsOf(problem), 'geometry');
  });

  test('has logits that are those of the table', () => {
    const problem = problemOf(45, 8, hadamard);
    const logits: Make = (c, scores) => wordLogits(c, scores);
    const [ours, table] = [on(hadamard), fixed].map((vectors) =>
      evaluateGraph(lossGraph(problem, vectors, logits), feedsOf(problem)),
    );
    const [actual, expected] = [defined(ours, 'ours'), defined(table, 'table')];
    expectAllclose(dataOf(actual, 'loss'), dataOf(expected, 'loss'), {
      what: 'logits',
      atol: 1e-6,
      shape: [BATCH, 45],
    });
  });

  test('far apart and improbable words keep the loss and its gradients finite in float32', async () => {
    const problem = problemOf(45, 8, hadamard);
    const far = { ...problem, scaled: problem.scaled.map((x) => 1e4 * x) };
    const both = lower(withGradients(lossGraph(far, on(inChunks(hadamard)))), { kind: 'portable' });
    for (const { data } of (await runOnnx(both, feedsOf(far))).values())
      expect([...data].every(Number.isFinite)).toBe(true);
  });
});

describe('central differences of the loss', () => {
  test.each([
    ['a trained table', learned, wordLoss],
    ['a trained table in chunks', learned, inRows(2)],
    ['a fixed table in chunks', fixed, inRows(3)],
    ['a geometry in chunks', on(inChunks(geometryFor('hadamard', 13, 8))), wordLoss],
  ] as const)('%s', (name, vectors, make) => {
    const problem = problemOf(13, 8);
    const graph = lossGraph(problem, vectors, make);
    const feeds = feedsOf(problem);
    expectGradients(
      graph,
      'loss',
      feeds,
      graph.inputs.filter((input) => input !== 'labels'),
      name,
    );
  });

  test('hold for a multiple of the loss', () => {
    const problem = problemOf(13, 8);
    const scaledLoss: Make = (c, scores) =>
      c.b.op('Mul', [inRows(2)(c, scores), c.b.constant(float32([], [-2.5]))], {});
    const graph = lossGraph(problem, learned, scaledLoss);
    expectGradients(graph, 'loss', feedsOf(problem), ['scaled', 'table', 'bias'], 'multiple');
  });
});

describe('what is computed', () => {
  const problem = problemOf(60, 16);
  const lowered = (vectors: VectorsOf, rows: number): Graph =>
    lower(withGradients(lossGraph(problem, vectors, inRows(rows))), { kind: 'portable' });
  const shapes = (graph: Graph): readonly string[] =>
    graph.nodes.flatMap((node) => node.outputs).map((name) => graph.types.get(name)?.shape.join() ?? '');
  const products = (graph: Graph): number =>
    graph.nodes.filter((node) => node.kind === 'op' && node.op === 'Gemm').length;

  test('of a trained table three products a chunk, of a fixed one two and nothing of its shape', () => {
    const [trained, constant] = [lowered(learned, 3), lowered(fixed, 3)];
    expect(products(trained)).toBe(9);
    expect(shapes(trained)).toContain('60,16');
    expect(products(constant)).toBe(6);
    expect(shapes(constant)).not.toContain('60,16');
  });

  test('no value has a number for each sample and word, and none a one-hot row', () => {
    for (const graph of [lowered(learned, 3), lowered(fixed, 3)]) {
      expect(shapes(graph)).not.toContain(`${BATCH},60`);
      expect(graph.nodes.some((node) => node.kind === 'op' && ['Equal', 'OneHot'].includes(node.op))).toBe(false);
    }
  });

  test('chunks cover the batch, in about equal parts', () => {
    expect(rowChunks(7, 3)).toEqual([
      { first: 0, end: 2 },
      { first: 2, end: 4 },
      { first: 4, end: 7 },
    ]);
    expect(rowChunks(5, 9)).toEqual([{ first: 0, end: 5 }]);
    expect(rowChunks(1000, 1)).toHaveLength(128);
  });
});
