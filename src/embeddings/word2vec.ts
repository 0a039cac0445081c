import { setImmediate } from 'node:timers/promises';
import { inputError, usageError } from '../core/errors.ts';
import { permutation, randomStream } from '../core/random.ts';
import { aliasTable } from './alias-table.ts';
import type { TokenStream, WordEmbedding } from './embedding.ts';
import { descendText, skipGramScratch, type SkipGramSampling, type SkipGramTables } from './skip-gram.ts';

/** How far word2vec is. */
export interface Word2vecProgress {
  /** Words of text done, over all epochs. */
  readonly done: number;
  readonly total: number;
  /** Mean of ℓ over the pairs since the last report. */
  readonly loss: number;
  readonly wordsPerSecond: number;
}

export interface Word2vecOptions {
  /** N: numbers in a vector. */
  readonly size: number;
  /** c: the largest distance between the words of a pair; for each word it is drawn from 1 … c. */
  readonly window: number;
  /** K: noise words for each pair. */
  readonly negatives: number;
  /** How often the text is gone through. */
  readonly epochs: number;
  /** α_0: the rate falls linearly from it to 0.0001 of it. */
  readonly learningRate: number;
  /**
   * t: an occurrence of a word that makes up the share f of the text stays with the probability min(1, √(t/f) + t/f).
   * 0 keeps every word.
   */
  readonly subsample: number;
  readonly seed: number;
  readonly workers: number;
  /** Words that occur less often are left out of the text and of the result. */
  readonly minCount?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Word2vecProgress) => void;
}

export const word2vecDefaults = Object.freeze({
  window: 5,
  negatives: 5,
  epochs: 5,
  learningRate: 0.025,
  subsample: 1e-4,
  workers: 1,
  minCount: 1,
});

/** The rate never falls below this share of what it was, as in the authors' program. */
const lastRate = 1e-4;

/** Noise words are drawn with the probability count^0.75 / Σ count^0.75. */
const noisePower = 0.75;

/** Words of text that are one piece of work. */
const pieceLength = 10_000;

/**
 * Word vectors by skip-gram with negative sampling (Mikolov, Sutskever, Chen, Corrado, Dean 2013, "Distributed
 * representations of words and phrases and their compositionality").
 */
export async function trainWord2vec(
  stream: TokenStream,
  options: Partial<Word2vecOptions> & Pick<Word2vecOptions, 'size' | 'seed'>,
): Promise<WordEmbedding> {
  const settings = { ...word2vecDefaults, ...options };
  const { size, window, negatives, epochs, seed, learningRate, subsample } = settings;
  const text = stream;
  const words = text.words.length;
  const total = text.counts.reduce((sum, count) => sum + count, 0);
  const sampling: SkipGramSampling = {
    window,
    negatives,
    keep: text.counts.map((count) => {
      const ratio = (subsample * total) / count;
      return subsample === 0 || !Number.isFinite(ratio) ? 1 : Math.min(1, Math.sqrt(ratio) + ratio);
    }),
    noise: aliasTable(text.counts.map((count) => count ** noisePower)),
    boundary: text.boundary,
  };
  if (text.ids.length === 0) throw usageError('no text to learn from', { where: 'word2vec' });
  const random = randomStream(seed, 'word2vec', 'initial');
  const tables: SkipGramTables = {
    size,
    vectors: Float32Array.from({ length: words * size }, () => (random.uniform() - 0.5) / size),
    context: new Float32Array(words * size),
  };
  const pieces: Int32Array[] = [];
  for (let begin = 0; begin < text.ids.length;) {
    const mark = text.ids.indexOf(text.boundary, begin + pieceLength - 1);
    const end = mark === -1 ? text.ids.length : mark + 1;
    pieces.push(text.ids.subarray(begin, end));
    begin = end;
  }
  const scratch = skipGramScratch(Math.max(...pieces.map((piece) => piece.length)), size, negatives);
  const tokens = epochs * text.ids.length;
  const startedAt = performance.now();
  let done = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const index of permutation(pieces.length, randomStream(seed, 'word2vec', 'order', epoch))) {
      settings.signal?.throwIfAborted();
      const piece = pieces[index] ?? new Int32Array();
      const stream = randomStream(seed, 'word2vec', epoch, index);
      const before = done;
      const rate = (share: number): number =>
        learningRate * Math.max(lastRate, 1 - (before + share * piece.length) / tokens);
      const { loss, pairs } = descendText(tables, piece, sampling, stream, rate, scratch);
      if (!Number.isFinite(loss)) {
        throw inputError('the word vectors grew beyond all bounds', {
          where: 'word2vec',
          received: `a loss of ${loss} in epoch ${epoch + 1}`,
          hint: `choose a smaller learning rate than ${learningRate}`,
        });
      }
      done += piece.length;
      const seconds = (performance.now() - startedAt) / 1000;
      settings.onProgress?.({ done, total: tokens, loss: loss / Math.max(1, pairs), wordsPerSecond: done / seconds });
      await setImmediate();
    }
  }
  return Object.freeze({
    words: text.words,
    size,
    vectors: tables.vectors,
    context: tables.context,
    method: `word2vec: skip-gram, ${negatives} noise words, window ${window}, ${epochs} epochs, seed ${seed}`,
  });
}
