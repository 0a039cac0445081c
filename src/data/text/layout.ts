import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { inputError } from '../../core/errors.ts';
import { bytewise, kindOf, reasonOf } from '../files.ts';
import { isHidden } from '../list-images.ts';

/** The three parts of a corpus: what is trained on, what choices are made by, and what is reported. */
export type SplitName = 'train' | 'validation' | 'test';
/** In the order in which they are told. */
export const splitNames: readonly SplitName[] = Object.freeze(['train', 'validation', 'test']);

/** A text file of a corpus; without a split it is divided with the others. */
export interface TextFile {
  readonly path: string;
  readonly split?: SplitName;
}

/** The files of a corpus that comes divided, and whether its tokens stand with spaces between them (unknown for `.txt`). */
export interface DividedFiles {
  readonly files: readonly TextFile[];
  readonly tokenised?: true;
}

/** Names as in WikiText (`wiki.train.tokens`, `wiki.valid.raw`), the Penn Treebank (`ptb.train.txt`, `train.txt`) and their relatives. */
const partOfCorpus =
  /^(?<prefix>.*[._-])?(?<part>train|training|valid|validation|val|dev|test)\.(?<end>tokens|raw|txt)$/iu;
const splitOf: Readonly<Record<string, SplitName>> = Object.freeze({
  train: 'train',
  training: 'train',
  valid: 'validation',
  validation: 'validation',
  val: 'validation',
  dev: 'validation',
  test: 'test',
});
/** Tokenised files win over the untreated ones of the same corpus. */
const ends = ['tokens', 'raw', 'txt'];

/**
 * The three files of a corpus that comes divided, found among files by their names; nothing where there are none.
 *
 * @throws an input error where one of the three is missing, and where files of several corpora are there.
 */
export function dividedFiles(paths: readonly string[]): DividedFiles | undefined {
  const groups = new Map<string, { end: string; files: Map<SplitName, string> }>();
  for (const path of [...paths].sort(bytewise)) {
    const { prefix = '', part = '', end = '' } = partOfCorpus.exec(basename(path))?.groups ?? {};
    const split = splitOf[part.toLowerCase()];
    if (split === undefined) continue;
    const key = join(dirname(path), `${prefix}*.${end}`);
    const group = groups.get(key) ?? { end: end.toLowerCase(), files: new Map<SplitName, string>() };
    groups.set(key, group);
    const other = group.files.get(split);
    if (other !== undefined) {
      throw inputError(`two files for one part of the corpus, ${split}`, {
        where: dirname(path),
        received: `${basename(other)} and ${basename(path)}`,
        hint: 'name the files that belong together',
      });
    }
    group.files.set(split, path);
  }
  // One name alone says nothing: a folder of .txt may hold a test.txt.
  const divided = [...groups].filter(([, { files }]) => files.has('train') && files.size > 1);
  const [chosen, another] = divided.sort(([, a], [, b]) => ends.indexOf(a.end) - ends.indexOf(b.end));
  if (chosen === undefined) return undefined;
  const [pattern, { end, files }] = chosen;
  if (another !== undefined && dirname(another[0]) !== dirname(pattern)) {
    throw inputError('files of several corpora', {
      received: `${pattern} and ${another[0]}`,
      hint: 'name the folder of one of them',
    });
  }
  const missing = splitNames.filter((name) => !files.has(name));
  if (missing.length > 0) {
    throw inputError(`a corpus without its ${missing.join(' and ')} text`, {
      where: pattern,
      expected: 'train, valid and test',
      received: [...files.values()].map((path) => basename(path)).join(', '),
    });
  }
  return {
    files: [...files].map(([split, path]) => ({ path, split })),
    ...(end === 'txt' ? {} : { tokenised: true as const }),
  };
}

/** What of a folder may be text, by the ends of the names. */
export interface TextListing {
  /** Every `.txt`, `.tokens` and `.raw`, nested ones too, in byte order of their paths. */
  readonly texts: readonly string[];
  readonly others: number;
}

/** The text files under a folder. Hidden files are passed over, a link to a file counts as the file, and a link to a folder is not followed (it may lead back). */
export async function listTexts(folder: string): Promise<TextListing> {
  const texts: string[] = [];
  let others = 0;
  const visit = async (inner: string): Promise<void> => {
    const entries = await readdir(inner, { withFileTypes: true }).catch((error: unknown) => {
      throw inputError('cannot be read', { where: inner, received: reasonOf(error), cause: error });
    });
    for (const entry of entries) {
      const path = join(inner, entry.name);
      if (isHidden(entry.name)) continue;
      if (entry.isDirectory()) await visit(path);
      else if (/\.(?:txt|tokens|raw)$/iu.test(entry.name) && (await kindOf(path)) === 'file') texts.push(path);
      else others++;
    }
  };
  await visit(folder);
  return { texts: texts.sort(bytewise), others };
}
