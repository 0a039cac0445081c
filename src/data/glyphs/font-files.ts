import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { inputError } from '../../core/errors.ts';
import { bytewise, kindOf, reasonOf } from '../files.ts';
import { isHidden } from '../list-images.ts';
import { forEachConcurrently } from '../pool.ts';

/** The kinds of font file that are read, by the end of the name. */
export const fontExtensions: readonly string[] = Object.freeze(['ttf', 'otf', 'ttc', 'otc', 'woff', 'woff2']);

/** A font file with contents that no other one has. */
export interface FontFile {
  readonly path: string;
  /** Relative to the folder that was searched, with `/` between the parts. */
  readonly name: string;
  /** SHA-256 (hex) of the contents. */
  readonly hash: string;
}

export interface FontFiles {
  /** In byte order of their names. */
  readonly files: readonly FontFile[];
  /** How many files have the contents of another one. */
  readonly copies: number;
  readonly unreadable: readonly string[];
}

/**
 * The font files under folders (searched with the folders in them) and named directly, each content once. Hidden files are passed over, links to folders not followed.
 *
 * Throws an input error for a path that does not exist (unless `installed`: folders where a system may keep fonts) and where there is no font.
 */
export async function findFonts(paths: readonly string[], installed: boolean): Promise<FontFiles> {
  const found: { path: string; name: string }[] = [];
  for (const path of paths) {
    const kind = await kindOf(path);
    if (kind === 'file') found.push({ path: resolve(path), name: basename(path) });
    else if (kind === 'folder') await collect(resolve(path), '', found);
    else if (!installed) throw inputError('no such folder or font file', { where: path });
  }
  if (found.length === 0) {
    throw inputError('no font file', {
      where: paths.join(', '),
      expected: `files ending in ${fontExtensions.map((extension) => `.${extension}`).join(', ')}`,
      hint: installed
        ? 'install fonts, or name a folder of fonts as glyphs:FOLDER'
        : 'name the folder that holds the fonts',
    });
  }
  found.sort((a, b) => bytewise(a.name, b.name) || bytewise(a.path, b.path));
  const hashes: (string | undefined)[] = found.map(() => undefined);
  const unreadable: string[] = [];
  await forEachConcurrently(found.length, async (index) => {
    const { path = '', name = '' } = found[index] ?? {};
    hashes[index] = await sha256Of(path).catch((error: unknown) => {
      unreadable.push(`${name} (${reasonOf(error)})`);
      return undefined;
    });
  });
  const files = new Map<string, FontFile>();
  let copies = 0;
  found.forEach(({ path, name }, index) => {
    const hash = hashes[index];
    if (hash === undefined) return;
    if (files.has(hash)) copies++;
    else files.set(hash, Object.freeze({ path, name, hash }));
  });
  return { files: [...files.values()], copies, unreadable: unreadable.sort(bytewise) };
}

async function collect(root: string, inner: string, found: { path: string; name: string }[]): Promise<void> {
  const entries = await readdir(join(root, inner), { withFileTypes: true }).catch((error: unknown) => {
    throw inputError('cannot be read', { where: join(root, inner), received: reasonOf(error), cause: error });
  });
  for (const entry of entries) {
    const name = inner === '' ? entry.name : `${inner}/${entry.name}`;
    if (isHidden(entry.name)) continue;
    if (entry.isDirectory()) await collect(root, name, found);
    else if (!fontExtensions.includes(extname(entry.name).slice(1).toLowerCase())) continue;
    else if (entry.isFile() || (await kindOf(join(root, name))) === 'file')
      found.push({ path: join(root, name), name });
  }
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
  }
  return hash.digest('hex');
}
