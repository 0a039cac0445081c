import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cli } from '../../../test/support/cli.ts';

async function textFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fixhead-text-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'train.txt'), 'It is a well-known fact, he said.\n'.repeat(5));
  await writeFile(join(folder, 'valid.txt'), 'It is a fact.\n');
  await writeFile(join(folder, 'test.txt'), 'It is unheard of.\n');
  return folder;
}

describe('fixhead data describe', () => {
  it('tells parts, words and a sample', async () => {
    const { code, stdout } = await cli(['data', 'describe', await textFolder(), '--quiet']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/train: 60 tokens, 5 lines, 0\.00 % unknown/);
    expect(stdout).toMatch(/validation: 6 tokens, 1 line, 0\.00 % unknown/);
    expect(stdout).toMatch(/test: 6 tokens, 1 line, 33\.33 % unknown/);
    expect(stdout).toMatch(/vocabulary: 13 words/);
    expect(stdout).toMatch(/sample: It is a fact\.$/m);
  });

  it('as one document, with the choices given', async () => {
    const folder = await textFolder();
    const { code, stdout } = await cli([
      'data',
      'describe',
      folder,
      '--json',
      '--max-words',
      '5',
      '--lowercase',
      '--quiet',
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      tokens: { train: 60, validation: 6, test: 6 },
      lines: { train: 5, validation: 1, test: 1 },
      vocabulary: 5,
      ok: true,
      problems: [],
      mostFrequent: [{ count: 5 }, { count: 5 }, { count: 5 }],
    });
  });

  it('names what is wrong', async () => {
    const folder = await textFolder();
    await writeFile(join(folder, 'valid.txt'), Buffer.of(0x61, 0xff));
    const result = await cli(['data', 'describe', folder]);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toMatch(/valid\.txt: not UTF-8 text; received byte 0xff at offset 1/);
  });
});

describe('fixhead data', () => {
  it('knows corpora by name', async () => {
    const list = await cli(['data', 'list', '--json']);
    expect(JSON.parse(list.stdout)).toMatchObject({
      corpora: [{ name: 'sotu', available: true }, { name: 'wikitext-2' }],
    });
    const fetched = await cli(['data', 'fetch', 'sotu', '--json']);
    expect(JSON.parse(fetched.stdout)).toMatchObject({
      name: 'sotu',
      folder: expect.stringContaining('datasets-sotu') as unknown,
    });
    const missing = await cli(['data', 'verify', 'wikitext-2', '--data-dir', await textFolder()]);
    expect(missing.stderr).toMatch(/corpus wikitext-2 is not on this machine/);
  });
});
