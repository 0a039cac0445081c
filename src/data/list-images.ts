import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { inputError } from '../core/errors.ts';
import { imageExtensions } from './decode-image.ts';
import { bytewise, kindOf, reasonOf } from './files.ts';

/** The image files under a folder. */
export interface ImageListing {
  /** Paths relative to the folder with `/` between the parts, in byte order. */
  readonly images: readonly string[];
  /** Other files, by the same paths: not hidden, and not of a kind that is read. */
  readonly others: readonly string[];
}

/** What file managers leave behind. */
const litter = new Set(['Thumbs.db', 'desktop.ini', '__MACOSX']);

export function isHidden(name: string): boolean {
  return name.startsWith('.') || litter.has(name);
}

/**
 * The image files of a folder and of the folders in it, by the ends of their names.
 *
 * Hidden files and folders are passed over. A link to a file counts as the file; a link to a folder is not followed, because it may lead back.
 */
export async function listImages(folder: string): Promise<ImageListing> {
  const images: string[] = [];
  const others: string[] = [];
  const visit = async (inner: string): Promise<void> => {
    const entries = await readdir(join(folder, inner), { withFileTypes: true }).catch((error: unknown) => {
      throw inputError('cannot be read', { where: join(folder, inner), received: reasonOf(error), cause: error });
    });
    for (const entry of entries) {
      const path = inner === '' ? entry.name : `${inner}/${entry.name}`;
      if (isHidden(entry.name)) continue;
      if (entry.isDirectory()) await visit(path);
      else if (entry.isSymbolicLink() && (await kindOf(join(folder, path))) === 'folder') others.push(path);
      else if (imageExtensions.includes(extname(entry.name).slice(1).toLowerCase())) images.push(path);
      else others.push(path);
    }
  };
  await visit('');
  return { images: images.sort(bytewise), others: others.sort(bytewise) };
}

/** The folders directly in a folder (links to folders too), in byte order, without hidden ones. */
export async function listFolders(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw inputError('cannot be read', { where: folder, received: reasonOf(error), cause: error });
  });
  const folders: string[] = [];
  for (const name of names) {
    if (!isHidden(name) && (await kindOf(join(folder, name))) === 'folder') folders.push(name);
  }
  return folders.sort(bytewise);
}
