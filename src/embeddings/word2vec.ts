import { inputError, usageError } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import type { TokenStream, WordEmbedding } from './embedding.ts';
import type { PieceResult, SkipGramJob } from './skip-gram-job.ts';
import { allocateSkipGram, copyTable, fillVectors } from './skip-gram-memory.ts';
import { checkTokenStream, withoutRareWords } from './token-stream.ts';
import { runHere, runOnThreads } from './word2vec-run.ts';

/** How far word2vec is. */
export interface Word2vecProgress {
  /** Words of text done, over all epochs. */
  readonly done: number;
  readonly total: number;
  /** Mean of the loss of a pair (see {@link trainWord2vec}) over the last 10,000 words or so. */
  readonly loss: number;
  readonly wordsPerSecond: number;
}

/** How word vectors are learnt by {@link trainWord2vec}. */
export interface Word2vecOptions {
  /** N ≥ 1: numbers in a vector. */
  readonly size: number;
  /** c ≥ 1: the largest distance between the words of a pair; for each word it is drawn from 1 … c. */
  readonly window: number;
  /** K ≥ 1: noise words for each pair. */
  readonly negatives: number;
  /** How often the text is gone through. */
  readonly epochs: number;
  /** η_0 > 0: the learning rate falls linearly from it to 0.0001 of it. */
  readonly learningRate: number;
  /**
   * t ≥ 0: an occurrence of a word that makes up the share f of the text stays with the probability min(1, √(t/f) + t/f).
   * 0 keeps every one.
   */
  readonly subsample: number;
  readonly seed: number;
  /** Threads. With one, the result is the same bits each time; with more it is not, and sooner there. */
  readonly workers: number;
  /** Words that occur less often are left out of the text and of the result. */
  readonly minCount?: number;
  readonly signal?: AbortSignal;
  /** Called after each piece of some thousand words. */
  readonly onProgress?: (progress: Word2vecProgress) => void;
}

type Settings = Required<Omit<Word2vecOptions, 'signal' | 'onProgress'>>;

/** What is used where nothing is said; how often the text is gone through depends on its length ({@link word2vecEpochs}). */
export const word2vecDefaults: Readonly<
  Omit<Required<Word2vecOptions>, 'size' | 'seed' | 'epochs' | 'signal' | 'onProgress'>
> = Object.freeze({
  window: 5,
  negatives: 5,
  learningRate: 0.025,
  subsample: 1e-4,
  workers: 1,
  minCount: 1,
});

/** Vectors need about so many words of text, whether they are different ones or not: those of a short text stay near zero otherwise. */
const ENOUGH_WORDS = 2e7;

/** How often a text of so many tokens is gone through where nothing is said: 5 times, a short text up to 200 times. */
export function word2vecEpochs(tokens: number): number {
  return Math.max(5, Math.min(200, Math.ceil(ENOUGH_WORDS / tokens)));
}

function checkSettings(settings: Settings): void {
  for (const name of ['size', 'window', 'negatives', 'epochs', 'workers', 'minCount'] as const) {
    const value = settings[name];
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw usageError('not a whole number in range', {
      where: `word2vec: ${name}`,
      expected: '1 or more',
      received: `${value}`,
    });
  }
  const { learningRate, subsample } = settings;
  if (!(learningRate > 0 && learningRate < Infinity)) {
    throw usageError('not a learning rate', {
      where: 'word2vec: learningRate',
      expected: 'a number above 0',
      received: `${learningRate}`,
    });
  }
  if (!(subsample >= 0 && subsample < Infinity)) {
    throw usageError('not a threshold of frequency', {
      where: 'word2vec: subsample',
      expected: '0 (keep all) or a small number such as 0.0001',
      received: `${subsample}`,
    });
  }
}

/** The same numbers in memory that threads share. */
function shared(ids: Int32Array): Int32Array {
  const copy = new Int32Array(new SharedArrayBuffer(ids.byteLength));
  copy.set(ids);
  return copy;
}

/**
 * Word vectors by skip-gram with negative sampling (Mikolov, Sutskever, Chen, Corrado, Dean 2013, "Distributed
 * representations of words and phrases and their compositionality"; the learning rate, the initial values and the
 * probability of a frequent word to stay are those of the authors' program).
 *
 * For pairs of an input word i and a word o at most c words from it, the loss
 *
 *     ℓ = −log σ(⟨u_o, v_i⟩) − Σ_{k=1…K} log σ(−⟨u_{n_k}, v_i⟩),   σ(x) = 1 / (1 + e⁻ˣ)
 *
 * is descended pair by pair. v are the input vectors (the result's `vectors`, at first uniform in ±1/(2N)), u the output
 * vectors (its `context`, at first 0), n_k noise words drawn by count^0.75.
 *
 * No pair crosses the end of a sentence, the token `boundary`. That token belongs to the sentence that it ends, so that it
 * gets a vector too. A sentence without an end is cut after 20,000 words.
 *
 * With one worker the result is a function of text and options alone. Several workers draw the same words and windows but
 * change the tables at the same time, without locks: as good and sooner there, but not the same bits twice.
 *
 * @throws a usage error for options out of range; an input error for text with fewer than two different words, text in
 * which no two words share a sentence, or vectors that grow beyond all bounds; the signal's reason after an abort.
 */
export async function trainWord2vec(
  stream: TokenStream,
  options: Partial<Word2vecOptions> & Pick<Word2vecOptions, 'size' | 'seed'>,
): Promise<WordEmbedding> {
  const settings = { ...word2vecDefaults, epochs: word2vecEpochs(stream.ids.length), ...options };
  const { size, window, negatives, epochs, seed, learningRate, subsample, workers } = settings;
  checkSettings(settings);
  checkTokenStream(stream);
  const text = withoutRareWords(stream, settings.minCount);
  checkTokenStream(text);
  const tables = allocateSkipGram({ words: text.words.length, size, negatives, workers });
  const random = randomStream(seed, 'word2vec', 'initial');
  fillVectors(tables, () => (random.uniform() - 0.5) / size);
  const ids = workers === 1 ? text.ids : shared(text.ids);
  const { counts, boundary } = text;
  const job: SkipGramJob = { tables, ids, counts, boundary, window, epochs, learningRate, subsample, seed };

  const startedAt = performance.now();
  let [done, allPairs] = [0, 0];
  const onPiece = ({ loss, pairs, words }: PieceResult): void => {
    if (!Number.isFinite(loss)) throw divergence(learningRate, done / ids.length);
    done += words;
    allPairs += pairs;
    const wordsPerSecond = (1000 * done) / (performance.now() - startedAt);
    settings.onProgress?.({ done, total: epochs * ids.length, loss: loss / Math.max(1, pairs), wordsPerSecond });
  };
  await (workers === 1 ? runHere : runOnThreads)(job, onPiece, settings.signal);
  if (allPairs === 0) {
    throw inputError('no pair of words to learn from', {
      where: 'word2vec',
      expected: 'sentences of two words or more',
      received: `${ids.length} tokens, none with another one in its sentence`,
      hint: subsample > 0 ? 'a larger threshold of frequency keeps more words, 0 all' : 'add text',
    });
  }
  const vectors = copyTable(tables, 'vectors');
  const context = copyTable(tables, 'context');
  for (const table of [vectors, context]) {
    if (!table.every((value) => Number.isFinite(value))) throw divergence(learningRate, epochs);
  }
  const facts = [`window ${window}`, `${negatives} noise words`, `${epochs} epochs`, `seed ${seed}`];
  return Object.freeze({ words: text.words, size, vectors, context, method: `word2vec (${facts.join(', ')})` });
}

function divergence(learningRate: number, epochsDone: number): Error {
  return inputError('the word vectors grew beyond all bounds', {
    where: 'word2vec',
    received: `numbers that are not finite in epoch ${Math.floor(epochsDone) + 1}`,
    hint: `choose a learning rate below ${learningRate}`,
  });
}
