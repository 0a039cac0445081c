import { describe, expect, test } from 'vitest';
import { cpuRuntime } from '../../test/support/onnx-runtime.ts';
import { hadamard, learned, orthonormal, randomCorpus, tinyModel } from '../../test/support/tiny-text.ts';
import { defined } from '../core/errors.ts';
import { int32 } from '../core/tensor.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import { vectorsOf } from '../heads/geometry.ts';
import { lower } from '../lowering/lower.ts';
import { stateSizes, type LanguageModelSpec, type WordTable } from '../models/language-model.ts';
import type { Weights } from '../nn/layer-context.ts';
import { adam } from '../optim/optimizer.ts';
import { unigramPerplexity } from '../runs/language-document.ts';
import { languageModelOf } from '../runs/language-tables.ts';
import { initialTensors } from '../train/step-program.ts';
import { nextWordGraph, scoringGraph } from './inference.ts';
import { nextStates, scoreText, zeroStates } from './perplexity.ts';
import { languageModelProgram } from './program.ts';

const corpus = randomCorpus(23, 60);
const ids = corpus.splits.validation.subarray(0, 33);
const FIRST = corpus.vocabulary.endOfSentence;

const weightsOf = (spec: LanguageModelSpec): Weights =>
  initialTensors(languageModelProgram(spec, { batch: 1, window: 1 }, { optimizer: adam(), clipNorm: null }), 3);

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += (a[k] ?? NaN) * (b[k] ?? NaN);
  return sum;
};
const unit = (a: ArrayLike<number>): number[] => Array.from(a, (value) => value / Math.sqrt(dot(a, a)));

/** The model as its formulas say, in float64: −log p of each word, from a state of zeros. */
function plainLosses(spec: LanguageModelSpec, weights: Weights, text: Int32Array, first: number): number[] {
  const { size, words } = spec;
  const numbers = (name: string): Float64Array => Float64Array.from(defined(weights.get(name), name).data, Number);
  const rowsOf = (table: WordTable, name: string): Float64Array => {
    if (table.kind === 'learned') return numbers(name);
    return Float64Array.from(table.kind === 'fixed' ? table.vectors : vectorsOf(table.geometry));
  };
  const row = (table: Float64Array, index: number, width: number) => table.subarray(index * width, (index + 1) * width);
  const input = rowsOf(spec.input, 'embedding.weight');
  const output = spec.output === 'input' ? input : rowsOf(spec.output, 'head.weight');
  const [bias, factor] = [numbers('head.bias'), numbers('embedding.scale')[0] ?? NaN];
  const layers = stateSizes(spec).map((width, layer) => ({
    width,
    ih: numbers(`lstm.${layer}.weight_ih`),
    hh: numbers(`lstm.${layer}.weight_hh`),
    bias: numbers(`lstm.${layer}.bias`),
    h: new Float64Array(width),
    c: new Float64Array(width),
  }));
  return Array.from(text, (target, place) => {
    let x: Float64Array = row(input, place === 0 ? first : (text[place - 1] ?? NaN), size).map(
      (value) => value * factor,
    );
    for (const layer of layers) {
      const { width, ih, hh, h, c } = layer;
      const gate = (index: number): number =>
        dot(x, row(ih, index, x.length)) + dot(h, row(hh, index, width)) + (layer.bias[index] ?? NaN);
      const gates = Array.from({ length: 4 * width }, (_, index) => gate(index));
      const at = (kind: number, unitIndex: number): number => gates[kind * width + unitIndex] ?? NaN;
      layer.c = c.map((value, k) => sigmoid(at(1, k)) * value + sigmoid(at(0, k)) * Math.tanh(at(2, k)));
      layer.h = layer.c.map((value, k) => sigmoid(at(3, k)) * Math.tanh(value));
      x = layer.h;
    }
    const alpha = spec.logits === 'cosine' ? (numbers('head.scale')[0] ?? NaN) : 1;
    const logits = Array.from({ length: words }, (_, word) => {
      const vector = row(output, word, size);
      const product = spec.logits === 'cosine' ? alpha * dot(unit(vector), unit(x)) : dot(vector, x);
      return product + (bias[word] ?? NaN);
    });
    return Math.log(logits.reduce((sum, z) => sum + Math.exp(z), 0)) - (logits[target] ?? NaN);
  });
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const scored = async (spec: LanguageModelSpec, weights: Weights, batch: number, window: number) =>
  await scoreText(await cpuRuntime(), spec, weights, { ids, first: FIRST }, { size: { batch, window } });

const models = [
  ['learned, tied, dot', tinyModel(learned, corpus)],
  ['learned, untied, cosine', tinyModel({ ...learned, tied: false, logits: 'cosine' }, corpus)],
  ['orthonormal, tied, cosine', tinyModel(orthonormal, corpus)],
  ['orthonormal, untied, dot', tinyModel({ ...orthonormal, tied: false, logits: 'dot' }, corpus)],
  ['hadamard, untied, cosine', tinyModel({ ...hadamard, tied: false }, corpus)],
] as const;

describe.each(models)('perplexity of %s', (_, spec) => {
  const weights = weightsOf(spec);

  test('is that of the plain formulas, whatever the window', async () => {
    const expected = mean(plainLosses(spec, weights, ids, FIRST));
    for (const window of [5, 33, 40]) {
      const score = await scored(spec, weights, 1, window);
      expect(score.tokens).toBe(33);
      expect(score.loss, `window ${window}`).toBeCloseTo(expected, 5);
      expect(score.perplexity).toBe(Math.exp(score.loss));
    }
  });

  test('several places at once: each piece from a state of zeros, with the word before it', async () => {
    const pieces = [0, 11, 22].flatMap((start) =>
      plainLosses(spec, weights, ids.subarray(start, start + 11), ids[start - 1] ?? FIRST),
    );
    const score = await scored(spec, weights, 3, 5);
    expect(score.tokens).toBe(33);
    expect(score.loss).toBeCloseTo(mean(pieces), 5);
    // A piece that is shorter than the others is not filled up with words that count.
    const shorter = await scoreText(
      await cpuRuntime(),
      spec,
      weights,
      { ids: ids.subarray(0, 31), first: FIRST },
      { size: { batch: 3, window: 5 } },
    );
    expect(shorter.tokens).toBe(31);
  });

  test('the model that writes gives the same, word by word and for several texts at once', async () => {
    const runtime = await cpuRuntime();
    const bytes = toOnnx(lower(nextWordGraph(spec, weights), { kind: 'portable' }));
    await using session = await runtime.createSession(bytes, 'inference');
    const other = Int32Array.from(ids, (id) => (id + 7) % 23);
    let states = zeroStates(spec, 2);
    const losses: number[][] = [[], []];
    for (let place = 0; place < 6; place++) {
      const before = [ids, other].map((text) => text[place - 1] ?? FIRST);
      const outputs = await session.run({ words: int32([2], before), ...states });
      states = nextStates(spec, outputs);
      const logits = Float64Array.from(defined(outputs['logits'], 'logits').data, Number);
      [ids, other].forEach((text, column) => {
        const own = logits.subarray(column * 23, (column + 1) * 23);
        const normalizer = Math.log(own.reduce((sum, z) => sum + Math.exp(z), 0));
        losses[column]?.push(normalizer - (own[text[place] ?? 0] ?? NaN));
      });
    }
    [ids, other].forEach((text, column) => {
      plainLosses(spec, weights, text.subarray(0, 6), FIRST).forEach((loss, place) => {
        expect(losses[column]?.[place]).toBeCloseTo(loss, 4);
      });
    });
  });
});

test('a scorer takes any number of texts', async () => {
  const spec = tinyModel(orthonormal, corpus);
  const runtime = await cpuRuntime();
  const bytes = toOnnx(lower(scoringGraph(spec, weightsOf(spec), { window: 4 }), { kind: 'portable' }));
  await using session = await runtime.createSession(bytes, 'inference');
  const score = async (batch: number): Promise<number[]> => {
    const words = Int32Array.from({ length: 4 * batch }, (_, cell) => ids[Math.floor(cell / batch)] ?? 0);
    const shape = [4, batch];
    const outputs = await session.run({
      words: int32(shape, words),
      targets: int32(shape, words),
      ...zeroStates(spec, batch),
    });
    return Array.from(defined(outputs['log_likelihood'], 'likelihoods').data, Number);
  };
  const one = await score(1);
  const three = await score(3);
  three.forEach((value, cell) => {
    expect(value).toBeCloseTo(one[Math.floor(cell / 3)] ?? NaN, 5);
  });
});

describe('an untrained model', () => {
  const large = randomCorpus(400, 4000);
  const untrained = async (logits: 'dot' | 'cosine', bias: 'unigram' | 'zero') => {
    const choice = logits === 'dot' ? { ...learned, tied: false } : { ...orthonormal, tied: false };
    const sizes = { size: 32, hidden: 32, layers: 1, dropout: 0, bias } as const;
    const spec = languageModelOf(choice, sizes, large.vocabulary, 1);
    const text = { ids: large.splits.train.subarray(0, 2000), first: 0 };
    return (await scoreText(await cpuRuntime(), spec, weightsOf(spec), text)).perplexity;
  };
  const unigram = unigramPerplexity(
    { ...large, splits: { ...large.splits, train: large.splits.train.subarray(0, 2000) } },
    'train',
  );

  test('knows how common words are by its first bias, and nothing without', async () => {
    expect(unigram).toBeLessThan(330);
    expect(Math.abs((await untrained('dot', 'unigram')) / unigram - 1)).toBeLessThan(0.02);
    expect(Math.abs((await untrained('dot', 'zero')) / 400 - 1)).toBeLessThan(0.02);
  });

  test('random cosines with α = √N add noise of variance 1 to the logits: a factor of about √e', async () => {
    for (const [bias, without] of [
      ['unigram', unigram],
      ['zero', 400],
    ] as const) {
      const factor = (await untrained('cosine', bias)) / without;
      expect(Math.abs(factor / Math.sqrt(Math.E) - 1), `${bias}: ${factor}`).toBeLessThan(0.1);
    }
  });
});

test('answers that are no numbers are an error', async () => {
  const spec = tinyModel(learned, corpus);
  const weights = new Map(weightsOf(spec));
  const bias = defined(weights.get('head.bias'), 'bias');
  bias.data.fill(NaN as never);
  await expect(scored(spec, weights, 1, 5)).rejects.toThrow(
    'the model’s answers are not finite; received a mean of NaN nats for each word; training diverged: lower the learning rate',
  );
});
