import { describe, expect, it } from 'vitest';
import { FixheadError } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import { cooccurrences } from './cooccurrence.ts';
import type { TokenStream, WordEmbedding } from './embedding.ts';
import { shiftedPositivePmi } from './pmi-matrix.ts';
import { pmiEmbedding, type PmiOptions } from './pmi.ts';

function stream(text: string): TokenStream {
  const tokens = text.split('\n').flatMap((line) => [...line.split(' '), '<eos>']);
  const words = [...new Set(tokens)];
  const counts = Float64Array.from(words, (word) => tokens.filter((token) => token === word).length);
  const ids = Int32Array.from(tokens, (token) => words.indexOf(token));
  return { ids, words, counts, boundary: words.indexOf('<eos>') };
}

/** Two kinds of sentences whose words never meet, except in "the" and "a". */
function kinds(): TokenStream {
  const { integer } = randomStream(1, 'pmi test');
  const topics = [
    ['cat', 'dog', 'mouse', 'fur', 'tail'],
    ['bank', 'loan', 'debt', 'gold', 'coin'],
  ];
  const lines = Array.from({ length: 400 }, (_, line) => {
    const topic = topics[line % 2] ?? [];
    return Array.from({ length: 6 }, (_word, k) =>
      k % 2 === 0 ? (['the', 'a'][integer(2)] ?? '') : (topic[integer(5)] ?? ''),
    ).join(' ');
  });
  return stream(lines.join('\n'));
}

function cosine(e: WordEmbedding, a: string, b: string): number {
  const vector = (word: string): Float32Array => {
    const at = e.words.indexOf(word) * e.size;
    return e.vectors.subarray(at, at + e.size);
  };
  const dot = (x: Float32Array, y: Float32Array): number => x.reduce((sum, value, k) => sum + value * (y[k] ?? 0), 0);
  const [x, y] = [vector(a), vector(b)];
  return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
}

/** The definition, entry by entry. */
function definition(counts: number[][], shift: number, smoothing: number): number[][] {
  const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);
  const total = sum(counts.flat());
  const ofContext = counts.map((_, c) => sum(counts.map((row) => row[c] ?? 0)));
  const smoothed = sum(ofContext.map((count) => count ** smoothing));
  return counts.map((row) =>
    row.map((count, c) => {
      if (count === 0) return 0;
      const [joint, word, context] = [count / total, sum(row) / total, (ofContext[c] ?? 0) ** smoothing / smoothed];
      return Math.max(0, Math.log(joint / (word * context)) - Math.log(shift));
    }),
  );
}

describe('shiftedPositivePmi', () => {
  it.each([
    [1, 1],
    [1, 0.75],
    [1.5, 0.75],
    [1.2, 0.5],
  ])('is its definition with shift %f and smoothing %f', async (shift, contextSmoothing) => {
    const text = kinds();
    const size = text.words.length;
    const counts = await cooccurrences(text, { window: 2, weights: 'linear' });
    const matrix = shiftedPositivePmi(counts, { shift, contextSmoothing });
    const open = (of: typeof matrix): number[][] =>
      Array.from({ length: size }, (_, row) => {
        const out = new Array<number>(size).fill(0);
        for (let k = of.starts[row] ?? 0; k < (of.starts[row + 1] ?? 0); k++)
          out[of.columnOf[k] ?? 0] = of.values[k] ?? 0;
        return out;
      });
    const expected = definition(open(counts), shift, contextSmoothing);
    open(matrix).forEach((row, word) => {
      row.forEach((value, context) => {
        expect(value).toBeCloseTo(expected[word]?.[context] ?? NaN, 6);
      });
    });
    expect(Math.min(...matrix.values)).toBeGreaterThan(0);
    expect(matrix.values.length).toBeGreaterThan(0);
    expect(matrix.values.length).toBeLessThan(counts.values.length);
  });
});

describe('pmiEmbedding', () => {
  it('brings words of the same company together', async () => {
    const e = await pmiEmbedding(kinds(), { size: 2, seed: 1, window: 5 });
    for (const [word, companion, stranger] of [
      ['cat', 'tail', 'loan'],
      ['gold', 'loan', 'fur'],
    ] as const) {
      expect(cosine(e, word, companion)).toBeGreaterThan(0.95);
      expect(cosine(e, word, stranger)).toBeLessThan(0.6);
    }
    expect(e.method).toBe('pmi, window 5 linear, shift 1, context smoothing 0.75, weighting 0.5, seed 1');
  });

  it('has factors whose product is the matrix, at any weighting and where the matrix has full rank', async () => {
    const text = kinds();
    const size = text.words.length;
    const counts = await cooccurrences(text, { window: 2, weights: 'linear' });
    const matrix = shiftedPositivePmi(counts, { shift: 1, contextSmoothing: 0.75 });
    for (const weighting of [0, 0.5, 1]) {
      const { vectors, context, words } = await pmiEmbedding(text, { size: size + 3, seed: 1, weighting });
      expect(words).toEqual(text.words);
      for (let w = 0; w < size; w++) {
        const row = new Map<number, number>();
        for (let k = matrix.starts[w] ?? 0; k < (matrix.starts[w + 1] ?? 0); k++)
          row.set(matrix.columnOf[k] ?? 0, matrix.values[k] ?? 0);
        for (let c = 0; c < size; c++) {
          let product = 0;
          for (let k = 0; k < size + 3; k++) {
            product += (vectors[w * (size + 3) + k] ?? 0) * (context?.[c * (size + 3) + k] ?? 0);
          }
          expect(product).toBeCloseTo(row.get(c) ?? 0, 5);
        }
      }
    }
  });

  it('is a function of the text, the options and the seed', async () => {
    const options = { size: 3, seed: 1, window: 2 };
    expect(await pmiEmbedding(kinds(), options)).toEqual(await pmiEmbedding(kinds(), options));
  });

  it('leaves out a word that would have the zero vector', async () => {
    const text = kinds();
    const more: TokenStream = {
      ...text,
      words: ['unseen', ...text.words],
      counts: Float64Array.from([0, ...text.counts]),
      ids: text.ids.map((id) => id + 1),
      boundary: text.boundary + 1,
    };
    const e = await pmiEmbedding(more, { size: 3, seed: 1 });
    expect(e.words).toEqual(text.words);
    for (const word of e.words) expect(cosine(e, word, word)).toBeCloseTo(1, 6);
  });

  it('tells how far it is, and stops when it is told to', async () => {
    const stages: string[] = [];
    await pmiEmbedding(kinds(), {
      size: 3,
      seed: 1,
      oversampling: 2,
      iterations: 1,
      onProgress: (p) => stages.push(`${p.stage} ${p.done}/${p.total}`),
    });
    expect(stages).toEqual(['factors 1/4', 'factors 2/4', 'factors 3/4', 'factors 4/4']);
    const stopped = pmiEmbedding(kinds(), { size: 3, seed: 1, signal: AbortSignal.abort(new Error('enough')) });
    await expect(stopped).rejects.toThrow('enough');
  });

  it('refuses a text in which words are together by chance only', async () => {
    await expect(pmiEmbedding(stream('one'), { size: 2, seed: 1, shift: 20 })).rejects.toThrow(
      'pmi: no two words are together more often than by chance; received 2 tokens of 2 words, window 2, shift 20; take more text or a smaller shift',
    );
  });

  it.each<[Partial<PmiOptions>, string]>([
    [{ size: 0 }, 'wrong size of a PMI embedding; expected a whole number ≥ 1, received 0'],
    [{ window: 1.5 }, 'wrong window of a PMI embedding; expected a whole number ≥ 1, received 1.5'],
    [{ oversampling: -1 }, 'wrong oversampling of a PMI embedding; expected a whole number ≥ 0, received -1'],
    [{ iterations: NaN }, 'wrong iterations of a PMI embedding; expected a whole number ≥ 0, received NaN'],
    [
      { shift: 0.5 },
      'wrong shift of a PMI embedding; expected a number ≥ 1, whose logarithm is subtracted, received 0.5',
    ],
    [
      { weighting: 2 },
      'wrong weighting of a PMI embedding; expected a power of the singular values from 0 to 1, received 2',
    ],
    [
      { contextSmoothing: 0 },
      'wrong context smoothing of a PMI embedding; expected a power of the frequencies above 0, at most 1, received 0',
    ],
  ])('refuses %j', async (options, message) => {
    const made = pmiEmbedding(kinds(), { size: 3, seed: 1, ...options });
    await expect(made).rejects.toThrow(FixheadError);
    await expect(made).rejects.toThrow(message);
  });
});
