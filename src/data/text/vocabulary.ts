import { inputError, usageError } from '../../core/errors.ts';
import { endOfSentenceWord, unknownWord } from './tokens.ts';

/** The words of a language model and how often the training text has them. */
export interface Vocabulary {
  /** By falling count, equally frequent ones in the order of their code points; `<unk>` and `<eos>` are words of it. */
  readonly words: readonly string[];
  /** `[words]`: tokens of the training text that are this word. */
  readonly counts: Float64Array;
  /** Place of `<unk>`, which stands for every word that the vocabulary does not have. */
  readonly unknown: number;
  /** Place of `<eos>`, which stands at the end of every line. */
  readonly endOfSentence: number;
  /** A word's place in `words`, or that of `<unk>`. */
  readonly idOf: (word: string) => number;
}

/** Which words of the training text a vocabulary takes. */
export interface VocabularyChoice {
  /** Words that are rarer than this become `<unk>`; ≥ 1. */
  readonly minCount: number;
  /** At most so many words, `<unk>` and `<eos>` among them; the rarest go first. */
  readonly maxWords?: number;
}

/**
 * The vocabulary of a training text, given how often each word occurs in it. Words that are left out count as `<unk>`; words that do not occur (only in other
 * parts of a corpus) are no part of it.
 *
 * @throws an input error if fewer than two words are left besides `<unk>` and `<eos>`: there would be nothing to predict.
 */
export function makeVocabulary(counted: Iterable<readonly [string, number]>, choice: VocabularyChoice): Vocabulary {
  const { minCount, maxWords } = choice;
  checkChoice(choice);
  const words: [string, number][] = [];
  const special = new Map([
    [unknownWord, 0],
    [endOfSentenceWord, 0],
  ]);
  let left = 0;
  let different = 0;
  for (const [word, count] of counted) {
    if (special.has(word)) special.set(word, count);
    else if (count > 0) {
      different++;
      if (count >= minCount) words.push([word, count]);
      else left += count;
    }
  }
  words.sort(byCount);
  for (const [, count] of words.splice((maxWords ?? Infinity) - special.size)) left += count;
  if (words.length < 2) {
    throw inputError('a vocabulary of fewer than two words: there is nothing to predict', {
      expected: `at least two words that occur ${minCount === 1 ? '' : `${minCount} times or more `}in the training text`,
      received: `${words.length} of ${different} different ${different === 1 ? 'word' : 'words'}`,
      ...(different >= 2 && minCount > 1 ? { hint: 'choose a smaller minimum count, or give more text' } : {}),
    });
  }
  special.set(unknownWord, (special.get(unknownWord) ?? 0) + left);
  return indexed([...words, ...special].sort(byCount));
}

/** A vocabulary with the given words and counts, in the given order (as it was saved with a model). `<unk>` and `<eos>` must be among them. */
export function vocabularyOf(words: readonly string[], counts: Float64Array): Vocabulary {
  return indexed(words.map((word, place) => [word, counts[place] ?? 0]));
}

function checkChoice({ minCount, maxWords }: VocabularyChoice): void {
  if (!Number.isInteger(minCount) || minCount < 1) {
    throw usageError('not a minimum count', { expected: 'a whole number from 1', received: String(minCount) });
  }
  if (maxWords !== undefined && (!Number.isInteger(maxWords) || maxWords < 4)) {
    throw usageError('not a size of a vocabulary', {
      expected: `a whole number from 4: ${unknownWord}, ${endOfSentenceWord} and at least two words`,
      received: String(maxWords),
    });
  }
}

function indexed(entries: readonly (readonly [string, number])[]): Vocabulary {
  const places = new Map(entries.map(([word], place) => [word, place]));
  const unknown = places.get(unknownWord);
  const endOfSentence = places.get(endOfSentenceWord);
  if (unknown === undefined || endOfSentence === undefined || places.size !== entries.length) {
    throw inputError('not the words of a vocabulary', {
      expected: `different words, ${unknownWord} and ${endOfSentenceWord} among them`,
      received: `${entries.length} words, ${places.size} of them different`,
    });
  }
  return Object.freeze({
    words: Object.freeze(entries.map(([word]) => word)),
    counts: Float64Array.from(entries, ([, count]) => count),
    unknown,
    endOfSentence,
    idOf: (word: string) => places.get(word) ?? unknown,
  });
}

function byCount(a: readonly [string, number], b: readonly [string, number]): number {
  return b[1] - a[1] || compareCodePoints(a[0], b[0]);
}

/** Order of code points, which is that of UTF-8 bytes but not that of JavaScript's `<`: there surrogates come before U+E000. */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let place = 0; place < length; place++) {
    const difference = rank(a.charCodeAt(place)) - rank(b.charCodeAt(place));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
