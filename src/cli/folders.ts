import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { findEntry } from '../data/catalog.ts';
import { isGlyphSpec } from '../data/glyphs/choice.ts';
import { codeOf } from '../train/atomic.ts';

/** Characters that are safe in a file name everywhere. */
function plainName(text: string): string {
  return (
    text
      .toLowerCase()
      .replaceAll(/[^a-z0-9._-]+/g, '-')
      .replaceAll(/^[-.]+|-+$/g, '') || 'data'
  );
}

/** A short name of the data for folders: a dataset's own, or the last part of a path without an archive's ending. */
function dataName(spec: string): string {
  if (isGlyphSpec(spec)) return 'glyphs';
  return findEntry(spec)?.name ?? plainName(basename(resolve(spec)).replace(/\.(tar|tar\.gz|tgz)$/i, ''));
}

async function isFree(folder: string): Promise<boolean> {
  return await readdir(folder).then(
    (names) => names.length === 0,
    (error: unknown) => codeOf(error) === 'ENOENT',
  );
}

/**
 * The folder of a run where none was named: `runs/KIND-DATA-…`, with the first free number behind it if there is one already,
 * so that the same command works a second time.
 */
export async function freshFolder(
  kind: 'compare' | 'train' | 'fix' | 'grow' | 'lm' | 'lm-compare',
  data: string,
  ...parts: readonly string[]
): Promise<string> {
  const stem = join('runs', [kind, dataName(data), ...parts.map(plainName)].join('-'));
  for (let number = 1; ; number++) {
    const folder = number === 1 ? stem : `${stem}-${number}`;
    if (await isFree(folder)) return folder;
  }
}
