import { randomBytes } from 'node:crypto';
import { open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { inputError, type FixheadError } from '../core/errors.ts';
import { reasonOf } from '../data/files.ts';

/** Content of a file: text, bytes, or bytes in pieces that follow each other. */
export type FileContent = string | Uint8Array | readonly Uint8Array[];

/**
 * Puts a file at `path` in one step: a reader, also one after a crash or a power cut, finds the old content or the new
 * one, never a part.
 *
 * The bytes go to a temporary file in the same folder, which is flushed to the disk and then renamed; the folder is
 * flushed last. After a failure the temporary file is gone and what was at `path` is untouched. The pieces must not
 * change until the promise is settled.
 *
 * Not the package write-file-atomic: it ignores short writes, so that on a disk with room for only a part it would
 * rename a truncated file over a good one.
 *
 * @throws FixheadError of kind `input` when it cannot be written; on a full disk it says how much is needed.
 */
export async function writeFileAtomically(path: string, content: FileContent): Promise<void> {
  const pieces = piecesOf(content);
  const temporary = join(dirname(path), temporaryName(basename(path)));
  try {
    const handle = await open(temporary, 'wx');
    try {
      for (const piece of pieces) await handle.writeFile(piece);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await flushFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw await writeFailure(path, pieces, error);
  }
}

function piecesOf(content: FileContent): readonly Uint8Array[] {
  if (typeof content === 'string') return [new TextEncoder().encode(content)];
  return content instanceof Uint8Array ? [content] : content;
}

function temporaryName(name: string): string {
  return `.${name}.${randomBytes(6).toString('hex')}.tmp`;
}

/** The file that a temporary file of {@link writeFileAtomically} was to become, or `undefined` for other files. */
function targetOf(name: string): string | undefined {
  return /^\.(.+)\.[0-9a-f]{12}\.tmp$/.exec(name)?.[1];
}

/**
 * Removes from `folder` the temporary files that killed processes left of the files `targets`. Only for the one who
 * writes these files: a write under way would fail.
 *
 * @returns the names of the removed files.
 */
export async function removeTemporaryFiles(folder: string, targets: readonly string[]): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  const leftovers = names.filter((name) => targets.includes(targetOf(name) ?? ''));
  for (const name of leftovers) await rm(join(folder, name), { force: true });
  return leftovers;
}

/** Without this a power cut may undo the rename. Some systems cannot flush a folder; there the rename is all there is. */
async function flushFolder(folder: string): Promise<void> {
  const cannot = ['EACCES', 'EINVAL', 'EISDIR', 'ENOSYS', 'ENOTSUP', 'EPERM'];
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!cannot.includes(codeOf(error) ?? '')) throw error;
  }
}

/** The system's name for an error (`ENOENT`), if it has one. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

async function writeFailure(path: string, pieces: readonly Uint8Array[], error: unknown): Promise<FixheadError> {
  const needed = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  const previous = (await stat(path).catch(() => undefined)) === undefined ? '' : 'the previous file is whole; ';
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return inputError(code === 'ENOSPC' ? 'the disk is full' : 'the disk quota is used up', {
      where: path,
      expected: `${formatBytes(needed)} of free space`,
      ...(await freeSpace(path)),
      hint: `${previous}free some space and try again`,
      cause: error,
    });
  }
  return inputError('cannot be written', {
    where: path,
    received: reasonOf(error),
    hint: `${previous}is the folder there, writable, and the disk in order?`,
    cause: error,
  });
}

async function freeSpace(path: string): Promise<{ readonly received?: string }> {
  const disk = await statfs(dirname(path)).catch(() => undefined);
  return disk === undefined ? {} : { received: formatBytes(disk.bavail * disk.bsize) };
}

/** A byte count for people, in decimal units: `999 B`, `1.5 kB`, `23.4 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['kB', 'MB', 'GB', 'TB'];
  if (bytes < 1000) return `${bytes} B`;
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length);
  return `${(bytes / 1000 ** power).toFixed(1)} ${units[power - 1] ?? ''}`;
}
