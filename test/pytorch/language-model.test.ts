import { describe, expect, test } from 'vitest';
import { defined } from '../../src/core/errors.ts';
import { sizeOf, type StaticShape } from '../../src/core/shape.ts';
import { languageModelProgram } from '../../src/language/program.ts';
import { lower } from '../../src/lowering/lower.ts';
import type { LanguageModelSpec } from '../../src/models/language-model.ts';
import { sgd } from '../../src/optim/optimizer.ts';
import type { NdArray } from '../reference/array.ts';
import { evaluateGraph } from '../reference/evaluate.ts';
import { expectAllclose } from '../support/allclose.ts';
import { runOnnx } from '../support/onnx-runtime.ts';
import { readFixture } from './fixtures.ts';
import { uniform } from './formula-weights.ts';

interface LanguageFixture {
  readonly words: number;
  readonly size: number;
  readonly hidden: number;
  readonly batch: number;
  readonly window: number;
  readonly cases: readonly {
    readonly logits: 'dot' | 'cosine';
    readonly fixed: boolean;
    readonly loss: number;
    /** What the window leaves. */
    readonly states: Readonly<Record<string, readonly number[]>>;
    readonly gradients: Readonly<Record<string, readonly number[]>>;
  }[];
}
type Case = LanguageFixture['cases'][number];

const { words, size, hidden, batch, window, cases } = readFixture('language-model') as LanguageFixture;

/** The tensor that language_model.py makes of a name. */
function named(name: string, shape: StaticShape): NdArray {
  const data = uniform(name, sizeOf(shape)).map(Math.fround);
  return { shape, data: name === 'head.scale' ? data.map((value) => value + 4) : data };
}

/** Word vectors of unit length, in float32. */
function unitVectors(): Float32Array {
  const { data } = named('embedding.weight', [words, size]);
  const norms = Array.from({ length: words }, (_, word) =>
    Math.hypot(...data.subarray(word * size, (word + 1) * size)),
  );
  return Float32Array.from(data, (value, place) => value / (norms[Math.floor(place / size)] ?? NaN));
}

function specOf({ logits, fixed }: Case): LanguageModelSpec {
  return {
    ...{ words, size, hidden, layers: 2, dropout: 0, logits, output: 'input', bias: new Float32Array(words) },
    input: fixed ? { kind: 'fixed', vectors: unitVectors() } : { kind: 'learned' },
  };
}

/** A training step that starts without momentum, so that the first momentum is the gradient; and what it is fed. */
function stepOf(fixture: Case) {
  const program = languageModelProgram(
    specOf(fixture),
    { batch, window },
    { optimizer: sgd({ momentum: 0.5, weightDecay: 0 }), clipNorm: null },
  );
  const place = (factor: number): NdArray => ({
    shape: [window, batch],
    data: Float64Array.from({ length: window * batch }, (_, cell) => (cell * factor) % words),
  });
  const feeds = new Map<string, NdArray>([
    ['words', place(3)],
    ['targets', place(7)],
    ['carry', { shape: [], data: Float64Array.of(1) }],
    ['learning_rate', { shape: [], data: Float64Array.of(0.5) }],
  ]);
  for (const { input, length, parts } of program.state) {
    const data = Float64Array.from(
      parts.flatMap(({ key, shape }) =>
        key.startsWith('momentum/') ? Array.from({ length: sizeOf(shape) }, () => 0) : [...named(key, shape).data],
      ),
    );
    feeds.set(input, { shape: [length], data });
  }
  return { program, feeds };
}

/** Parts of the state after the step, by key. */
function after(
  { program }: ReturnType<typeof stepOf>,
  values: ReadonlyMap<string, NdArray>,
): Map<string, Float64Array> {
  const found = new Map<string, Float64Array>();
  for (const { input, parts } of program.state) {
    const { data } = defined(values.get(`next/${input}`), input);
    let offset = 0;
    for (const { key, shape } of parts) {
      found.set(key, Float64Array.from(data.slice(offset, offset + sizeOf(shape))));
      offset += sizeOf(shape);
    }
  }
  return found;
}

describe.each(cases)('a tied language model with $logits logits, fixed word vectors: $fixed', (fixture) => {
  const step = stepOf(fixture);
  const expectLikePyTorch = (values: ReadonlyMap<string, NdArray>, tolerance: number): void => {
    expectAllclose(defined(values.get('loss'), 'loss').data, [fixture.loss], { what: 'loss', rtol: tolerance });
    const state = after(step, values);
    for (const [name, expected] of Object.entries(fixture.gradients)) {
      const actual = defined(state.get(`momentum/${name}`), `gradient of ${name}`);
      const largest = Math.max(...expected.map(Math.abs));
      expectAllclose(actual, expected, { what: `gradient of ${name}`, atol: tolerance * largest });
    }
    for (const [name, expected] of Object.entries(fixture.states))
      expectAllclose(defined(state.get(name), name), expected, { what: name, atol: tolerance });
  };

  test('the same parameters are trained', () => {
    const names = step.program.tensors.parameters.map(({ name }) => name);
    expect(names.toSorted()).toEqual(Object.keys(fixture.gradients).toSorted());
  });

  test('loss, gradients and the state after the window agree with PyTorch in float64', () => {
    // 1/batch is a float32 constant.
    expectLikePyTorch(evaluateGraph(step.program.graph, step.feeds), 1e-7);
  });

  test('and on ONNX Runtime', async () => {
    const lowered = lower(step.program.graph, { kind: 'portable' }, step.program);
    expectLikePyTorch(await runOnnx(lowered, step.feeds), 1e-5);
  });
});
