import { inputError } from '../core/errors.ts';

/** What the first line of word2vec's form says. */
export interface FileHeader {
  readonly rows: number;
  readonly size: number;
}

/** The first line of word2vec's form: two whole numbers, the second one positive. */
export function headerOf(line: string): FileHeader | undefined {
  const [, rows, size] = /^(\d{1,15})[ \t]+(\d{1,15})[ \t\r]*$/.exec(line) ?? [];
  if (rows === undefined || size === undefined || Number(size) === 0) return undefined;
  return { rows: Number(rows), size: Number(size) };
}

/** As files write numbers: `-0.5`, `1e-05`; also what is not finite, so that it is told as such. */
const number = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$|^[-+]?(?:nan|inf(?:inity)?)$/i;
const separators = /[ \t]+/;

/**
 * N of a row without a header: how many numbers end it. One word at least is before them.
 *
 * @throws an input error where there are none.
 */
export function rowSize(text: string, where: string): number {
  const columns = text.split(separators);
  let size = 0;
  while (size < columns.length - 1 && number.test(columns[columns.length - 1 - size] ?? '')) size++;
  if (size > 0) return size;
  throw inputError('not a row of word vectors', {
    where,
    expected: 'a word and its numbers, as in "the 0.418 -0.25"',
    received: quoted(text),
  });
}

/** Where the last `count` columns begin, with the separator before them; `undefined` where there are fewer. */
function lastColumns(text: string, count: number): number | undefined {
  let at = text.length;
  for (let column = 0; column < count; column++) {
    at = Math.max(text.lastIndexOf(' ', at - 1), text.lastIndexOf('\t', at - 1));
    if (at <= 0) return undefined;
    // Several separators in a row are one.
    while (at > 1 && (text[at - 1] === ' ' || text[at - 1] === '\t')) at--;
  }
  return at;
}

/**
 * The word of a row, and its numbers in `into` where `keep` says so.
 *
 * @param text the line without white space at its end.
 * @throws an input error for a row of more or fewer than `size` numbers, or with a kept one that is not finite.
 */
export function parseRow(
  text: string,
  size: number,
  where: string,
  keep: (word: string) => boolean,
  into: Float32Array,
): { readonly word: string; readonly kept: boolean } {
  const end = lastColumns(text, size);
  const word = end === undefined ? '' : text.slice(0, end);
  // In a word with spaces a number behind the first one is not a part of a word, but one number too many.
  const parts = word.split(separators);
  if (word === '' || (parts.length > 1 && parts.slice(1).some((part) => number.test(part))))
    throw ragged(text, size, where);
  if (!keep(word)) return { word, kept: false };
  const columns = text.slice(word.length).trim().split(separators);
  for (let index = 0; index < size; index++) {
    const column = columns[index] ?? '';
    const value = number.test(column) ? Math.fround(Number(column)) : NaN;
    if (!Number.isFinite(value)) {
      throw inputError('not a finite number', {
        where: `${where}, column ${index + parts.length + 1} of the word "${word}"`,
        expected: `a number of a magnitude below 3.4e38`,
        received: quoted(column),
      });
    }
    into[index] = value;
  }
  return { word, kept: true };
}

function ragged(text: string, size: number, where: string): Error {
  const columns = text.split(separators);
  const numbers = columns.slice(1).filter((column) => number.test(column)).length;
  return inputError('a row of another length', {
    where,
    expected: `a word and ${size} numbers`,
    received: `${numbers} numbers after ${quoted(columns[0] ?? '')}`,
  });
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
