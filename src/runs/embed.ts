import type { TextCorpus } from '../data/text/corpus.ts';
import type { WordEmbedding } from '../embeddings/embedding.ts';
import {
  indexVectors,
  judgeEmbedding,
  nearestNeighbours,
  type EmbeddingJudgement,
  type Neighbour,
} from '../embeddings/judge.ts';
import { pmiEmbedding, type PmiOptions } from '../embeddings/pmi.ts';
import { trainWord2vec, type Word2vecOptions } from '../embeddings/word2vec.ts';
import { tokenStreamOf } from './language-vectors.ts';

/** A method and its options. */
export type EmbedMethod =
  | ({ readonly method: 'word2vec' } & Partial<Word2vecOptions> & Pick<Word2vecOptions, 'size' | 'seed'>)
  | ({ readonly method: 'pmi' } & Partial<PmiOptions> & Pick<PmiOptions, 'size' | 'seed'>);

/** Word vectors and what they are worth. */
export interface EmbedResult {
  readonly embedding: WordEmbedding;
  /** Share of the vocabulary, and of the training text, that has a vector. */
  readonly coverage: number;
  readonly tokenCoverage: number;
  readonly judgement: EmbeddingJudgement;
  /** The nearest words of some frequent ones. */
  readonly neighbours: readonly { readonly word: string; readonly nearest: readonly Neighbour[] }[];
  readonly seconds: number;
}

const shownWords = 8;
const shownNeighbours = 5;
/** The most frequent words are the grammar's: articles, prepositions, signs. */
const grammarWords = 150;

/** Words to show neighbours of: frequent ones of five letters or more, far enough apart in frequency to differ. */
function contentWords({ vocabulary }: TextCorpus, has: (word: string) => boolean): readonly string[] {
  const candidates = vocabulary.words.filter(
    (word, rank) =>
      rank >= Math.min(grammarWords, vocabulary.words.length / 4) && /^\p{Ll}{5,}$/u.test(word) && has(word),
  );
  return candidates.filter((_, place) => place % 7 === 0).slice(0, shownWords);
}

/** Makes word vectors of the training part of a text and judges them. */
export async function embedText(corpus: TextCorpus, choice: EmbedMethod): Promise<EmbedResult> {
  const startedAt = performance.now();
  const stream = tokenStreamOf(corpus);
  const embedding = await (choice.method === 'pmi' ? pmiEmbedding(stream, choice) : trainWord2vec(stream, choice));
  const seconds = (performance.now() - startedAt) / 1000;
  const { words, counts } = corpus.vocabulary;
  const index = indexVectors(embedding);
  const own = new Set(embedding.words);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const covered = counts.reduce((sum, count, id) => (own.has(words[id] ?? '') ? sum + count : sum), 0);
  return {
    embedding,
    coverage: embedding.words.length / words.length,
    tokenCoverage: covered / total,
    judgement: judgeEmbedding(embedding),
    neighbours: contentWords(corpus, (word) => own.has(word)).map((word) => ({
      word,
      nearest: nearestNeighbours(index, word, shownNeighbours),
    })),
    seconds,
  };
}
