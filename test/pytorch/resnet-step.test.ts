import { describe, expect, test } from 'vitest';
import { defined } from '../../src/core/errors.ts';
import { sizeOf } from '../../src/core/shape.ts';

import { createModel } from '../../src/heads/model.ts';
import { parseHead } from '../../src/heads/parse.ts';
import { lower } from '../../src/lowering/lower.ts';
import { createBackbone } from '../../src/models/registry.ts';
import type { ParameterSpec } from '../../src/nn/parameters.ts';
import { sgd } from '../../src/optim/optimizer.ts';
import { initialTensors } from '../../src/train/step-program.ts';
import { trainingProgram } from '../../src/train/training-program.ts';
import type { NdArray } from '../reference/array.ts';
import { evaluateGraph, toNdArray } from '../reference/evaluate.ts';
import { expectAllclose } from '../support/allclose.ts';
import { loweringTargets } from '../support/lowerings.ts';
import { runOnnx } from '../support/onnx-runtime.ts';
import { readFixture } from './fixtures.ts';

/** What resnet_step.py writes of each tensor: its norm, Σ value·cos(place), a few entries by place. */
interface Summary {
  readonly norm: number;
  readonly weighted: number;
  readonly entries: readonly (readonly [number, number])[];
}
type Summaries = Readonly<Record<string, Summary>>;
interface Steps {
  readonly losses: readonly number[];
  readonly gradients: readonly Summaries[];
  readonly parameters: Summaries;
  readonly buffers: Summaries;
}

const fixture = readFixture('resnet-step') as Readonly<Record<'learned' | 'hadamard', Steps>>;
const [BATCH, CLASSES, SIZE] = [4, 8, 16];
const [RATE, MOMENTUM, DECAY, SMOOTHING] = [0.125, 0.875, 2 ** -10, 0.125];

/** The formula of resnet_step.py. */
const wave = (count: number, phase: number): Float64Array =>
  Float64Array.from(
    { length: count },
    (_, i) => Math.sin(0.7 * i + phase) + 0.5 * Math.sin(1.37 * i + 0.3 * Math.sqrt(i) + 2 * phase),
  );

/** Centre and amplitude of a parameter's first values. */
function spreadOf({ name, shape }: ParameterSpec): readonly [number, number] {
  if (name === 'head.scale') return [8, 0];
  if (name === 'head.weight') return [0, 0.1];
  if (name === 'head.bias') return [0, 0.1];
  if (shape.length === 4) return [0, Math.sqrt(1 / ((shape[0] ?? NaN) * (shape[2] ?? NaN) * (shape[3] ?? NaN)))];
  return name.endsWith('.bias') ? [0, 0.2] : [0.9, 0.2];
}

const image = { channels: 3, height: SIZE, width: SIZE };

/** The training step with the gradients of its parameters as further outputs, and what to feed at the first step. */
function stepOf(head: 'learned' | 'hadamard') {
  const model = createModel(createBackbone('resnet8', image), parseHead(head), CLASSES);
  const program = trainingProgram(model, {
    batchSize: BATCH,
    optimizer: sgd({ momentum: MOMENTUM, nesterov: true, weightDecay: DECAY }),
    labelSmoothing: SMOOTHING,
    clipNorm: null,
  });
  const start = new Map<string, NdArray>(
    [...initialTensors(program, 0)].map(([name, value]) => [name, toNdArray(value)]),
  );
  program.tensors.parameters.forEach((spec, index) => {
    const [centre, amplitude] = spreadOf(spec);
    const data = wave(sizeOf(spec.shape), index + 1).map((value) => centre + amplitude * value);
    start.set(spec.name, { shape: spec.shape, data });
  });
  const feeds = new Map<string, NdArray>([
    ['images', { shape: [BATCH, 3, SIZE, SIZE], data: wave(BATCH * 3 * SIZE * SIZE, 0) }],
    ['labels', { shape: [BATCH], data: Float64Array.from({ length: BATCH }, (_, i) => (3 * i + 1) % CLASSES) }],
    ['learning_rate', { shape: [], data: Float64Array.of(RATE) }],
  ]);
  return { program, start, feeds };
}

type Step = ReturnType<typeof stepOf>;
type Evaluate = (feeds: ReadonlyMap<string, NdArray>) => Promise<ReadonlyMap<string, NdArray>>;

/** Flat state by input, in float64: `packState` rounds to float32. */
function flatState({ program }: Step, tensors: ReadonlyMap<string, NdArray>): Map<string, NdArray> {
  return new Map(
    program.state.map(({ input, length, parts }) => [
      input,
      {
        shape: [length],
        data: Float64Array.from(parts.flatMap(({ key }) => [...defined(tensors.get(key), key).data])),
      },
    ]),
  );
}

/** Values of a vector's parts by key. */
function partsOf({ program }: Step, prefix: string, values: ReadonlyMap<string, NdArray>): Map<string, NdArray> {
  const parts = new Map<string, NdArray>();
  for (const vector of program.state) {
    const flat = values.get(`${prefix}${vector.input}`);
    let offset = 0;
    for (const { key, shape } of vector.parts) {
      if (flat !== undefined) parts.set(key, { shape, data: flat.data.slice(offset, offset + sizeOf(shape)) });
      offset += sizeOf(shape);
    }
  }
  return parts;
}

interface Result {
  readonly losses: readonly number[];
  /** By step. With Nesterov momentum from zero, the first velocity is ∇ + λ·w and later ones μ·v + ∇ + λ·w. */
  readonly gradients: readonly ReadonlyMap<string, NdArray>[];
  readonly tensors: ReadonlyMap<string, NdArray>;
}

async function runTwoSteps(step: Step, evaluate: Evaluate): Promise<Result> {
  let state = flatState(step, step.start);
  const losses: number[] = [];
  const gradients: ReadonlyMap<string, NdArray>[] = [];
  for (let count = 0; count < 2; count++) {
    const values = await evaluate(new Map([...step.feeds, ...state]));
    losses.push(defined(values.get('loss'), 'loss').data[0] ?? NaN);
    const [before, after] = [partsOf(step, '', state), partsOf(step, 'next/', values)];
    gradients.push(
      new Map(
        step.program.tensors.parameters.map(({ name, shape, decay }) => {
          const [old, velocity, weight] = [
            before.get(`momentum/${name}`),
            after.get(`momentum/${name}`),
            before.get(name),
          ];
          const data = defined(velocity, name).data.map(
            (value, i) => value - MOMENTUM * (old?.data[i] ?? NaN) - (decay ? DECAY * (weight?.data[i] ?? NaN) : 0),
          );
          return [name, { shape, data }];
        }),
      ),
    );
    state = new Map(step.program.state.map(({ input }) => [input, defined(values.get(`next/${input}`), input)]));
  }
  return { losses, gradients, tensors: partsOf(step, '', state) };
}

/** Fails unless every tensor agrees within `tolerance` times its norm. */
function expectSummaries(
  actual: ReadonlyMap<string, NdArray>,
  expected: Summaries,
  tolerance: number,
  what: string,
): void {
  for (const [name, { norm, weighted, entries }] of Object.entries(expected)) {
    const { data } = defined(actual.get(name), `${what} of ${name}`);
    // A weighted sum of independent errors of norm tolerance·norm.
    const found = [
      Math.sqrt(data.reduce((sum, value) => sum + value * value, 0)),
      data.reduce((sum, value, place) => sum + value * Math.cos(place), 0),
      ...entries.map(([place]) => data[place] ?? NaN),
    ];
    const wanted = [norm, weighted, ...entries.map(([, value]) => value)];
    expectAllclose(found, wanted, { what: `${what}, ${name}`, atol: tolerance * norm });
  }
}

function expectLikePyTorch(result: Result, expected: Steps, tolerance: number, buffers = tolerance): void {
  expectAllclose(result.losses, expected.losses, { what: 'losses', rtol: tolerance });
  for (const [count, gradients] of expected.gradients.entries()) {
    expectSummaries(defined(result.gradients[count], 'step'), gradients, tolerance, `gradient of step ${count + 1}`);
  }
  expectSummaries(result.tensors, expected.parameters, tolerance, 'parameter after two steps');
  expectSummaries(result.tensors, expected.buffers, buffers, 'running statistics after two steps');
}

const heads = ['learned', 'hadamard'] as const;
const targets = await loweringTargets();

describe.each(heads)('two training steps of a ResNet-8 with a %s head agree with PyTorch', (head) => {
  const step = stepOf(head);

  test('names and shapes of the parameters are those of the script', () => {
    const names = step.program.tensors.parameters.map(({ name }) => name);
    expect(names.toSorted()).toEqual(Object.keys(fixture[head].parameters).toSorted());
    const buffers = step.program.tensors.buffers.map(({ name }) => name);
    expect(buffers.toSorted()).toEqual(Object.keys(fixture[head].buffers).toSorted());
  });

  test('in float64', async () => {
    const { graph } = step.program;
    const result = await runTwoSteps(step, (feeds) => Promise.resolve(evaluateGraph(graph, feeds)));
    // BatchNorm's 0.1 and 1/√64 are float32 constants; running statistics feel the rounding of 0.1.
    expectLikePyTorch(result, fixture[head], 1e-9, 1e-7);
  });

  for (const { name, target } of targets) {
    test.skipIf(target === undefined)(`on ONNX Runtime, ${name}`, async () => {
      const lowered = lower(step.program.graph, defined(target, 'target'));
      expectLikePyTorch(await runTwoSteps(step, (feeds) => runOnnx(lowered, feeds)), fixture[head], 1e-4);
    });
  }
});
