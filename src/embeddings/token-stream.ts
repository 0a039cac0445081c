import { inputError, usageError } from '../core/errors.ts';
import type { TokenStream } from './embedding.ts';

/**
 * Checks text before anything is learnt from it.
 *
 * @throws an input error where there is no text or but one word in it; a usage error where an id names no word.
 */
export function checkTokenStream({ ids, words, counts, boundary }: TokenStream): void {
  if (counts.length !== words.length) {
    throw usageError('words and counts differ in number', {
      where: 'text',
      expected: `${words.length} counts`,
      received: `${counts.length}`,
    });
  }
  const wrong = ids.findIndex((id) => !(id >= 0 && id < words.length && (counts[id] ?? 0) > 0));
  if (wrong !== -1) {
    throw usageError('a token that is none of the words, or one with the count 0', {
      where: `token ${wrong}`,
      expected: `an id below ${words.length} of a word with a count`,
      received: `${ids[wrong]}`,
    });
  }
  const seen = new Set<number>();
  for (const id of ids) if (id !== boundary && seen.add(id).size > 1) return;
  throw inputError(ids.length === 0 ? 'no text to learn word vectors from' : 'too few words to learn vectors of', {
    where: 'text',
    expected: 'text with two different words or more',
    received: `${ids.length} tokens, ${seen.size} different words`,
  });
}

/** The text without the words that occur fewer than `least` times; the mark at the end of a sentence stays. */
export function withoutRareWords(stream: TokenStream, least: number): TokenStream {
  const { ids, words, counts, boundary } = stream;
  const kept = [...words.keys()].filter((id) => id === boundary || (counts[id] ?? 0) >= least);
  if (kept.length === words.length) return stream;
  const renamed = new Int32Array(words.length).fill(-1);
  kept.forEach((id, place) => (renamed[id] = place));
  return {
    ids: ids.map((id) => renamed[id] ?? -1).filter((id) => id >= 0),
    words: kept.map((id) => words[id] ?? ''),
    counts: Float64Array.from(kept, (id) => counts[id] ?? 0),
    boundary: renamed[boundary] ?? boundary,
  };
}
