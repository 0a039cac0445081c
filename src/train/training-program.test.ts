import { describe, expect, test } from 'vitest';
import { expectAllclose } from '../../test/support/allclose.ts';
import { runOnnx } from '../../test/support/onnx-runtime.ts';
import { evaluateGraph, toNdArray } from '../../test/reference/evaluate.ts';
import type { NdArray } from '../../test/reference/array.ts';
import { defined } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import { sizeOf } from '../core/shape.ts';
import { float32, int32, type HostTensor } from '../core/tensor.ts';
import { createModel } from '../heads/model.ts';
import { parseHead } from '../heads/parse.ts';
import { lower } from '../lowering/lower.ts';
import { createBackbone } from '../models/registry.ts';
import { adamw, sgd, type OptimizerSpec } from '../optim/optimizer.ts';
import { initialTensors, packState, stateBindings, unpackState, type TrainingProgram } from './step-program.ts';
import { trainingProgram } from './training-program.ts';

const BATCH = 4;
const image = { channels: 1, height: 8, width: 8 };
const model = (head: string) => createModel(createBackbone('resnet8', image), parseHead(head), 5);

function programOf(
  head: string,
  optimizer: OptimizerSpec = sgd(),
  options: { readonly clipNorm?: number } = {},
): TrainingProgram {
  return trainingProgram(model(head), {
    batchSize: BATCH,
    optimizer,
    labelSmoothing: 0,
    clipNorm: options.clipNorm ?? null,
  });
}

/** Random tensors for every part of the state. */
function randomTensors(program: TrainingProgram): Map<string, HostTensor> {
  return new Map(
    program.state
      .flatMap(({ parts }) => parts)
      .map(({ key, shape }) => {
        const random = randomStream('state', key);
        const positive = key.endsWith('running_var') || key.startsWith('square/');
        const draw = (): number => 0.1 * (positive ? 0.5 + random.uniform() : random.normal());
        return [key, float32(shape, Float32Array.from({ length: sizeOf(shape) }, draw))] as const;
      }),
  );
}

const asArrays = (tensors: Readonly<Record<string, HostTensor>>): [string, NdArray][] =>
  Object.entries(tensors).map(([name, value]) => [name, toNdArray(value)]);

function batchFeeds(): [string, NdArray][] {
  const random = randomStream('batch');
  const images = float32([BATCH, 1, 8, 8], Float32Array.from({ length: BATCH * 64 }, random.normal));
  return asArrays({ images, labels: int32([BATCH], [0, 3, 1, 4]) });
}

/** One step on ONNX Runtime from given tensors: loss and the tensors after it. */
async function oneStep(program: TrainingProgram, tensors: ReadonlyMap<string, HostTensor>, rate = 0.1) {
  const scalars = Object.entries(program.scalars(1, rate)).map(
    ([name, value]) => [name, toNdArray(float32([], [value]))] as const,
  );
  const feeds = new Map([...batchFeeds(), ...scalars, ...asArrays(packState(program, tensors))]);
  const values = await runOnnx(lower(program.graph, { kind: 'portable' }), feeds);
  const state = Object.fromEntries(
    program.state.map(({ input }) => {
      const { shape, data } = defined(values.get(`next/${input}`), input);
      return [input, float32(shape, data)];
    }),
  );
  return { values, tensors: unpackState(program, state) };
}

const dataOf = (tensors: ReadonlyMap<string, HostTensor>, key: string): Float64Array =>
  toNdArray(defined(tensors.get(key), key)).data;

describe('state', () => {
  test.each([
    ['learned', sgd()],
    ['hadamard', sgd({ momentum: 0 })],
    ['orthonormal:bias=off', adamw()],
  ])('of %s survives packing and unpacking, byte for byte', (head, optimizer) => {
    const program = programOf(head, optimizer);
    const tensors = randomTensors(program);
    expect(unpackState(program, packState(program, tensors))).toEqual(tensors);
  });

  test('has each parameter, its optimiser state and each running statistic exactly once', () => {
    const program = programOf('hadamard', adamw());
    const { parameters, buffers } = program.tensors;
    const names = parameters.map(({ name }) => name);
    const expected = [
      ...names,
      ...names.map((name) => `mean/${name}`),
      ...names.map((name) => `square/${name}`),
      ...buffers.map(({ name }) => name),
    ];
    expect(program.state.flatMap(({ parts }) => parts.map(({ key }) => key)).toSorted()).toEqual(expected.toSorted());
    for (const { length, parts } of program.state)
      expect(parts.reduce((sum, { shape }) => sum + sizeOf(shape), 0)).toBe(length);
  });

  test('is bound to outputs that replace it', () => {
    const program = programOf('learned');
    const bindings = stateBindings(program, packState(program, initialTensors(program, 0)));
    expect(bindings.map(({ input }) => input)).toEqual(program.state.map(({ input }) => input));
    for (const { input, output, initial } of bindings) {
      expect(output).toBe(`next/${input}`);
      expect(program.graph.types.get(output)).toEqual({ dtype: 'float32', shape: initial.shape });
    }
  });

  test('refuses tensors that are missing or not float32', () => {
    const program = programOf('learned');
    const tensors = randomTensors(program);
    tensors.set('head.bias', int32([5], [1, 2, 3, 4, 5]));
    expect(() => packState(program, tensors)).toThrow('head.bias: internal: training state is float32; received int32');
    tensors.delete('head.bias');
    expect(() => packState(program, tensors)).toThrow('internal: tensor head.bias is missing');
  });
});

describe('first tensors', () => {
  const start = (head: string, seed: number) => initialTensors(programOf(head), seed);

  test('of the backbone are the same with every head and the same seed', () => {
    const learned = start('learned', 5);
    for (const head of ['hadamard', 'orthonormal', 'orthonormal:seed=9']) {
      const other = start(head, 5);
      const backbone = [...learned.keys()].filter((key) => !key.includes('head.'));
      expect(backbone.length).toBeGreaterThan(50);
      for (const key of backbone) expect(other.get(key), key).toEqual(learned.get(key));
    }
  });

  test('differ with the seed wherever they are random', () => {
    const [a, b] = [start('learned', 0), start('learned', 1)];
    for (const { name, initial } of programOf('learned').tensors.parameters) {
      if (initial.kind === 'constant') expect(b.get(name)).toEqual(a.get(name));
      else expect(b.get(name)).not.toEqual(a.get(name));
    }
  });

  test('are Kaiming normal filters, and zero optimiser state', () => {
    const tensors = start('hadamard', 0);
    const filter = dataOf(tensors, 'stage3.0.conv2.weight');
    const variance = filter.reduce((sum, value) => sum + value * value, 0) / filter.length;
    // Fan out 64·9; the relative standard error of a variance of 36,864 draws is √(2/36864) = 0.7 %; five of them.
    expect(Math.abs(variance / (2 / (64 * 9)) - 1)).toBeLessThan(0.04);
    expect(new Set(dataOf(tensors, 'momentum/stage3.0.conv2.weight'))).toEqual(new Set([0]));
    expect([...dataOf(tensors, 'head.scale')]).toEqual([8]);
    // The last norm of a residual branch starts at 0: a block starts as its shortcut.
    expect(new Set(dataOf(tensors, 'stage1.0.bn2.weight'))).toEqual(new Set([0]));
  });
});

describe('weight decay', () => {
  test('moves filters by −η·λ·w and leaves biases, norms and α alone', async () => {
    const [rate, decay] = [0.125, 0.5];
    const [plain, decayed] = [0, decay].map((weightDecay) => programOf('hadamard', sgd({ momentum: 0, weightDecay })));
    const program = defined(plain, 'program');
    const tensors = randomTensors(program);
    const [without, withDecay] = await Promise.all(
      [program, defined(decayed, 'program')].map((each) => oneStep(each, tensors, rate)),
    );
    let filters = 0;
    for (const { name, shape } of program.tensors.parameters) {
      const [a, b] = [without, withDecay].map((step) => dataOf(defined(step, 'step').tensors, name));
      if (shape.length === 1) {
        expect(b, name).toEqual(a);
        continue;
      }
      filters++;
      const weight = dataOf(tensors, name);
      const expected = (a ?? new Float64Array()).map((value, i) => value - rate * decay * (weight[i] ?? NaN));
      expectAllclose(b ?? [], expected, { what: name, atol: 1e-6 });
    }
    expect(filters).toBe(9);
  });

  test('applies to the matrix of a learned head, not to its bias', () => {
    const decays = new Map(programOf('learned').tensors.parameters.map(({ name, decay }) => [name, decay]));
    expect([decays.get('head.weight'), decays.get('head.bias')]).toEqual([true, false]);
  });
});

describe('outputs', () => {
  test('are loss, correct answers and, where it is learned, α before the update', async () => {
    const program = programOf('hadamard');
    expect(program.outputs).toEqual(['loss', 'correct', 'scale']);
    expect(programOf('hadamard:scale=4').outputs).toEqual(['loss', 'correct']);
    expect(programOf('learned').outputs).toEqual(['loss', 'correct']);
    const { values, tensors } = await oneStep(program, initialTensors(program, 0));
    expect([...defined(values.get('scale'), 'scale').data]).toEqual([8]);
    expect(dataOf(tensors, 'head.scale')[0]).not.toBe(8);
    // Five classes, logits of standard deviation about 1.
    expect(defined(values.get('loss'), 'loss').data[0]).toBeGreaterThan(0.5);
    expect([0, 1, 2, 3, 4]).toContain(defined(values.get('correct'), 'correct').data[0]);
  });

  test('learned scale of a learned head is watched as well', () => {
    expect(programOf('learned:scale=learned').outputs).toContain('scale');
  });
});

describe('gradient clipping', () => {
  test('bounds the length of a step over all parameters together', async () => {
    const moved = async (clipNorm?: number): Promise<number> => {
      const program = programOf(
        'learned',
        sgd({ momentum: 0, weightDecay: 0 }),
        clipNorm === undefined ? {} : { clipNorm },
      );
      const before = initialTensors(program, 0);
      const { tensors } = await oneStep(program, before, 1);
      const squares = program.tensors.parameters.map(({ name }) => {
        const old = dataOf(before, name);
        return dataOf(tensors, name).reduce((sum, value, i) => sum + (value - (old[i] ?? NaN)) ** 2, 0);
      });
      return Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
    };
    expect(await moved()).toBeGreaterThan(0.2);
    expect(await moved(0.01)).toBeCloseTo(0.01, 5);
  });
});

test('a cosine loss trains without scale and bias', () => {
  const program = programOf('hadamard:loss=cosine');
  expect(program.tensors.parameters.some(({ name }) => name.startsWith('head.'))).toBe(false);
  const feeds = new Map([
    ...batchFeeds(),
    ['learning_rate', toNdArray(float32([], [0.1]))] as const,
    ...asArrays(packState(program, initialTensors(program, 0))),
  ]);
  const loss = defined(evaluateGraph(program.graph, feeds).get('loss'), 'loss').data[0];
  // 1 − a mean of cosines.
  expect(loss).toBeGreaterThan(0);
  expect(loss).toBeLessThan(2);
});

test('label smoothing with the cosine loss is refused, not ignored', () => {
  const options = { batchSize: BATCH, optimizer: sgd(), labelSmoothing: 0.1, clipNorm: null };
  expect(() => trainingProgram(model('hadamard:loss=cosine'), options)).toThrow(
    /head hadamard:loss=cosine: label smoothing .* the cosine loss has none/,
  );
});
