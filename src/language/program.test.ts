import { describe, expect, test } from 'vitest';
import { cpuRuntime } from '../../test/support/onnx-runtime.ts';
import { hadamard, learned, orthonormal, randomCorpus, tinyModel } from '../../test/support/tiny-text.ts';
import { sizeOf, staticShape } from '../core/shape.ts';
import { trainingWindows } from '../data/text/windows.ts';
import type { Graph } from '../graph/graph.ts';
import { countParameters } from '../heads/model.ts';
import { lower } from '../lowering/lower.ts';
import { stateSizes, type LanguageModelSpec } from '../models/language-model.ts';
import { adam } from '../optim/optimizer.ts';
import { languageModelOf } from '../runs/language-tables.ts';
import { initialTensors } from '../train/step-program.ts';
import { openProgram } from '../train/step-runner.ts';
import { nextWordGraph, scoringGraph } from './inference.ts';
import { languageModelProgram, windowFeeds } from './program.ts';

// No product of other sizes of these models is V·N.
const [V, N, H] = [29, 8, 12];
const size = { batch: 3, window: 4 };
const update = { optimizer: adam(), clipNorm: 1 };
const corpus = randomCorpus(V, 200);

/** Values that nodes compute (constants and inputs are none) with as many numbers as a table of all words. */
function computedTables(graph: Graph): number {
  const outputs = graph.nodes.flatMap((node) => node.outputs).filter((name) => name !== '');
  return outputs.filter((name) => {
    const shape = graph.types.get(name)?.shape;
    return shape !== undefined && sizeOf(staticShape(shape, name)) === V * N;
  }).length;
}

const untied = { tied: false };
const fixedDot = { ...orthonormal, logits: 'dot' } as const;
const learnedCosine = { ...learned, logits: 'cosine' } as const;

/** 4H(inputs + H) + 4H for each layer. */
const lstmNumbers = 4 * H * (N + H) + 4 * H + (4 * N * (H + N) + 4 * N);

describe('what a training step holds', () => {
  test.each([
    ['learned, tied', learned, V * N, V * N],
    ['learned, untied', { ...learned, ...untied }, 2 * V * N, 2 * V * N],
    ['learned, tied, cosine', learnedCosine, V * N, V * N],
    ['orthonormal, tied', orthonormal, V * N, 0],
    ['orthonormal, untied', { ...orthonormal, ...untied }, 2 * V * N, 0],
    ['orthonormal, tied, dot', fixedDot, V * N, 0],
    ['hadamard, tied', hadamard, 0, 0],
    ['hadamard, untied', { ...hadamard, ...untied }, 0, 0],
  ] as const)('%s', (_, choice, tables, trained) => {
    const program = languageModelProgram(tinyModel(choice, corpus), size, update);
    // Besides tables and LSTM: a factor of the input, α of cosines, and a bias a word.
    const others = lstmNumbers + 1 + (choice.logits === 'cosine' ? 1 : 0) + V;
    const { total, trainable } = countParameters(program.tensors);
    expect({ total, trainable }).toEqual({ total: tables + others, trainable: trained + others });

    // Two moments for each trained number, h and c of each layer, and nothing else.
    const state = program.state.reduce((sum, { length }) => sum + length, 0);
    expect(state).toBe(3 * trainable + 2 * size.batch * (N + H));
    const kept = program.state.flatMap(({ parts }) => parts.map(({ key }) => key));
    expect(kept.some((key) => key.endsWith('embedding.weight'))).toBe(trained > 0);
    expect(kept.some((key) => key.endsWith('head.weight'))).toBe(trained > V * N);
    // Neither a gradient nor anything else of a fixed table is computed.
    const lowered = lower(program.graph, { kind: 'portable' }, program);
    if (trained === 0) expect(computedTables(lowered)).toBe(0);
    else expect(computedTables(lowered)).toBeGreaterThan(0);
  });

  test('the paper’s two layers of 512 on WikiText-2: most of the model is word vectors', () => {
    const [words, width] = [33_278, 512];
    const vocabulary = {
      words: Array.from({ length: words }, (_, place) => `w${place}`),
      counts: new Float64Array(words),
    };
    const sizes = { size: width, hidden: width, layers: 2, dropout: 0.5, bias: 'zero' } as const;
    const spec = languageModelOf({ ...learned, tied: false }, sizes, vocabulary, 0);
    const { tensors } = languageModelProgram(spec, { batch: 1, window: 1 }, update);
    const { total, classifier } = countParameters(tensors);
    // Embedding and classifier V·N each, a bias, a factor, and 4N(N + N) + 4N for each layer.
    expect(total).toBe(2 * words * width + words + 1 + 2 * (8 * width * width + 4 * width));
    expect(total).toBe(38_308_351);
    expect(classifier).toBe(words * width + words);
    // Hoffer, Hubara & Soudry 2018, section 4: about 38 million numbers, 89 per cent of them in embedding and classifier.
    expect((2 * words * width) / total).toBeCloseTo(0.889, 2);
  });
});

/** The losses of a training step with a learning rate of 0 on some windows, one after the other. */
async function lossesOf(
  spec: LanguageModelSpec,
  window: number,
  steps: readonly { readonly index: number; readonly carried: boolean }[],
): Promise<number[]> {
  const program = languageModelProgram(spec, { batch: 3, window }, update);
  const windows = trainingWindows(corpus.splits.train.subarray(0, 48), 3, window, 0);
  await using runner = await openProgram(await cpuRuntime(), program, initialTensors(program, 5), 'portable', 1);
  const losses: number[] = [];
  for (const [place, { index, carried }] of steps.entries()) {
    const outputs = await runner.step(windowFeeds({ batch: 3, window }, windows.at(index), carried), place + 1, 0);
    losses.push(Number(outputs['loss']?.data[0]));
  }
  return losses;
}

describe('state that is carried from window to window', () => {
  const spec = tinyModel({ ...learned, tied: false }, corpus);

  test('two windows give what one of twice the length gives', async () => {
    const [first = NaN, second = NaN] = await lossesOf(spec, 4, [
      { index: 0, carried: false },
      { index: 1, carried: true },
    ]);
    const [both = NaN] = await lossesOf(spec, 8, [{ index: 0, carried: false }]);
    expect((first + second) / 2).toBeCloseTo(both, 5);
  });

  test('it is dropped where a window does not go on', async () => {
    const [, carried = NaN] = await lossesOf(spec, 4, [
      { index: 0, carried: false },
      { index: 1, carried: true },
    ]);
    const [, fresh = NaN] = await lossesOf(spec, 4, [
      { index: 0, carried: false },
      { index: 1, carried: false },
    ]);
    const [alone = NaN] = await lossesOf(spec, 4, [{ index: 1, carried: true }]);
    expect(fresh).toBe(alone);
    expect(carried).not.toBe(alone);
  });
});

describe('dropout', () => {
  const place = { batch: 8, window: 16 };
  const masksOf = (dropout: number, seed: number, step: number) =>
    languageModelProgram(tinyModel(learned, corpus, { dropout }), place, update).feeds(seed, step);

  test('a mask before each layer and after the last: 0 or 1/(1 − p), of mean 1', () => {
    const masks = masksOf(0.25, 1, 7);
    const spec = tinyModel(learned, corpus);
    const widths = [N, ...stateSizes(spec)];
    expect(Object.entries(masks).map(([name, { shape }]) => [name, [...shape]])).toEqual(
      widths.map((width, index) => [`dropout.${index}`, [16, 8, width]]),
    );
    const values = Object.values(masks).flatMap(({ data }) => Array.from(data, Number));
    expect([...new Set(values)].sort()).toEqual([0, Math.fround(4 / 3)]);
    // The standard error of the mean is 0.01.
    expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(1, 1);
  });

  test('a pure function of seed and step', () => {
    expect(masksOf(0.5, 1, 7)).toEqual(masksOf(0.5, 1, 7));
    expect(masksOf(0.5, 1, 8)).not.toEqual(masksOf(0.5, 1, 7));
    expect(masksOf(0.5, 2, 7)).not.toEqual(masksOf(0.5, 1, 7));
  });

  test('none without a share to drop, and none in a model that judges or writes', () => {
    expect(masksOf(0, 1, 7)).toEqual({});
    const spec = tinyModel(learned, corpus, { dropout: 0.5 });
    const weights = initialTensors(languageModelProgram(spec, size, update), 1);
    const states = ['hidden.0', 'cell.0', 'hidden.1', 'cell.1'];
    expect(scoringGraph(spec, weights, { window: 3 }).inputs).toEqual(['words', 'targets', ...states]);
    expect(nextWordGraph(spec, weights).inputs).toEqual(['words', ...states]);
  });
});
