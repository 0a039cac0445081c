import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cli, documentOf, temporaryFolder } from '../../../test/support/cli.ts';
import { readEmbeddingFile } from '../../embeddings/files.ts';

/** Two kinds of sentences that share no words but the verb. */
async function writeText(folder: string): Promise<string> {
  const animals = ['cat', 'dog', 'horse', 'mouse'];
  const metals = ['iron', 'copper', 'silver', 'lead'];
  const lines = Array.from({ length: 600 }, (_, line) => {
    const words = line % 2 === 0 ? animals : metals;
    const at = (k: number): string => words[(line * (k + 1) + (line >> k)) % 4] ?? '';
    return `${at(1)} ${at(2)} resembles ${at(3)} ${at(4)}`;
  });
  const path = join(folder, 'text.txt');
  await writeFile(path, lines.join('\n'));
  return path;
}

it.each(['word2vec', 'pmi'])('%s vectors are written as text and as an array, and read again', async (method) => {
  const folder = await temporaryFolder();
  const text = await writeText(folder);
  const out = join(folder, 'vectors.txt');
  const command = ['embed', text, '--method', method, '--size', '4', '--out', out];
  const made = await cli([...command, '--json']);
  expect(made.stderr).not.toContain('error');
  expect(made.code).toBe(0);
  expect(documentOf(made)).toMatchObject({ coverage: expect.any(Number) as unknown });

  const read = await readEmbeddingFile(out);
  expect(read.size).toBe(4);
  const words = (await readFile(join(folder, 'vectors.words.txt'), 'utf8')).trim().split('\n');
  expect(words).toEqual(read.words);
  // The header of NumPy's format 1.0, then the numbers, which the text holds to nine digits.
  const npy = await readFile(join(folder, 'vectors.npy'));
  expect(npy.subarray(1, 6).toString('latin1')).toBe('NUMPY');
  expect(npy.toString('latin1')).toContain(`'shape': (${words.length}, 4)`);
  const start = 10 + npy.readUInt16LE(8);
  const numbers = read.vectors.map((_, place) => npy.readFloatLE(start + 4 * place));
  expect(numbers).toEqual(read.vectors);

  const again = await cli(command);
  expect(again.code).toBe(2);
  expect(again.stderr).toContain('there is a file already');
  expect((await cli([...command, '--overwrite'])).code).toBe(0);
});

it.each([
  [['--method', 'word3vec'], /unknown choice/],
  [['--method', 'pmi', '--negatives', '3'], /an option of word2vec/],
  [['--method', 'pmi', '--size', '0'], /--size/],
])('%j is refused without a trace', async (options, message) => {
  const folder = await temporaryFolder();
  const out = join(folder, 'vectors.txt');
  const result = await cli(['embed', await writeText(folder), '--out', out, ...options]);
  expect(result.stderr).toMatch(message);
  expect(result.code).toBe(2);
  await expect(stat(out)).rejects.toThrow('ENOENT');
});
