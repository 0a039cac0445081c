/**
 * A vector for each word of a list, and where it came from.
 *
 * Row r of `vectors` (numbers `r·size` to `(r + 1)·size − 1`) is the vector of `words[r]`.
 */
export interface WordEmbedding {
  /** V different words. */
  readonly words: readonly string[];
  /** N, how many numbers a vector has. */
  readonly size: number;
  /** Row-major `[V, N]`: the vectors of the words as input, what most people mean by "the word vectors". */
  readonly vectors: Float32Array;
  /**
   * Row-major `[V, N]`: the vectors of the same words as context, that is, as output: word2vec's second table, or the
   * other factor of a factorised matrix. Files of vectors do not hold it.
   */
  readonly context?: Float32Array;
  /** One line for people: the method, or the file and its form. */
  readonly method: string;
}

/** Running text as numbers, from which an embedding is learnt. */
export interface TokenStream {
  /** The words of the text in order, as rows of `words`. */
  readonly ids: Int32Array;
  /** V different words. */
  readonly words: readonly string[];
  /** `[V]`: how often each word occurs. Positive for every word that `ids` holds. */
  readonly counts: Float64Array;
  /** The id that no window crosses: the mark at the end of a line or paragraph, `<eos>`. */
  readonly boundary: number;
}
