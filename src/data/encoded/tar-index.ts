import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Header, Pax } from 'tar';
import { z } from 'zod';
import { inputError } from '../../core/errors.ts';
import { reasonOf } from '../files.ts';
import { dataRoots } from '../locations.ts';
import type { OnDataProgress } from '../progress.ts';

/** A file inside a tar archive. */
export interface TarEntry {
  /** As the archive has it, without a leading `./`; of a file in an archive in the archive, `INNER.tar/NAME`. Never a path on disk. */
  readonly name: string;
  /** Byte of the (outer) archive at which its contents begin. */
  readonly offset: number;
  readonly bytes: number;
}

const BLOCK = 512;
/** The headers of names longer than a block are this long at most: more is no name. */
const LONGEST_NAME = 1 << 20;

/**
 * The files of a plain tar archive and where they lie, in the archive's order; also of tar archives in it, one level deep, as ImageNet's training
 * images are published. From one header to the next: contents are not read.
 *
 * The package tar lists entries without their offsets, so its header parser is used and the steps between headers are made here.
 *
 * @throws an input error for a file that is no tar archive, is cut short, or has a header with a wrong checksum.
 */
export async function indexTar(path: string, onProgress?: OnDataProgress): Promise<readonly TarEntry[]> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw inputError('cannot be read', { where: path, received: reasonOf(error), cause: error });
  });
  try {
    const { size } = await handle.stat();
    const entries: TarEntry[] = [];
    const told = (): void => {
      if (entries.length % 1000 === 0) {
        onProgress?.({ phase: 'index', what: path, done: entries.length, unit: 'entries' });
      }
    };
    await walk({ handle, path, start: 0, end: size, prefix: '' }, (entry) => {
      entries.push(entry);
      told();
    });
    if (entries.length === 0) throw inputError('not a tar archive, or an empty one', { where: path });
    return entries;
  } finally {
    await handle.close();
  }
}

interface Region {
  readonly handle: FileHandle;
  readonly path: string;
  readonly start: number;
  readonly end: number;
  readonly prefix: string;
}

async function walk(region: Region, found: (entry: TarEntry) => void): Promise<void> {
  const { handle, path, start, end, prefix } = region;
  const damaged = (at: number, received: string): Error =>
    inputError('not a whole tar archive', { where: `${path}, byte ${at}`, received, hint: 'fetch the archive again' });
  const block = Buffer.alloc(BLOCK);
  let position = start;
  let longName: string | undefined;
  let local: Pax | undefined;
  let everywhere: Pax | undefined;
  while (position + BLOCK <= end) {
    const { bytesRead } = await handle.read(block, 0, BLOCK, position);
    if (bytesRead < BLOCK) throw damaged(position, 'the file ends in a header');
    const header = new Header(block, 0, local, everywhere);
    // Two blocks of zeros end an archive; what follows is padding.
    if (header.nullBlock) return;
    if (!header.cksumValid) throw damaged(position, 'no tar header here');
    const size = header.size ?? 0;
    const contents = position + BLOCK;
    if (!Number.isSafeInteger(size) || size < 0 || contents + size > end) {
      throw damaged(position, `an entry of ${size} bytes, with ${Math.max(0, end - contents)} bytes left`);
    }
    position = contents + Math.ceil(size / BLOCK) * BLOCK;
    const text = async (): Promise<string> => {
      if (size > LONGEST_NAME) throw damaged(contents, `a name of ${size} bytes`);
      const bytes = Buffer.alloc(size);
      await handle.read(bytes, 0, size, contents);
      return bytes.toString('utf8');
    };
    const { type } = header;
    if (type === 'ExtendedHeader') {
      local = Pax.parse(await text(), local, false);
      continue;
    }
    if (type === 'GlobalExtendedHeader') {
      everywhere = Pax.parse(await text(), everywhere, true);
      continue;
    }
    if (type === 'NextFileHasLongPath' || type === 'OldGnuLongPath') {
      longName = (await text()).replace(/\0.*$/s, '');
      continue;
    }
    // Folders, links and devices have no bytes to show.
    if (type === 'File' || type === 'OldFile' || type === 'ContiguousFile') {
      const name = (longName ?? header.path ?? '').replace(/^(\.\/)+/, '');
      if (/\.tar$/i.test(name)) {
        if (prefix !== '') throw damaged(contents, `${prefix}${name}: an archive in an archive in an archive`);
        await walk({ ...region, start: contents, end: contents + size, prefix: `${name}/` }, found);
      } else found({ name: `${prefix}${name}`, offset: contents, bytes: size });
    }
    longName = undefined;
    local = undefined;
  }
  if (position > end + BLOCK) throw damaged(position, 'an entry goes beyond the end');
}

const stored = z.object({
  version: z.literal(1),
  path: z.string(),
  size: z.number(),
  modified: z.number(),
  names: z.array(z.string()),
  offsets: z.array(z.number()),
  bytes: z.array(z.number()),
});

/** Where an index is kept and what else opening data says. */
export interface TarIndexOptions {
  readonly cacheDirectory?: string;
  readonly onProgress?: OnDataProgress;
}

/**
 * {@link indexTar}, kept in `tar-index/` of the first data folder: made again where the archive's size or time of modification is another, or the file is damaged.
 * Where it cannot be kept, `notes` says so.
 */
export async function cachedTarIndex(
  path: string,
  options: TarIndexOptions,
  notes: string[],
): Promise<readonly TarEntry[]> {
  const archive = resolve(path);
  const { size, mtimeMs: modified } = await stat(archive).catch((error: unknown) => {
    throw inputError('cannot be read', { where: path, received: reasonOf(error), cause: error });
  });
  const key = createHash('sha256').update(archive).digest('hex').slice(0, 32);
  const file = join(dataRoots(options.cacheDirectory)[0], 'tar-index', `${key}.json`);
  const known = await readIndex(file);
  if (known?.path === archive && known.size === size && known.modified === modified) {
    const { names, offsets, bytes } = known;
    return names.map((name, index) => ({ name, offset: offsets[index] ?? 0, bytes: bytes[index] ?? 0 }));
  }
  const entries = await indexTar(path, options.onProgress);
  const content: z.infer<typeof stored> = {
    version: 1,
    path: archive,
    size,
    modified,
    names: entries.map(({ name }) => name),
    offsets: entries.map(({ offset }) => offset),
    bytes: entries.map(({ bytes }) => bytes),
  };
  await writeIndex(file, JSON.stringify(content)).catch((error: unknown) => {
    notes.push(`the list of the archive's files could not be kept for the next time: ${reasonOf(error)}`);
  });
  return entries;
}

async function readIndex(file: string): Promise<z.infer<typeof stored> | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const index = stored.parse(JSON.parse(text));
    const { length } = index.names;
    const inside = index.offsets.every((offset, place) => offset + (index.bytes[place] ?? 0) <= index.size);
    return index.offsets.length === length && index.bytes.length === length && inside ? index : undefined;
  } catch {
    // Damaged: it is only a copy of what the archive says.
    return undefined;
  }
}

async function writeIndex(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, text, { flush: true });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}
