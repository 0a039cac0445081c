import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { lock } from 'proper-lockfile';
import { inputError, internalError } from '../core/errors.ts';
import { extractArchive } from './archive.ts';
import type { CatalogEntry } from './catalog.ts';
import { downloadFile } from './download.ts';
import { kindOf, reasonOf } from './files.ts';
import { locate } from './locate.ts';
import { dataRoots } from './locations.ts';
import type { OnDataProgress } from './progress.ts';

/** Where a download comes from and goes to. */
export interface FetchOptions {
  /** Folder that receives the dataset (in a sub-folder of its name) in place of the usual one; see {@link dataRoots}. */
  readonly cacheDirectory?: string;
  /** Base address of a copy of the published files, tried before the published addresses. */
  readonly mirror?: string;
  readonly onProgress?: OnDataProgress;
}

/**
 * Makes sure that a dataset lies unpacked on this machine, and gives its folder. What is found is not fetched again; what is downloaded is checked against
 * its published MD5. Two processes that want the same dataset wait for each other.
 */
export async function fetchEntry(entry: CatalogEntry, options: FetchOptions): Promise<string> {
  const found = await locate(entry, options.cacheDirectory);
  if (found?.kind === 'folder') return found.path;
  const [root] = dataRoots(options.cacheDirectory);
  const target = join(root, entry.name);
  return await withFolder(target, async () => {
    const now = await locate(entry, options.cacheDirectory);
    if (now?.kind === 'folder') return now.path;
    if (now?.kind === 'archive') return await unpack(entry, now.path, target, options.onProgress);
    return await downloadEntry(entry, target, options);
  });
}

/** Makes a folder and does work in it that no other process does at the same time: they wait for each other. */
export async function withFolder<T>(target: string, work: () => Promise<T>): Promise<T> {
  await mkdir(target, { recursive: true }).catch((error: unknown) => {
    throw inputError('cannot be made', {
      where: target,
      received: reasonOf(error),
      hint: 'set FIXHEAD_DATA to a folder that you can write to',
      cause: error,
    });
  });
  // Another process may be downloading: up to twenty minutes' patience.
  const waiting = { retries: { retries: 1200, factor: 1, minTimeout: 1000 }, stale: 30_000 };
  const release = await lock(target, waiting).catch((error: unknown) => {
    throw inputError('is in use by another process', { where: target, received: reasonOf(error), cause: error });
  });
  try {
    return await work();
  } finally {
    await release();
  }
}

async function downloadEntry(entry: CatalogEntry, target: string, options: FetchOptions): Promise<string> {
  const { mirror, onProgress } = options;
  const mirrors = mirror === undefined ? entry.mirrors : [mirror.replace(/\/?$/, '/'), ...entry.mirrors];
  for (const { file, md5 } of entry.files) {
    const destination = join(target, file);
    if ((await kindOf(destination)) === 'file') continue;
    await downloadFile({
      urls: mirrors.map((base) => base + file),
      destination,
      md5,
      ...(onProgress === undefined ? {} : { onProgress }),
    });
  }
  if (entry.archiveFolder === undefined) return target;
  const archive = join(target, entry.files[0]?.file ?? '');
  const folder = await unpack(entry, archive, target, onProgress);
  // Unpacked it takes no less room, and it can be fetched again.
  await rm(archive);
  return folder;
}

async function unpack(
  entry: CatalogEntry,
  archive: string,
  target: string,
  onProgress: OnDataProgress | undefined,
): Promise<string> {
  if (entry.archiveFolder === undefined) throw internalError('not an archive', { where: entry.name });
  const unpacked = join(target, entry.archiveFolder);
  await extractArchive(archive, unpacked, onProgress);
  return unpacked;
}
