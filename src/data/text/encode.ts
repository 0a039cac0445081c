import { looksTokenised, endOfSentenceWord, splitTokens, tokenise, unknownWord } from './tokens.ts';
import { readPieces } from './read-text.ts';

/** Numbers words in the order of their first occurrence, so that a text is read once and the vocabulary chosen afterwards. */
export interface WordNumbers {
  readonly words: readonly string[];
  readonly numberOf: (word: string) => number;
}

/** The number of `<eos>` and of `<unk>` in every {@link WordNumbers}. */
export const endNumber = 0;
export const unknownNumber = 1;

export function createWordNumbers(): WordNumbers {
  const words = [endOfSentenceWord, unknownWord];
  const numbers = new Map(words.map((word, place) => [word, place]));
  const numberOf = (word: string): number => {
    const known = numbers.get(word);
    if (known !== undefined) return known;
    numbers.set(word, words.length);
    return words.push(word) - 1;
  };
  return { words, numberOf };
}

/** How lines become tokens. */
export interface LineReading {
  /** The text is tokenised: it is split at spaces, and an empty line is an `<eos>` of its own. Otherwise empty lines are passed over. */
  readonly tokenised: boolean;
  readonly lowercase: boolean;
}

/** A text file as numbers of words: the tokens of each line, then {@link endNumber}. */
export async function encodeFile(file: string, reading: LineReading, numbers: WordNumbers): Promise<Int32Array> {
  const split = reading.tokenised ? splitTokens : tokenise;
  let ids = new Int32Array(2 ** 14);
  let used = 0;
  const push = (id: number): void => {
    if (used === ids.length) {
      const larger = new Int32Array(2 * used);
      larger.set(ids);
      ids = larger;
    }
    ids[used++] = id;
  };
  for await (const piece of readPieces(file)) {
    const lines = piece.split('\n');
    // What comes after the last line end is no line.
    if (lines.at(-1) === '') lines.pop();
    for (const line of lines) {
      const tokens = split(reading.lowercase ? line.toLowerCase() : line);
      if (tokens.length === 0 && !reading.tokenised) continue;
      for (const token of tokens) push(numbers.numberOf(token));
      push(endNumber);
    }
  }
  return ids.slice(0, used);
}

/** Whether a file looks tokenised, from its first mebibyte. */
export async function fileLooksTokenised(file: string): Promise<boolean> {
  for await (const piece of readPieces(file)) return looksTokenised(piece);
  return false;
}
