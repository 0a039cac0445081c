import { readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { inputError } from '../core/errors.ts';

/** `'file'`, `'folder'`, or nothing where there is neither (or only a broken link). */
export async function kindOf(path: string): Promise<'file' | 'folder' | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) return 'folder';
  return found?.isFile() === true ? 'file' : undefined;
}

/** UTF-8 byte order: the same list on every machine and in every locale. */
export function bytewise(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** The error's text, whatever was thrown, on one line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s+/g, ' ').trim();
}

/** The contents of a file, unpacked where it is a gzip file (told by its first bytes, not by its name). */
export async function readMaybeGzip(file: string): Promise<Uint8Array> {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw inputError('cannot be read', { where: file, received: reasonOf(error), cause: error });
  });
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  return await promisify(gunzip)(bytes).catch((error: unknown) => {
    throw inputError('not a whole gzip file', {
      where: file,
      received: `${bytes.length} bytes: ${reasonOf(error)}`,
      hint: 'fetch the file again',
      cause: error,
    });
  });
}
