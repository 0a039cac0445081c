import { usageError } from '../core/errors.ts';
import type { WordEmbedding } from './embedding.ts';
import { analogySet, wordPairs, type Analogy, type WordPair } from './judgement-sets.ts';

/** A word near another one. */
export interface Neighbour {
  readonly word: string;
  /** Cosine of the angle between the vectors, −1 … 1. */
  readonly cosine: number;
}

/** How well cosines agree with grades. */
export interface SimilarityScore {
  /** ρ: Spearman's rank correlation of cosines and grades, −1 … 1; null where fewer than two pairs can be compared. */
  readonly spearman: number | null;
  readonly used: number;
  /** Pairs with a word that has no vector. */
  readonly skipped: number;
}

/** How many analogies are solved. */
export interface AnalogyScore {
  /** Share of the questions whose answer is the nearest word; null where none could be asked. */
  readonly accuracy: number | null;
  readonly used: number;
  /** Questions with a word that has no vector. */
  readonly skipped: number;
}

/** What word vectors are worth by the sets of this package. */
export interface EmbeddingJudgement {
  readonly similarity: SimilarityScore;
  readonly analogies: AnalogyScore;
}

/** An embedding made ready for many questions: unit vectors, and rows by word. */
export interface VectorIndex {
  readonly words: readonly string[];
  readonly size: number;
  /** `[V, N]`: v / |v|; a vector of zeros stays. */
  readonly unit: Float32Array;
  /** The row of a word, looked for as it is and then beginning with a capital letter; `undefined` where it is not there. */
  readonly rowOf: (word: string) => number | undefined;
}

/** Makes an embedding ready for questions. */
export function indexVectors({ words, size, vectors }: WordEmbedding): VectorIndex {
  const unit = Float32Array.from(vectors);
  for (let row = 0; row < words.length; row++) {
    const vector = unit.subarray(row * size, (row + 1) * size);
    const norm = Math.hypot(...vector);
    if (norm > 0) for (let n = 0; n < size; n++) vector[n] = (vector[n] ?? 0) / norm;
  }
  const rows = new Map(words.map((word, row) => [word, row]));
  // Text that keeps the case has names and months with a capital letter only.
  const rowOf = (word: string): number | undefined =>
    rows.get(word) ?? rows.get(word.charAt(0).toUpperCase() + word.slice(1));
  return Object.freeze({ words, size, unit, rowOf });
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let n = 0; n < a.length; n++) sum += (a[n] as number) * (b[n] as number);
  return sum;
}

const vectorOf = ({ unit, size }: VectorIndex, row: number): Float32Array =>
  unit.subarray(row * size, (row + 1) * size);

/** The k rows with the largest cosine to a unit vector, the largest first, without those in `not`. */
function nearestRows(index: VectorIndex, to: Float32Array, k: number, not: readonly number[]): readonly Neighbour[] {
  const best: Neighbour[] = [];
  index.words.forEach((word, row) => {
    if (not.includes(row)) return;
    const cosine = dot(vectorOf(index, row), to);
    if (best.length === k && cosine <= (best[k - 1]?.cosine ?? 1)) return;
    const place = best.findIndex((each) => each.cosine < cosine);
    best.splice(place === -1 ? best.length : place, 0, { word, cosine });
    if (best.length > k) best.pop();
  });
  return best;
}

/**
 * The k words whose vectors have the largest cosine with that of a word, the nearest first, without the word itself.
 *
 * @throws a usage error for a word that has no vector.
 */
export function nearestNeighbours(
  embedding: WordEmbedding | VectorIndex,
  word: string,
  k: number,
): readonly Neighbour[] {
  const index = 'unit' in embedding ? embedding : indexVectors(embedding);
  const row = index.rowOf(word);
  if (row === undefined) {
    throw usageError('a word that has no vector', {
      where: JSON.stringify(word),
      expected: `one of ${index.words.length} words`,
    });
  }
  return nearestRows(index, vectorOf(index, row), k, [row]);
}

/** Ranks from 1; equal values share the mean of their ranks. */
function ranksOf(values: readonly number[]): readonly number[] {
  const order = [...values.keys()].sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
  const ranks = new Array<number>(values.length).fill(0);
  for (let begin = 0; begin < order.length;) {
    let end = begin;
    while (end < order.length && values[order[end] ?? 0] === values[order[begin] ?? 0]) end++;
    for (let place = begin; place < end; place++) ranks[order[place] ?? 0] = (begin + 1 + end) / 2;
    begin = end;
  }
  return ranks;
}

/**
 * Spearman's ρ: Pearson's correlation of the ranks of x and y, with the mean of the ranks for equal values. Null where there are
 * fewer than two values or one side has equal values only.
 */
export function spearman(x: readonly number[], y: readonly number[]): number | null {
  const [a, b] = [ranksOf(x), ranksOf(y)];
  const mean = (x.length + 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  a.forEach((rank, index) => {
    const [p, q] = [rank - mean, (b[index] ?? 0) - mean];
    xy += p * q;
    xx += p * p;
    yy += q * q;
  });
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : null;
}

/** Spearman's correlation of cosines with the grades of a set. Pairs with a word without a vector are skipped and counted. */
export function similarity(
  embedding: WordEmbedding | VectorIndex,
  pairs: readonly WordPair[] = wordPairs,
): SimilarityScore {
  const index = 'unit' in embedding ? embedding : indexVectors(embedding);
  const [cosines, grades]: [number[], number[]] = [[], []];
  for (const { first, second, grade } of pairs) {
    const [a, b] = [index.rowOf(first), index.rowOf(second)];
    if (a === undefined || b === undefined) continue;
    cosines.push(dot(vectorOf(index, a), vectorOf(index, b)));
    grades.push(grade);
  }
  return { spearman: spearman(cosines, grades), used: cosines.length, skipped: pairs.length - cosines.length };
}

/**
 * Share of the questions "a is to b as c is to …?" whose answer is the word with the largest cosine to b̂ − â + ĉ (hats: unit
 * vectors), a, b and c not counting (Mikolov, Yih, Zweig 2013). Questions with a word without a vector are skipped and counted.
 */
export function analogies(embedding: WordEmbedding | VectorIndex, set: readonly Analogy[] = analogySet): AnalogyScore {
  const index = 'unit' in embedding ? embedding : indexVectors(embedding);
  let [used, right] = [0, 0];
  for (const { first, second, third, fourth } of set) {
    const rows = [first, second, third, fourth].map(index.rowOf);
    const [a, b, c, answer] = rows;
    if (a === undefined || b === undefined || c === undefined || answer === undefined) continue;
    used++;
    const [va, vb, vc] = [vectorOf(index, a), vectorOf(index, b), vectorOf(index, c)];
    const wanted = vb.map((value, n) => value - (va[n] ?? 0) + (vc[n] ?? 0));
    if (nearestRows(index, wanted, 1, [a, b, c])[0]?.word === index.words[answer]) right++;
  }
  return { accuracy: used === 0 ? null : right / used, used, skipped: set.length - used };
}

/** Judges an embedding by the pairs and analogies of this package. */
export function judgeEmbedding(embedding: WordEmbedding): EmbeddingJudgement {
  const index = indexVectors(embedding);
  return { similarity: similarity(index), analogies: analogies(index) };
}
