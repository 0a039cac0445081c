import { readFile } from 'node:fs/promises';
import { inputError, usageError } from '../../core/errors.ts';
import { nearestOf } from '../../core/suggest.ts';
import { kindOf, reasonOf } from '../files.ts';
import { splitCharacters } from './choice.ts';

const lastCodePoint = 0x10ffff;

/**
 * Sets that have a name. `han` leaves out radicals and compatibility ideographs, which look like other characters. The levels of JIS X 0208
 * and GB 2312 hold the common characters of Japanese (2965) and Chinese (3755).
 */
const namedSets = {
  all: () => matching(/[\p{L}\p{N}\p{P}\p{S}]/u),
  ascii: () => range(0x21, 0x7e),
  digits: () => range(0x30, 0x39),
  latin: () => matching(/(?=\p{L})\p{Script=Latin}/u),
  kana: () => matching(/(?=\p{L})[\p{Script=Hiragana}\p{Script=Katakana}]/u),
  han: () => matching(/\p{Unified_Ideograph}/u),
  kanji: () => matching(/\p{Unified_Ideograph}/u),
  'jis-1': () => ofTable('euc-jp', 0xb0, 0xcf),
  'gb-1': () => ofTable('gbk', 0xb0, 0xd7),
} as const;

/** The names of sets of characters that `characters` of a glyph choice takes, besides Unicode scripts, ranges and files. */
export const namedCharacterSets = Object.freeze(Object.keys(namedSets));

/** Characters by code point: bit c of byte c >> 3 is set. */
export type CodePointSet = Uint8Array;

export const contains = (set: CodePointSet, codePoint: number): boolean =>
  ((set[codePoint >> 3] ?? 0) & (1 << (codePoint & 7))) !== 0;

/**
 * The characters that a text such as `latin+kana`, `han`, `Thai`, `U+2190-U+21FF` or `my-characters.txt` means. Left out of each: blanks, controls,
 * combining marks, private use, and what Unicode calls the same as another character (the Kelvin sign, compatibility ideographs).
 *
 * Throws a usage error for a name that is neither a set, a script, a range nor a file, and an input error for a file without characters.
 */
export async function charactersOf(text: string): Promise<CodePointSet> {
  const set: CodePointSet = new Uint8Array((lastCodePoint + 8) >> 3);
  for (const part of splitCharacters(text)) {
    for (const codePoint of await codePointsOf(part)) {
      if (drawable(codePoint)) set[codePoint >> 3] = (set[codePoint >> 3] ?? 0) | (1 << (codePoint & 7));
    }
  }
  if (set.every((byte) => byte === 0)) throw inputError('no character that can be drawn', { where: text });
  return set;
}

async function codePointsOf(name: string): Promise<Iterable<number>> {
  const named = Object.entries(namedSets).find(([key]) => key === name.toLowerCase());
  if (named !== undefined) return named[1]();
  const [, first, last] = /^U\+([0-9a-f]{1,6})(?:-U\+([0-9a-f]{1,6}))?$/i.exec(name) ?? [];
  if (first !== undefined) {
    const [from, to] = [Number.parseInt(first, 16), Number.parseInt(last ?? first, 16)];
    if (from <= to && to <= lastCodePoint) return range(from, to);
    throw usageError('not a range of code points', { received: name, expected: 'as in U+3041-U+3096, up to U+10FFFF' });
  }
  const script = scriptPattern(name);
  if (script !== undefined) return matching(script);
  if ((await kindOf(name)) === 'file') return await ofFile(name);
  throw usageError('unknown set of characters', {
    received: JSON.stringify(name),
    legal: namedCharacterSets,
    hint: `${nearestOf(name.toLowerCase(), namedCharacterSets).hint ?? ''} a Unicode script (Thai, Greek), a range (U+2190-U+21FF) or a text file of characters is also possible`.trim(),
  });
}

function scriptPattern(name: string): RegExp | undefined {
  if (!/^[a-z_]+$/i.test(name)) return undefined;
  // Unicode writes scripts with capitals: Old_Italic.
  const script = name.toLowerCase().replaceAll(/(^|_)[a-z]/g, (start) => start.toUpperCase());
  try {
    return new RegExp(`\\p{Script=${script}}`, 'u');
  } catch {
    return undefined;
  }
}

async function ofFile(file: string): Promise<number[]> {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw inputError('cannot be read', { where: file, received: reasonOf(error), cause: error });
  });
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).normalize('NFC');
    return Array.from(text, (character) => character.codePointAt(0) ?? 0);
  } catch (error) {
    throw inputError('not a text file in UTF-8', { where: file, received: reasonOf(error), cause: error });
  }
}

/** What has a look of its own. */
function drawable(codePoint: number): boolean {
  if (codePoint >= 0xd800 && codePoint < 0xe000) return false;
  const character = String.fromCodePoint(codePoint);
  return /[\p{L}\p{N}\p{P}\p{S}]/u.test(character) && character.normalize('NFC') === character;
}

function* range(first: number, last: number): Iterable<number> {
  for (let codePoint = first; codePoint <= last; codePoint++) yield codePoint;
}

function* matching(pattern: RegExp): Iterable<number> {
  for (let codePoint = 0; codePoint <= lastCodePoint; codePoint++) {
    if (codePoint >= 0xd800 && codePoint < 0xe000) continue;
    if (pattern.test(String.fromCodePoint(codePoint))) yield codePoint;
  }
}

/** The ideographs in some rows of a 94 × 94 table of the older standards, through the platform's own decoder. */
function* ofTable(encoding: string, firstRow: number, lastRow: number): Iterable<number> {
  const decoder = new TextDecoder(encoding);
  for (let row = firstRow; row <= lastRow; row++) {
    for (let cell = 0xa1; cell <= 0xfe; cell++) {
      const [character = ''] = decoder.decode(Uint8Array.of(row, cell));
      if (/\p{Unified_Ideograph}/u.test(character)) yield character.codePointAt(0) ?? 0;
    }
  }
}

/** The name of a class: the character and its code point, as in `字 U+5B57`. */
export function className(codePoint: number): string {
  return `${String.fromCodePoint(codePoint)} U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}`;
}
