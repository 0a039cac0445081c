import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { extract, list } from 'tar';
import { inputError, type FixheadError } from '../core/errors.ts';
import { kindOf, reasonOf } from './files.ts';
import type { OnDataProgress } from './progress.ts';

/** Whether a file name is that of an archive that {@link extractArchive} unpacks. */
export function isArchiveName(file: string): boolean {
  return /\.(tar|tar\.gz|tgz)$/i.test(file);
}

/**
 * Unpacks a tar archive (plain or gzip-compressed) into a new folder. Where everything in it lies in one folder, that folder becomes the new one.
 *
 * The whole archive is looked through first. An entry that would leave the folder (an absolute path, a `..`) or that is neither a file nor a folder (a
 * link, a device) is an input error that names it, and nothing is unpacked. The files appear under `destination` all at once, by a rename.
 */
export async function extractArchive(archive: string, destination: string, onProgress?: OnDataProgress): Promise<void> {
  const total = await inspect(archive);
  await mkdir(dirname(destination), { recursive: true });
  const temporary = await mkdtemp(`${destination}.unpacking-`);
  try {
    let done = 0;
    await reading(archive, () =>
      extract({
        file: archive,
        cwd: temporary,
        strict: true,
        preserveOwner: false,
        filter: (path, entry) => !('type' in entry) || problemOf(path, entry.type) === undefined,
        onReadEntry: () => {
          done++;
          onProgress?.({ phase: 'extract', what: basename(archive), done, total, unit: 'entries' });
        },
      }),
    );
    if ((await kindOf(destination)) !== undefined) {
      throw inputError('already exists', { where: destination, hint: 'remove it to unpack the archive again' });
    }
    await rename(await contentsOf(temporary), destination);
    await rm(temporary, { recursive: true, force: true });
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

/** The number of entries, or an error for the first one that must not be unpacked. */
async function inspect(archive: string): Promise<number> {
  let entries = 0;
  let refused: FixheadError | undefined;
  await reading(archive, () =>
    list({
      file: archive,
      strict: true,
      onReadEntry: (entry) => {
        entries++;
        const problem = problemOf(entry.path, entry.type);
        if (problem === undefined) return;
        refused ??= inputError(`unsafe archive, nothing was unpacked: ${problem}`, {
          where: archive,
          received: JSON.stringify(entry.path),
        });
      },
    }),
  );
  if (refused !== undefined) throw refused;
  if (entries === 0) throw inputError('not a tar archive, or an empty one', { where: archive });
  return entries;
}

function problemOf(path: string, type: string): string | undefined {
  if (isAbsolute(path) || /^[a-z]:|^[\\/]/i.test(path)) return 'an entry has an absolute path';
  if (path.split(/[\\/]/).includes('..')) return 'an entry leaves the folder by ".."';
  if (type === 'SymbolicLink' || type === 'Link') return 'an entry is a link';
  if (type !== 'File' && type !== 'OldFile' && type !== 'ContiguousFile' && type !== 'Directory') {
    return `an entry is neither a file nor a folder (${type})`;
  }
  return undefined;
}

async function reading(archive: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    // A full disk or a missing permission is not the archive's fault.
    if (error instanceof Error && 'syscall' in error) {
      throw inputError('the archive cannot be unpacked', { where: archive, received: reasonOf(error), cause: error });
    }
    throw inputError('the archive cannot be read: damaged, truncated or not a tar file', {
      where: archive,
      received: reasonOf(error),
      cause: error,
    });
  }
}

/** The folder in which an unpacked archive's contents lie: the single folder in it, or itself. */
async function contentsOf(folder: string): Promise<string> {
  const [only, ...others] = await readdir(folder);
  if (only === undefined || others.length > 0) return folder;
  const inner = join(folder, only);
  return (await kindOf(inner)) === 'folder' ? inner : folder;
}
