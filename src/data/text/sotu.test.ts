import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/fixtures/data/files.ts';
import { openCorpus } from './corpus.ts';
import { findSotu, sotuFiles, splitOfYear } from './sotu.ts';
import { detokenise, tokenise } from './tokens.ts';

const folder = findSotu() ?? 'not installed';

test('the speeches are divided by year, and the speeches of a year stay together', async () => {
  const { files, version } = await sotuFiles(folder);
  expect(version).toMatch(/^0\.2\./);
  expect(files.length).toBe(233);
  const parts = new Map<string, string>();
  for (const { path, split } of files) {
    const { year } = JSON.parse(await readFile(path.replace(/\.txt$/, '.json'), 'utf8')) as { year: number };
    expect(split).toBe(splitOfYear(year));
    expect(parts.get(String(year)) ?? split).toBe(split);
    parts.set(String(year), split ?? '');
  }
  // 1790 to 2021; nobody spoke in 1933.
  expect(parts.size).toBe(231);
});

test('the corpus has the tokens of all speeches', async () => {
  const corpus = await openCorpus(['sotu'], { seed: 0 });
  const { words, counts, unknown, endOfSentence } = corpus.vocabulary;
  const { train, validation, test: last } = corpus.splits;
  // At least the words between spaces in the 233 files, as wc counts them, and one end for each.
  expect(train.length + validation.length + last.length).toBeGreaterThan(1_794_884 + 233);
  expect(counts[endOfSentence]).toBe(187);
  expect([train.length, validation.length, last.length]).toEqual([1_630_182, 180_416, 191_322]);
  expect(words.length).toBe(15_646);
  expect(words.slice(0, 6)).toEqual(['the', 'of', ',', '.', 'to', 'and']);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(train.length);
  expect(corpus.unknownShare.train).toBeCloseTo((counts[unknown] ?? 0) / train.length, 12);
  expect(corpus.unknownShare.validation).toBeLessThan(0.015);
  expect(corpus.unknownShare.test).toBeLessThan(0.015);
}, 60_000);

test('running text made of the tokens of speeches has the same tokens', async () => {
  const names = (await readdir(join(folder, 'data'))).filter((name) => /^\d{3}7.*\.txt$/.test(name));
  expect(names.length).toBeGreaterThan(20);
  for (const name of names) {
    const tokens = tokenise(await readFile(join(folder, 'data', name), 'utf8'));
    expect(tokenise(detokenise(tokens)).join(' ')).toBe(tokens.join(' '));
  }
}, 60_000);

test('a package that is not there, or not the one', async () => {
  const empty = await temporaryFolder();
  // At the root of the disk nothing is installed.
  expect(findSotu([pathToFileURL(join(parse(empty).root, 'index.js')).href])).toBeUndefined();
  await expect(sotuFiles(empty)).rejects.toThrow(
    /not the npm package @stdlib\/datasets-sotu 0\.2; expected data\/YEAR_PRESIDENT_PARTY\.txt.*run "npm install @stdlib\/datasets-sotu" again/,
  );
  await mkdir(join(empty, 'data'));
  await writeFile(join(empty, 'data', '1790_x_n.txt'), 'text');
  await expect(sotuFiles(empty)).rejects.toThrow('received files of 1 speeches');
  for (const year of [1794, 1799]) await writeFile(join(empty, 'data', `${year}_x_n.txt`), 'text');
  await expect(sotuFiles(empty)).rejects.toThrow('received package.json: ENOENT');
});
