export { alignEmbedding, wordForms, type AlignedEmbedding } from './align.ts';
export type { TokenStream, WordEmbedding } from './embedding.ts';
export { readEmbeddingFile, type FileEmbedding } from './files.ts';
export {
  analogies,
  indexVectors,
  judgeEmbedding,
  nearestNeighbours,
  similarity,
  type AnalogyScore,
  type EmbeddingJudgement,
  type Neighbour,
  type SimilarityScore,
  type VectorIndex,
} from './judge.ts';
export type { Analogy, WordPair } from './judgement-sets.ts';
export type { WindowWeights } from './cooccurrence.ts';
export { orthonormalTable } from './orthonormal.ts';
export { pmiDefaults, pmiEmbedding, type PmiOptions, type PmiProgress } from './pmi.ts';
export {
  trainWord2vec,
  word2vecDefaults,
  word2vecEpochs,
  type Word2vecOptions,
  type Word2vecProgress,
} from './word2vec.ts';
