import { inputError } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import type { WordEmbedding } from './embedding.ts';

/** Word vectors in the order of a vocabulary. */
export interface AlignedEmbedding {
  /** `[V, N]`, row-major, for the V words of the vocabulary. */
  readonly vectors: Float32Array;
  /** `[V, N]`, where the embedding has context vectors. */
  readonly context?: Float32Array;
  /** Words of the vocabulary that the embedding has a vector for. */
  readonly found: number;
  /** Of these, how many are there in another form only (see {@link wordForms}). */
  readonly foundInOtherForm: number;
  /** found / V */
  readonly coverage: number;
  /** Share of the text that the found words make up: Σ counts of found words / Σ counts. */
  readonly tokenCoverage: number;
  /** The words without a vector, in the vocabulary's order. */
  readonly missing: readonly string[];
}

/** What ready-made vectors call the marks of a text. */
const marks: Readonly<Record<string, readonly string[]>> = {
  '<unk>': ['<UNK>', '[UNK]', 'unk', 'UNK', 'UNKNOWN'],
  '<eos>': ['</s>', '<EOS>', '<s>'],
};

/**
 * The forms in which a word is looked for in an embedding, the first one that is there counts: the word as it is; other names of
 * `<unk>` and `<eos>`; WikiText's `@-@`, `@,@` and `@.@` without the @; the word in lower case.
 */
export function wordForms(word: string): readonly string[] {
  const joiner = /^@(.)@$/u.exec(word)?.[1];
  return [...new Set([word, ...(marks[word] ?? []), ...(joiner === undefined ? [] : [joiner]), word.toLowerCase()])];
}

/**
 * The vectors of an embedding in the order of a vocabulary, looked for in the forms of {@link wordForms}.
 *
 * A word without a vector gets a random direction, uniform on the sphere, with the mean Euclidean norm of the vectors that were
 * found. The direction depends on the seed and the word itself, not on the vocabulary around it.
 *
 * @param vocabulary V words and how often each occurs in the text.
 * @throws an input error where not a single word is found.
 */
export function alignEmbedding(
  embedding: WordEmbedding,
  vocabulary: { readonly words: readonly string[]; readonly counts: Float64Array },
  seed: number,
): AlignedEmbedding {
  const { words, counts } = vocabulary;
  const { size } = embedding;
  const rowOf = new Map(embedding.words.map((word, row) => [word, row]));
  const rows = words.map((word) => {
    const form = wordForms(word).find((each) => rowOf.has(each));
    return form === undefined ? undefined : { row: rowOf.get(form) ?? 0, other: form !== word };
  });
  const missing = words.filter((_, index) => rows[index] === undefined);
  const found = words.length - missing.length;
  if (found === 0) {
    throw inputError('word vectors for none of the words of the text', {
      where: embedding.method,
      expected: `some of ${some(words)}`,
      received: embedding.words.length === 0 ? 'no words' : some(embedding.words),
      hint: 'is it of the same language?',
    });
  }
  const arrange = (table: Float32Array, purpose: string): Float32Array => {
    const aligned = new Float32Array(words.length * size);
    let norms = 0;
    rows.forEach((at, index) => {
      if (at === undefined) return;
      const vector = table.subarray(at.row * size, (at.row + 1) * size);
      norms += Math.hypot(...vector);
      aligned.set(vector, index * size);
    });
    rows.forEach((at, index) => {
      if (at === undefined)
        aligned.set(randomDirection(size, norms / found, [seed, purpose, words[index] ?? '']), index * size);
    });
    return aligned;
  };
  const total = counts.reduce((sum, count) => sum + count, 0);
  const covered = counts.reduce((sum, count, index) => (rows[index] === undefined ? sum : sum + count), 0);
  return Object.freeze({
    vectors: arrange(embedding.vectors, 'vector of a missing word'),
    ...(embedding.context === undefined
      ? {}
      : { context: arrange(embedding.context, 'context vector of a missing word') }),
    found,
    foundInOtherForm: rows.filter((at) => at?.other === true).length,
    coverage: found / words.length,
    tokenCoverage: total === 0 ? 0 : covered / total,
    missing,
  });
}

/** Normal numbers have no preferred direction. */
function randomDirection(size: number, norm: number, key: readonly (number | string)[]): Float64Array {
  const random = randomStream(...key);
  const direction = Float64Array.from({ length: size }, random.normal);
  const length = Math.hypot(...direction);
  return direction.map((value) => (norm * value) / length);
}

function some(words: readonly string[]): string {
  return words.slice(0, 5).join(', ') + (words.length > 5 ? ', …' : '');
}
