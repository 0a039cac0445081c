import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { internalError } from '../core/errors.ts';
import type { CatalogEntry } from './catalog.ts';
import { cifarLayout } from './cifar.ts';
import { kindOf } from './files.ts';
import { looksLikeIdx } from './idx.ts';
import { dataRoots } from './locations.ts';

/** What kind of dataset a folder holds, told by the names in it. */
export type FolderFormat = 'idx' | 'cifar' | 'images';

export async function folderFormat(folder: string): Promise<FolderFormat> {
  const names = await readdir(folder);
  if (looksLikeIdx(names)) return 'idx';
  return cifarLayout(names) === undefined ? 'images' : 'cifar';
}

/** A dataset as it was found on this machine: a folder to read, or an archive that has to be unpacked first. */
export type Located =
  { readonly kind: 'folder'; readonly path: string } | { readonly kind: 'archive'; readonly path: string };

/** Every place in which a named dataset is looked for, in order. */
export function placesOf(entry: CatalogEntry, cacheDirectory?: string): readonly string[] {
  const { archiveFolder } = entry;
  const places = dataRoots(cacheDirectory).flatMap((root) => {
    const folder = join(root, entry.name);
    if (archiveFolder === undefined) return [folder];
    const [archive] = entry.files;
    if (archive === undefined) throw internalError('an archive folder without an archive', { where: entry.name });
    return [
      join(folder, archiveFolder),
      folder,
      join(root, archiveFolder),
      join(folder, archive.file),
      join(root, archive.file),
    ];
  });
  return [...places, ...entry.systemFolders];
}

/** The first place that holds the dataset. */
export async function locate(entry: CatalogEntry, cacheDirectory?: string): Promise<Located | undefined> {
  for (const path of placesOf(entry, cacheDirectory)) {
    const kind = await kindOf(path);
    if (kind === 'file') return { kind: 'archive', path };
    if (kind === 'folder' && (await folderFormat(path)) === entry.format) return { kind: 'folder', path };
  }
  return undefined;
}
