import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { unzip, type Unzipped } from 'fflate';
import { inputError } from '../../core/errors.ts';
import { extractArchive, isArchiveName } from '../archive.ts';
import { reasonOf } from '../files.ts';
import type { OnDataProgress } from '../progress.ts';

/** Zip files are unpacked in memory. */
const largestUnzipped = 2 ** 30;

/** Whether a file name is that of an archive of text that can be read. */
export function isTextArchive(file: string): boolean {
  return isArchiveName(file) || /\.zip$/iu.test(file);
}

/** Unpacks an archive into a temporary folder, which is removed when `work` is done with it. */
export async function withUnpacked<T>(
  archive: string,
  onProgress: OnDataProgress | undefined,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const temporary = await mkdtemp(join(tmpdir(), 'fixhead-'));
  try {
    const folder = join(temporary, basename(archive).replace(/\.(?:zip|tar|tar\.gz|tgz)$/iu, ''));
    if (isArchiveName(archive)) await extractArchive(archive, folder, onProgress);
    else await extractZip(archive, folder);
    return await work(folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function extractZip(archive: string, folder: string): Promise<void> {
  const bytes = await readFile(archive).catch((error: unknown) => {
    throw inputError('cannot be read', { where: archive, received: reasonOf(error), cause: error });
  });
  let size = 0;
  const sizes = new Map<string, number>();
  const filter = ({ name, originalSize }: { name: string; originalSize: number }): boolean => {
    size += originalSize;
    sizes.set(name, originalSize);
    return size <= largestUnzipped && problemOf(name) === undefined;
  };
  const entries = await promisify<Uint8Array, { filter: typeof filter }, Unzipped>(unzip)(bytes, { filter }).catch(
    (error: unknown) => {
      throw inputError('the archive cannot be read: damaged, truncated or not a zip file', {
        where: archive,
        received: reasonOf(error),
        cause: error,
      });
    },
  );
  if (size > largestUnzipped) {
    throw inputError('the archive is too large to be unpacked in memory', {
      where: archive,
      expected: `at most ${largestUnzipped / 2 ** 20} MiB`,
      received: `${Math.round(size / 2 ** 20)} MiB`,
      hint: 'unpack it and name the folder',
    });
  }
  for (const [name, expected] of sizes) {
    const problem = problemOf(name);
    if (problem !== undefined) {
      throw inputError(`unsafe archive, nothing was unpacked: ${problem}`, {
        where: archive,
        received: JSON.stringify(name),
      });
    }
    const received = entries[name]?.length ?? 0;
    if (received !== expected) {
      throw inputError('the archive cannot be read: damaged, truncated or not a zip file', {
        where: archive,
        expected: `${expected} bytes of ${name}`,
        received: String(received),
      });
    }
  }
  await mkdir(folder, { recursive: true });
  for (const [name, content] of Object.entries(entries)) {
    if (name.endsWith('/')) continue;
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}

function problemOf(name: string): string | undefined {
  if (isAbsolute(name) || /^[a-z]:|^[\\/]/iu.test(name)) return 'an entry has an absolute path';
  return name.split(/[\\/]/u).includes('..') ? 'an entry leaves the folder by ".."' : undefined;
}
