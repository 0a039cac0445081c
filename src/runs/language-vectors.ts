import { inputError, internalError } from '../core/errors.ts';
import { float32, type HostTensor } from '../core/tensor.ts';
import { kindOf } from '../data/files.ts';
import type { TextCorpus } from '../data/text/corpus.ts';
import { alignEmbedding, wordForms } from '../embeddings/align.ts';
import type { TokenStream } from '../embeddings/embedding.ts';
import { readEmbeddingFile } from '../embeddings/files.ts';
import { pmiEmbedding } from '../embeddings/pmi.ts';
import { trainWord2vec } from '../embeddings/word2vec.ts';
import { writeFileAtomically } from '../train/atomic.ts';
import type { RunPaths } from '../train/run-folder.ts';
import { encodeSafetensors, readSafetensors } from '../train/safetensors.ts';
import type { StoredVectorChoice } from './language-config.ts';
import { needsVectors, type EmbeddingKind, type GivenVectors } from './language-tables.ts';

/** Word vectors by the kind that they are of. */
export type VectorsByKind = ReadonlyMap<EmbeddingKind, GivenVectors>;

/** The training text of a corpus as word vectors are made of it. */
export function tokenStreamOf({ splits, vocabulary }: TextCorpus): TokenStream {
  const { words, counts, endOfSentence } = vocabulary;
  return { ids: splits.train, words, counts, boundary: endOfSentence };
}

/** What making vectors tells. */
export interface VectorOptions {
  readonly signal?: AbortSignal;
  /** Receives one line for each decision that a reader should know about. */
  readonly log?: (line: string) => void;
  /** Called while vectors of a kind are made; a share of 1 is all. */
  readonly onVectors?: (kind: EmbeddingKind, share: number) => void;
}

/**
 * The vectors of a choice, made from the training text or read from its file; `undefined` for kinds that need none.
 *
 * @throws an input error for a file that cannot be read or has vectors of another size.
 */
async function makeVectors(
  { embedding, file }: StoredVectorChoice,
  corpus: TextCorpus,
  size: number,
  seed: number,
  { signal, log, onVectors }: VectorOptions,
): Promise<GivenVectors | undefined> {
  switch (embedding) {
    case 'learned':
    case 'orthonormal':
    case 'hadamard':
      return undefined;
    case 'word2vec': {
      const made = await trainWord2vec(tokenStreamOf(corpus), {
        size,
        seed,
        ...(signal === undefined ? {} : { signal }),
        onProgress: ({ done, total }) => onVectors?.(embedding, done / total),
      });
      return alignEmbedding(made, corpus.vocabulary, seed);
    }
    case 'pmi': {
      const made = await pmiEmbedding(tokenStreamOf(corpus), {
        size,
        seed,
        ...(signal === undefined ? {} : { signal }),
        onProgress: ({ stage, done, total }) => onVectors?.(embedding, stageShare[stage](done / total)),
      });
      return alignEmbedding(made, corpus.vocabulary, seed);
    }
    case 'file': {
      if (file === undefined) throw internalError('a choice of a file has one');
      const { vocabulary } = corpus;
      const words = new Set(vocabulary.words.flatMap(wordForms));
      const read = await readEmbeddingFile(file, (word) => words.has(word));
      if (read.size !== size) {
        throw inputError('word vectors of another size than the model', {
          where: file,
          expected: `${size} numbers each`,
          received: String(read.size),
          hint: `train with --size ${read.size}`,
        });
      }
      const aligned = alignEmbedding(read, vocabulary, seed);
      log?.(
        `${file}: vectors for ${aligned.found} of ${vocabulary.words.length} words (${percent(aligned.coverage)}), ${percent(aligned.tokenCoverage)} of the text; the others start in directions of their own`,
      );
      return aligned;
    }
    default:
      return embedding satisfies never;
  }
}

/** How much of the whole the stages of PMI vectors are: nearly all of it is the second. */
const stageShare = {
  counts: (share: number) => 0.05 * share,
  factors: (share: number) => 0.05 + 0.95 * share,
} as const;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** The vectors that these choices need, those of `known` as they are, the others made. */
export async function vectorsOfChoices(
  choices: readonly StoredVectorChoice[],
  corpus: TextCorpus,
  size: number,
  seed: number,
  known: VectorsByKind,
  options: VectorOptions = {},
): Promise<VectorsByKind> {
  const vectors = new Map(known);
  for (const choice of choices) {
    if (!needsVectors(choice.embedding) || vectors.has(choice.embedding)) continue;
    const made = await makeVectors(choice, corpus, size, seed, options);
    if (made !== undefined) vectors.set(choice.embedding, made);
  }
  return vectors;
}

/** Keeps vectors in a run's folder, so that it stays whole without the file or the time that they came from. */
export async function keepEmbedding(
  { embedding: path }: RunPaths,
  vectors: VectorsByKind,
  kinds: readonly EmbeddingKind[],
  size: number,
): Promise<void> {
  const tensors = new Map<string, HostTensor>();
  for (const [kind, { vectors: rows, context }] of vectors) {
    if (!kinds.includes(kind)) continue;
    const shape = [rows.length / size, size];
    tensors.set(`${kind}.vectors`, float32(shape, rows));
    if (context !== undefined) tensors.set(`${kind}.context`, float32(shape, context));
  }
  if (tensors.size > 0) await writeFileAtomically(path, encodeSafetensors({ tensors, metadata: {} }));
}

/** The vectors that a run's folder holds; none where it has no file of them. */
export async function keptEmbedding({ embedding: path }: RunPaths): Promise<VectorsByKind> {
  if ((await kindOf(path)) === undefined) return new Map();
  const { tensors } = await readSafetensors(path);
  const numbers = (name: string): Float32Array | undefined => {
    const value = tensors.get(name);
    return value?.dtype === 'float32' ? value.data : undefined;
  };
  const found = new Map<EmbeddingKind, GivenVectors>();
  for (const kind of ['word2vec', 'pmi', 'file'] as const) {
    const vectors = numbers(`${kind}.vectors`);
    const context = numbers(`${kind}.context`);
    if (vectors !== undefined) found.set(kind, { vectors, ...(context === undefined ? {} : { context }) });
  }
  return found;
}
