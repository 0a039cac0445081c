import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { embeddingText } from './embedding-text.ts';
import { readEmbeddingFile } from './files.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fixhead-vectors-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const read = async (content: string | Uint8Array, keep?: (word: string) => boolean) => {
  const path = join(folder, 'v.txt');
  await writeFile(path, content);
  return await readEmbeddingFile(path, keep);
};

describe('a file of word vectors', () => {
  test('is read in word2vec’s form, with spaces at the ends of lines', async () => {
    const e = await read('2 3\n</s> 1 -2.5 3e-2 \nthe 4 5 6 \n');
    expect(e).toMatchObject({ words: ['</s>', 'the'], size: 3, rows: 2, repeated: 0 });
    expect([...e.vectors]).toEqual([1, -2.5, Math.fround(0.03), 4, 5, 6]);
    expect(e.method).toBe('v.txt (2 words of 3 numbers in word2vec’s form)');
  });

  test('is read in GloVe’s form, with words that hold spaces, tabs and Windows line ends', async () => {
    const e = await read('the 0.1 0.2\r\n. . . 1 2\r\nat name@domain.com 3 4\r\n1995 5 6\r\na\t7\t8');
    expect(e.words).toEqual(['the', '. . .', 'at name@domain.com', '1995', 'a']);
    expect([...e.vectors.subarray(2)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(e.method).toContain('GloVe’s form');
  });

  test('keeps what is wanted, and the first of repeated words', async () => {
    const e = await read('a 1\nb 2\na 3\nc 4\n', (word) => word !== 'b');
    expect(e).toMatchObject({ words: ['a', 'c'], rows: 4, repeated: 1 });
    expect([...e.vectors]).toEqual([1, 4]);
  });

  test('of many rows is the one that was written', async () => {
    const words = Array.from({ length: 3000 }, (_, i) => `w${i}`);
    const vectors = Float32Array.from({ length: 6000 }, (_, i) => Math.sin(i) * 10 ** ((i % 60) - 30));
    const e = await read([...embeddingText({ words, size: 2, vectors, method: '' })].join(''));
    expect(e.words).toEqual(words);
    expect(e.vectors).toEqual(vectors);
  });

  test('is not written with words that it cannot hold', () => {
    const text = embeddingText({ words: ['a b'], size: 1, vectors: new Float32Array(1), method: '' });
    expect(() => [...text]).toThrow(
      /"a b": a word that a text file of vectors cannot hold; expected words without white/,
    );
  });

  const binary = Buffer.concat([Buffer.from('2 2\na '), Buffer.from(Float32Array.of(1, 0.5, 2, 3).buffer)]);
  test.each<[string, string | Uint8Array, RegExp]>([
    ['an empty file', '', /v\.txt: an empty file/],
    ['a first line alone', '5 3\n', /v\.txt: no word vectors; .* received 1 lines/],
    [
      'a short row',
      'a 1 2\nb 1\n',
      /line 2: a row of another length; expected a word and 2 numbers, received 1 numbers after "b"/,
    ],
    ['a long row', 'a 1 2\nb 1 2 3\n', /line 2: .* expected a word and 2 numbers, received 3 numbers after "b"/],
    ['a row unlike the first line', '1 3\na 1 2\n', /line 2: .* expected a word and 3 numbers, received 2 numbers/],
    [
      'a number that is none',
      'a 1 2\nb x 2\n',
      /line 2, column 2 of the word "b": not a finite number; .* received "x"/,
    ],
    ['NaN', 'a 1 2\nb 1 nan\n', /line 2, column 3 of the word "b": not a finite number; .* received "nan"/],
    ['infinity', 'a 1 -inf\n', /line 1, column 3 of the word "a": not a finite number/],
    ['beyond float32', 'a 1 1e39\n', /line 1, column 3 .* received "1e39"/],
    ['an empty line inside', 'a 1\n\nb 2\n', /line 2: an empty line between word vectors/],
    [
      'too few rows',
      '3 1\na 1\nb 2\n',
      /not a whole file of word vectors; expected 3 rows, as the first line says, received 2/,
    ],
    ['too many rows', '1 1\na 1\nb 2\n', /more word vectors than its first line says; expected 1 rows.*received 2/],
    ['prose', 'It is a truth universally acknowledged\n', /line 1: not a row of word vectors; .*received "It is/],
    [
      'word2vec’s binary form',
      binary,
      /binary form of word2vec.*received the line "2 2" and bytes; write it as text, with gensim/,
    ],
    ['a gzip file', Uint8Array.of(0x1f, 0x8b, 8, 0), /received a gzip file; unpack it first/],
    ['a zip archive', Uint8Array.of(0x50, 0x4b, 3, 4), /received a zip archive/],
    ['what is not UTF-8', Buffer.from('caf\xe9 1 2\n', 'latin1'), /v\.txt: not UTF-8/],
  ])('is refused: %s', async (_, content, message) => {
    await expect(read(content)).rejects.toThrow(message);
  });

  test('that is not there is told', async () => {
    await expect(readEmbeddingFile(join(folder, 'none.txt'))).rejects.toThrow(/none\.txt: no such file/);
  });
});
