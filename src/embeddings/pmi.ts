import { inputError, usageError } from '../core/errors.ts';
import { cooccurrences, type WindowWeights } from './cooccurrence.ts';
import type { TokenStream, WordEmbedding } from './embedding.ts';
import { randomizedSvd } from './randomized-svd.ts';
import { shiftedPositivePmi } from './pmi-matrix.ts';

/** How an embedding is made from co-occurrence counts. */
export interface PmiOptions {
  /** N, how many numbers a vector has. */
  readonly size: number;
  /** L, how far a context word may be, on either side. */
  readonly window: number;
  /** What a pair of words at a distance counts. */
  readonly weights: WindowWeights;
  /** k ≥ 1: ln k is subtracted from the pointwise mutual information; as in word2vec with k negatives. */
  readonly shift: number;
  /** p from 0 to 1: word vectors are U·Σ^p, context vectors V·Σ^(1−p). */
  readonly weighting: number;
  /** The power of the context words' frequencies, over 0 to 1. */
  readonly contextSmoothing: number;
  readonly seed: number;
  /** See `randomizedSvd`. */
  readonly oversampling: number;
  /** See `randomizedSvd`. */
  readonly iterations: number;
  readonly signal?: AbortSignal;
  /** Called as each stage goes on. */
  readonly onProgress?: (progress: PmiProgress) => void;
}

/** How far {@link pmiEmbedding} is. */
export interface PmiProgress {
  /** Counting words near each other, or factorising the matrix. */
  readonly stage: 'counts' | 'factors';
  /** Tokens counted, or products with the matrix done. */
  readonly done: number;
  readonly total: number;
}

/**
 * What {@link pmiEmbedding} does unless told otherwise. The window is the best of 2, 5 and 10 at finding words of the same kind in two million words of speeches;
 * there a weighting of 0.5 or 0.75 is best, by little, and more than two iterations change nothing.
 */
export const pmiDefaults = Object.freeze({
  window: 2,
  weights: 'linear',
  shift: 1,
  weighting: 0.5,
  contextSmoothing: 0.75,
  oversampling: 32,
  iterations: 3,
} as const satisfies Omit<PmiOptions, 'size' | 'seed' | 'signal' | 'onProgress'>);

/**
 * Word vectors from a truncated singular value decomposition of the shifted positive pointwise mutual information matrix (Levy &
 * Goldberg, "Neural word embedding as implicit matrix factorization", 2014): M ≈ U·Σ·Vᵀ of rank N, word vectors W = U·Σ^p, context vectors
 * C = V·Σ^(1−p), so W·Cᵀ is the best approximation of M of that rank.
 *
 * p = 0.5 shares the singular values between words and contexts; p = 0 gives all directions the same weight; p = 1 keeps the angles
 * of the rows of M (Levy, Goldberg & Dagan, "Improving distributional similarity with lessons learned from word embeddings", 2015).
 *
 * The words are those of the stream, in its order, less the ones that have no positive entry in M: such a word would have the
 * zero vector, which has no direction. Where the rank of M is less than N the last numbers of each vector are 0.
 *
 * Time: tokens·2L for the counts, entries·(N + oversampling)·(2·iterations + 2) for the decomposition.
 *
 * @throws a usage error for an option out of its range; an input error for a text in which no two words are together more often
 * than by chance.
 */
export async function pmiEmbedding(
  stream: TokenStream,
  options: Partial<PmiOptions> & Pick<PmiOptions, 'size' | 'seed'>,
): Promise<WordEmbedding> {
  const chosen: PmiOptions = { ...pmiDefaults, ...options };
  check(chosen);
  const { size, window, weights, shift, weighting, contextSmoothing, seed, oversampling, iterations } = chosen;
  const { signal, onProgress } = chosen;
  const during = (stage: PmiProgress['stage']) => ({
    ...(signal === undefined ? {} : { signal }),
    onProgress: (done: number, total: number) => onProgress?.({ stage, done, total }),
  });
  const counts = await cooccurrences(stream, { window, weights, ...during('counts') });
  const matrix = shiftedPositivePmi(counts, { shift, contextSmoothing });
  const svd = await randomizedSvd(matrix, { rank: size, seed, oversampling, iterations, ...during('factors') });
  if (svd.rank === 0) {
    throw inputError('no two words are together more often than by chance', {
      where: 'pmi',
      received: `${stream.ids.length} tokens of ${stream.words.length} words, window ${window}, shift ${shift}`,
      hint: 'take more text or a smaller shift',
    });
  }
  const rows = stream.words.flatMap((_, row) =>
    (matrix.starts[row + 1] ?? 0) > (matrix.starts[row] ?? 0) ? [row] : [],
  );
  const factor = (vectors: Float64Array, power: number): Float32Array =>
    weightedRows(vectors, svd.values, power, rows, size);
  return Object.freeze({
    words: Object.freeze(rows.map((row) => stream.words[row] ?? '')),
    size,
    vectors: factor(svd.left, weighting),
    context: factor(svd.right, 1 - weighting),
    method: `pmi, window ${window} ${weights}, shift ${shift}, context smoothing ${contextSmoothing}, weighting ${weighting}, seed ${seed}`,
  });
}

/** The chosen rows of a `[·, r]` matrix, column k times σ_k^power, widened with zeros to `size` numbers. */
function weightedRows(
  vectors: Float64Array,
  values: Float64Array,
  power: number,
  rows: readonly number[],
  size: number,
): Float32Array {
  const rank = values.length;
  const powers = values.map((value) => value ** power);
  const out = new Float32Array(rows.length * size);
  rows.forEach((row, index) => {
    for (let k = 0; k < rank; k++) out[index * size + k] = (vectors[row * rank + k] ?? 0) * (powers[k] ?? 0);
  });
  return out;
}

function check(options: PmiOptions): void {
  const whole = (name: 'size' | 'window' | 'oversampling' | 'iterations', least: number): void => {
    if (!Number.isSafeInteger(options[name]) || options[name] < least) {
      throw usageError(`wrong ${name} of a PMI embedding`, {
        expected: `a whole number ≥ ${least}`,
        received: String(options[name]),
      });
    }
  };
  whole('size', 1);
  whole('window', 1);
  whole('oversampling', 0);
  whole('iterations', 0);
  if (!(options.shift >= 1 && Number.isFinite(options.shift))) {
    throw usageError('wrong shift of a PMI embedding', {
      expected: 'a number ≥ 1, whose logarithm is subtracted',
      received: String(options.shift),
    });
  }
  if (!(options.weighting >= 0 && options.weighting <= 1)) {
    throw usageError('wrong weighting of a PMI embedding', {
      expected: 'a power of the singular values from 0 to 1',
      received: String(options.weighting),
    });
  }
  if (!(options.contextSmoothing > 0 && options.contextSmoothing <= 1)) {
    throw usageError('wrong context smoothing of a PMI embedding', {
      expected: 'a power of the frequencies above 0, at most 1',
      received: String(options.contextSmoothing),
    });
  }
}
