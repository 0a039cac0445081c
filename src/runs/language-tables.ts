import { usageError } from '../core/errors.ts';
import { permutation, randomStream } from '../core/random.ts';
import type { Vocabulary } from '../data/text/vocabulary.ts';
import { orthonormalTable } from '../embeddings/orthonormal.ts';
import { assigned } from '../heads/assigned.ts';
import type { Geometry } from '../heads/geometry.ts';
import { geometryOf } from '../heads/geometry-of.ts';
import { vectorsOf } from '../heads/geometry.ts';
import { headSpec } from '../heads/spec.ts';
import type { LanguageModelSpec, LogitForm, WordTable } from '../models/language-model.ts';

/** Where the word vectors of a model come from. */
export const embeddingKinds = ['learned', 'orthonormal', 'hadamard', 'word2vec', 'pmi', 'file'] as const;

/** See {@link embeddingKinds}. */
export type EmbeddingKind = (typeof embeddingKinds)[number];

/** What a language model's word vectors are, and whether training changes them. */
export interface VectorChoice {
  readonly embedding: EmbeddingKind;
  /** Words are predicted with the vectors that they enter with. */
  readonly tied: boolean;
  /** Training does not change them. */
  readonly fixed: boolean;
  readonly logits: LogitForm;
}

/** Vectors that were made from text or read from a file, in the order of the vocabulary. */
export interface GivenVectors {
  /** `[V, N]`. */
  readonly vectors: Float32Array;
  /** The vectors of the same words as context `[V, N]`; a file has none. */
  readonly context?: Float32Array;
}

/** Whether a kind's vectors are made from text or read from a file. */
export function needsVectors(kind: EmbeddingKind): kind is 'word2vec' | 'pmi' | 'file' {
  return kind === 'word2vec' || kind === 'pmi' || kind === 'file';
}

/** Rows scaled to unit length; a row without a direction stays zero. */
function unitRows(vectors: Float32Array, size: number): Float32Array {
  const rows = Float32Array.from(vectors);
  for (let first = 0; first < rows.length; first += size) {
    const row = rows.subarray(first, first + size);
    const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    if (norm > 0) row.forEach((value, k) => (row[k] = value / norm));
  }
  return rows;
}

/** All rows times one number, so that their norms have the mean 1. */
function meanUnit(vectors: Float32Array, size: number): Float32Array {
  let sum = 0;
  for (let first = 0; first < vectors.length; first += size)
    sum += Math.sqrt(vectors.subarray(first, first + size).reduce((total, value) => total + value * value, 0));
  const factor = vectors.length / size / sum;
  return vectors.map((value) => value * factor);
}

/** The signed Hadamard bases that hold V vectors of N numbers. */
function hadamardBases(words: number, size: number): Geometry {
  const geometry = geometryOf(headSpec('coset'), { classes: words, features: size, sign: 'signed' });
  if (geometry === undefined) throw usageError('no Hadamard vectors of this size', { received: String(size) });
  return geometry;
}

/** The same vectors, dealt to the words in another order. */
function dealt(geometry: Geometry, seed: number): Geometry {
  return assigned(geometry, permutation(geometry.classes, randomStream(seed, 'deal')));
}

/** The two sets of vectors of a choice: for words as input, and as output where it has its own. */
function vectorSets(
  { embedding, tied, fixed, logits }: VectorChoice,
  words: number,
  size: number,
  seed: number,
  given: GivenVectors | undefined,
): { readonly input: WordTable; readonly output: WordTable | 'input' } {
  const table = (vectors: Float32Array): WordTable => {
    if (!fixed) return { kind: 'learned', initial: meanUnit(vectors, size) };
    return { kind: 'fixed', vectors: logits === 'cosine' ? unitRows(vectors, size) : meanUnit(vectors, size) };
  };
  const both = (first: WordTable, second: () => WordTable): ReturnType<typeof vectorSets> => ({
    input: first,
    output: tied ? 'input' : second(),
  });
  switch (embedding) {
    case 'learned':
      return both({ kind: 'learned' }, () => ({ kind: 'learned' }));
    case 'orthonormal':
      return both(table(orthonormalTable(words, size, seed)), () => table(orthonormalTable(words, size, seed + 1)));
    case 'hadamard': {
      const geometry = hadamardBases(words, size);
      if (!fixed) return both(table(vectorsOf(dealt(geometry, seed))), () => table(vectorsOf(geometry)));
      return tied
        ? { input: { kind: 'geometry', geometry }, output: 'input' }
        : { input: { kind: 'geometry', geometry: dealt(geometry, seed) }, output: { kind: 'geometry', geometry } };
    }
    case 'word2vec':
    case 'pmi':
    case 'file':
      if (given === undefined) throw usageError('these word vectors are made first', { received: embedding });
      return both(table(given.vectors), () => table(given.context ?? given.vectors));
    default:
      return embedding satisfies never;
  }
}

/**
 * log((n_w + 1)/(n + V)) of each word, with its count n_w and n tokens in all: the frequencies of the words, by Laplace's rule. As
 * the first bias it makes an untrained model about as good as one that knows only how common words are; with cosines the first
 * logits also have noise of variance 1 (α = √N), which makes that perplexity √e = 1.65 times as large until α has found its size.
 */
export function unigramBias({ counts }: Pick<Vocabulary, 'counts'>): Float32Array {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return Float32Array.from(counts, (count) => Math.log((count + 1) / (total + counts.length)));
}

/** What a language model is, besides its word vectors. */
export interface LanguageModelSizes {
  readonly size: number;
  readonly hidden: number;
  readonly layers: number;
  readonly dropout: number;
  /** How the bias starts: by the words' frequencies, or at zero. */
  readonly bias: 'unigram' | 'zero';
}

/**
 * The model of a choice of word vectors.
 *
 * @param given vectors made from text or read from a file, where the choice asks for them
 * @throws a usage error for vectors that cannot be fixed, or of another size.
 */
export function languageModelOf(
  choice: VectorChoice,
  sizes: LanguageModelSizes,
  vocabulary: Pick<Vocabulary, 'words' | 'counts'>,
  seed: number,
  given?: GivenVectors,
): LanguageModelSpec {
  if (choice.embedding === 'learned' && choice.fixed) {
    throw usageError('learned word vectors cannot be fixed', {
      where: '--embedding learned --fixed',
      legal: embeddingKinds.filter((kind) => kind !== 'learned'),
    });
  }
  const words = vocabulary.words.length;
  const { bias, ...model } = sizes;
  return Object.freeze({
    ...model,
    words,
    logits: choice.logits,
    ...vectorSets(choice, words, sizes.size, seed, given),
    bias: bias === 'unigram' ? unigramBias(vocabulary) : new Float32Array(words),
  });
}
