import { usageError } from '../core/errors.ts';
import type { WordEmbedding } from './embedding.ts';

/** Rows that are made text at a time. */
const rowsAtATime = 1000;

/**
 * The text form of word2vec, a piece at a time: a first line with V and N, then a line for each word with its N numbers in nine
 * digits, which give back the same float32.
 *
 * @throws a usage error for a word that has white space in it or is empty, which readers would take for something else.
 */
export function* embeddingText({ words, size, vectors }: WordEmbedding): Generator<string, void, undefined> {
  const wrong = words.find((word) => word === '' || /\s/u.test(word));
  if (wrong !== undefined) {
    throw usageError('a word that a text file of vectors cannot hold', {
      where: JSON.stringify(wrong),
      expected: 'words without white space',
    });
  }
  yield `${words.length} ${size}\n`;
  for (let begin = 0; begin < words.length; begin += rowsAtATime) {
    let text = '';
    for (let row = begin; row < Math.min(words.length, begin + rowsAtATime); row++) {
      text += words[row] ?? '';
      for (let n = 0; n < size; n++) text += ` ${(vectors[row * size + n] ?? 0).toPrecision(9)}`;
      text += '\n';
    }
    yield text;
  }
}
