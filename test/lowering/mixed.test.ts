import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.ts';
import { defined } from '../../src/core/errors.ts';
import { randomStream } from '../../src/core/random.ts';
import { sizeOf } from '../../src/core/shape.ts';
import { float32, int32 } from '../../src/core/tensor.ts';
import { createBuilder, type Builder, type Value } from '../../src/graph/builder.ts';
import { concat, conv, matmul, mul, reduceSum, relu, reshape, transpose } from '../../src/graph/functions.ts';
import type { Graph, GraphNode } from '../../src/graph/graph.ts';
import { createModel, headSpec } from '../../src/heads/index.ts';
import { lower } from '../../src/lowering/lower.ts';
import { mixedPrecision } from '../../src/lowering/mixed.ts';
import { createBackbone } from '../../src/models/index.ts';
import { sgd } from '../../src/optim/index.ts';
import { initialTensors, packState } from '../../src/train/step-program.ts';
import { trainingProgram } from '../../src/train/training-program.ts';
import type { NdArray } from '../reference/array.ts';
import { evaluateGraph, toNdArray } from '../reference/evaluate.ts';
import { blockedTargets, normalFeeds, portable } from '../support/lowering.ts';
import { runOnnx } from '../support/onnx-runtime.ts';

/** Unit roundoff of a half: 11 significant bits. */
const HALF_EPSILON = 2 ** -11;

const typeOf = (graph: Graph, name: string) => graph.types.get(name)?.dtype;
const resultType = (graph: Graph, { outputs: [result = ''] }: GraphNode) => typeOf(graph, result);
const nodesOf = (graph: Graph, ...ops: readonly string[]): readonly GraphNode[] =>
  graph.nodes.filter((node) => node.kind === 'op' && ops.includes(node.op));

function build(body: (b: Builder) => readonly Value[]): Graph {
  const b = createBuilder('case');
  body(b).forEach((value, index) => {
    b.output(value, `out${index}`);
  });
  return b.build();
}

const BATCH = 4;
const SIDE = 8;
const model = createModel(
  createBackbone('resnet8', { channels: 3, height: SIDE, width: SIDE }),
  headSpec('hadamard'),
  4,
);
const programOf = (precision: 'float32' | 'mixed', name = 'resnet8') =>
  trainingProgram(name === 'resnet8' ? model : createModel(createBackbone(name, model.image), headSpec('learned'), 4), {
    batchSize: BATCH,
    optimizer: sgd({ momentum: 0.9 }),
    labelSmoothing: 0,
    clipNorm: 1,
    precision,
  });

describe('which nodes compute in half precision', () => {
  const { graph } = programOf('mixed');
  const mixed = lower(graph, portable, { precision: 'mixed' });
  const half = mixed.nodes.filter((node) => resultType(mixed, node) === 'float16');

  test('every convolution and matrix product does, and nothing that computes but these', () => {
    const products = nodesOf(mixed, 'Conv', 'ConvTranspose', 'MatMul', 'Gemm');
    expect(products.length).toBeGreaterThan(30);
    for (const node of products) expect(resultType(mixed, node), node.name).toBe('float16');
    const moving = ['Cast', 'Transpose', 'Reshape', 'Concat', 'Split', 'Slice', 'Pad', 'Gather', 'Expand'];
    const others = half.filter((node) => !products.includes(node) && !(node.kind === 'op' && moving.includes(node.op)));
    expect(others.map(({ name }) => name)).toEqual([]);
    // The taps of weight gradients are cut out of an image that was cast before.
    expect(nodesOf(mixed, 'Slice').some((node) => resultType(mixed, node) === 'float16')).toBe(true);
  });

  test('inputs, outputs and what carries state are float32', () => {
    for (const name of [...graph.inputs, ...graph.outputs])
      expect(mixed.types.get(name)).toEqual(graph.types.get(name));
    expect([mixed.inputs, mixed.outputs]).toEqual([graph.inputs, graph.outputs]);
  });

  test('no value is cast twice to one type, and no cast follows a cast', () => {
    const casts = nodesOf(mixed, 'Cast').filter(({ inputs: [from = ''] }) =>
      ['float16', 'float32'].includes(typeOf(mixed, from) ?? ''),
    );
    expect(casts.length).toBeGreaterThan(20);
    const keys = casts.map((node) => `${node.inputs[0] ?? ''} ${resultType(mixed, node) ?? ''}`);
    expect(new Set(keys).size).toBe(keys.length);
    const made = new Set(nodesOf(mixed, 'Cast').flatMap(({ outputs }) => outputs));
    expect(casts.filter(({ inputs: [from = ''] }) => made.has(from)).map(({ name }) => name)).toEqual([]);
    for (const cast of casts) expect(typeOf(mixed, cast.inputs[0] ?? '')).not.toBe(resultType(mixed, cast));
  });

  test('the fixed matrix of a head and other constants of products alone are stored in 16 bits', () => {
    const stored = [...mixed.initializers].filter(([, value]) => value.dtype === 'float16').map(([name]) => name);
    expect(stored.length).toBeGreaterThan(0);
    for (const name of stored) expect(graph.initializers.get(name)?.dtype).toBe('float32');
  });

  test('a product of more terms than 16 bits can add stays in float32', () => {
    const product = (length: number) =>
      mixedPrecision(
        build((b) => [matmul(b, b.input('x', 'float32', [2, length]), b.input('y', 'float32', [length, 2]))]),
      );
    expect(nodesOf(product(8192), 'Cast')).toHaveLength(3);
    expect(nodesOf(product(8193), 'Cast')).toHaveLength(0);
  });

  test('needs the portable lowering', async () => {
    for (const target of await blockedTargets())
      expect(() => lower(graph, target, { precision: 'mixed' })).toThrow('mixed precision needs the portable lowering');
  });
});

describe('values', () => {
  const cases: readonly (readonly [string, Graph])[] = [
    [
      'a value that is read in both precisions, under the name of an output',
      build((b) => {
        const x = b.input('x', 'float32', [3, 4]);
        const y = matmul(b, x, b.constant(float32([4, 4], randomNumbers('w', 16))));
        return [y, mul(b, y, x), reduceSum(b, matmul(b, y, transpose(b, y, [1, 0])), [0])];
      }),
    ],
    [
      'movement behind products and movement that joins a product and a constant',
      build((b) => {
        const x = b.input('x', 'float32', [2, 3]);
        const y = matmul(b, x, b.input('w', 'float32', [3, 3]));
        const zeros = b.constant(float32([2, 3], new Float32Array(6)));
        return [reduceSum(b, concat(b, [y, zeros], 1), [1]), reshape(b, transpose(b, y, [1, 0]), [6])];
      }),
    ],
    [
      'convolutions',
      build((b) => {
        const x = b.input('x', 'float32', [2, 3, 5, 5]);
        const y = relu(b, conv(b, x, b.input('w', 'float32', [4, 3, 3, 3])));
        return [conv(b, y, b.input('v', 'float32', [2, 4, 3, 3]))];
      }),
    ],
  ];

  test.each(cases)('are those of float64 within the rounding of halves: %s', async (_, graph) => {
    const mixed = lower(graph, portable, { precision: 'mixed' });
    const feeds = normalFeeds(graph);
    const exact = evaluateGraph(graph, feeds);
    const [simulated, run] = [evaluateGraph(mixed, feeds), await runOnnx(mixed, feeds)];
    let rounded = false;
    for (const name of graph.outputs) {
      const expected = defined(exact.get(name), name).data;
      // Sums of at most 36·8 products of normal numbers, each operand and each result rounded; two products in a row.
      const tolerance = 8 * HALF_EPSILON * Math.max(...expected.map(Math.abs));
      for (const values of [simulated, run]) {
        const actual = defined(values.get(name), name).data;
        expect(Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] ?? NaN))))).toBeLessThan(tolerance);
      }
      rounded ||= defined(simulated.get(name), name).data.some((value, i) => value !== expected[i]);
    }
    expect(rounded).toBe(true);
  });
});

function randomNumbers(key: string, count: number): Float32Array {
  const random = randomStream('mixed', key);
  return Float32Array.from({ length: count }, () => random.normal());
}

function feedsOf(precision: 'float32' | 'mixed', name?: string, scale?: number): Map<string, NdArray> {
  const program = programOf(precision, name);
  const tensors = new Map(initialTensors(program, 3));
  if (scale !== undefined) tensors.set('loss_scale', float32([1], [scale]));
  const state = Object.entries(packState(program, tensors));
  const images = float32([BATCH, 3, SIDE, SIDE], randomNumbers('images', BATCH * 3 * SIDE * SIDE));
  const labels = int32([BATCH], [0, 1, 2, 3]);
  return new Map(
    [
      ...state,
      ['images', images] as const,
      ['labels', labels] as const,
      ['learning_rate', float32([], [0.1])] as const,
    ].map(([key, value]) => [key, toNdArray(value)]),
  );
}

/** Norm of the difference over the norm of the first. */
function distance(a: Float64Array, b: Float64Array): number {
  const norm = (values: Float64Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return norm(a.map((value, i) => value - (b[i] ?? NaN))) / norm(a);
}

test.each(['resnet8', 'mlp'])('a training step of %s has the loss and the gradients of float32', async (name) => {
  const [plain, mixed] = [programOf('float32', name), programOf('mixed', name)];
  const exact = evaluateGraph(plain.graph, feedsOf('float32', name));
  const lowered = lower(mixed.graph, portable, { precision: 'mixed' });
  // The first scale of a run overflows here, as it is meant to: it is halved until it fits.
  const feeds = feedsOf('mixed', name, 1024);
  const onnx = await runOnnx(lowered, feeds);
  for (const values of [evaluateGraph(lowered, feeds), onnx]) {
    const of = (output: string) =>
      [defined(exact.get(output), output).data, defined(values.get(output), output).data] as const;
    const [loss, mixedLoss] = of('loss');
    expect(Math.abs((mixedLoss[0] ?? NaN) / (loss[0] ?? NaN) - 1)).toBeLessThan(8 * HALF_EPSILON);
    expect([...defined(values.get('skipped'), 'skipped').data]).toEqual([0]);
    expect([...defined(values.get('next/loss_scaling'), 'scaling').data]).toEqual([1024, 1, 0]);
    // Momentum after the first step is the clipped gradient. Errors of many layers add up, and ReLUs near zero flip.
    for (const group of ['decayed', 'undecayed']) {
      const [gradient, mixedGradient] = of(`next/momentum/${group}`);
      expect(distance(gradient, mixedGradient), group).toBeLessThan(32 * HALF_EPSILON);
      expect(distance(gradient, mixedGradient), group).toBeGreaterThan(0);
    }
  }
});

describe('loss scaling', () => {
  /** x·w summed, times `size`: the gradient of w is size times the column sums of x, through a product with the upstream gradient. */
  function gradientOfW(size: number, scale: number): readonly number[] {
    const forward = build((b) => {
      const product = matmul(b, b.input('x', 'float32', [2, 3]), b.input('w', 'float32', [3, 1]));
      return [mul(b, reduceSum(b, product, [0, 1]), size * scale)];
    });
    const { graph, gradients: names } = gradients(forward, { loss: 'out0', wrt: ['w'] });
    const name = defined(names.get('w'), 'w');
    const b = createBuilder('scaled', graph);
    b.output(mul(b, b.value(name), 1 / scale), 'gradient');
    const x = { shape: [2, 3], data: Float64Array.of(1, 2, 3, 4, 5, 6) };
    const feeds = new Map([
      ['x', x],
      ['w', { shape: [3, 1], data: Float64Array.of(1, 1, 1) }],
    ]);
    const mixed = lower(b.build(), portable, { precision: 'mixed' });
    return [...defined(evaluateGraph(mixed, feeds).get('gradient'), 'gradient').data];
  }

  test('keeps small gradients that 16 bits round to zero without it', () => {
    const size = 2 ** -26;
    expect(gradientOfW(size, 1)).toEqual([0, 0, 0]);
    expect(gradientOfW(size, 2 ** 16)).toEqual([5 * size, 7 * size, 9 * size]);
  });

  test('a step that overflows changes no bit of the state but halves the scale and is counted', async () => {
    const program = programOf('mixed', 'mlp');
    const lowered = lower(program.graph, portable, { precision: 'mixed' });
    const feeds = feedsOf('mixed', 'mlp', 2 ** 40);
    const values = evaluateGraph(lowered, feeds);
    for (const { input } of program.state) {
      const [before, after] = [defined(feeds.get(input), input).data, defined(values.get(`next/${input}`), input).data];
      if (input === 'loss_scaling') expect([...after]).toEqual([2 ** 39, 0, 1]);
      else expect(after, input).toEqual(before);
    }
    expect([...defined(values.get('skipped'), 'skipped').data]).toEqual([1]);
    // The loss itself is not scaled.
    expect(Number.isFinite(defined(values.get('loss'), 'loss').data[0])).toBe(true);
    // ONNX Runtime's CPU computes in float32: only a scale beyond its range overflows there.
    const onnx = await runOnnx(lowered, feedsOf('mixed', 'mlp', 3e38));
    const scaling = defined(onnx.get('next/loss_scaling'), 'scaling').data;
    expect([...scaling]).toEqual([Math.fround(3e38) / 2, 0, 1]);
    for (const { input } of program.state) {
      if (input === 'loss_scaling') continue;
      expect(defined(onnx.get(`next/${input}`), input).data, input).toEqual(defined(feeds.get(input), input).data);
    }
  });

  test('2000 good steps in a row double the scale', () => {
    const program = programOf('mixed', 'mlp');
    const after = (steps: number): number[] => {
      const feeds = feedsOf('mixed', 'mlp');
      feeds.set('loss_scaling', { shape: [3], data: Float64Array.of(1024, steps, 5) });
      return [...defined(evaluateGraph(program.graph, feeds).get('next/loss_scaling'), 'scaling').data];
    };
    expect(after(1998)).toEqual([1024, 1999, 5]);
    expect(after(1999)).toEqual([2048, 0, 5]);
  });

  test('is a part of mixed programs alone', () => {
    expect(programOf('float32').state.map(({ input }) => input)).not.toContain('loss_scaling');
    expect(programOf('float32').outputs).toEqual(['loss', 'correct', 'scale']);
    expect(programOf('mixed').outputs).toEqual(['loss', 'correct', 'scale', 'skipped']);
    expect(sizeOf(programOf('mixed').state.find(({ input }) => input === 'loss_scaling')?.parts[0]?.shape ?? [0])).toBe(
      1,
    );
  });
});
