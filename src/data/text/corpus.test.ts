import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/fixtures/data/files.ts';
import { openCorpus, type TextCorpus } from './corpus.ts';
import type { SplitName } from './layout.ts';

async function folderOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = join(await temporaryFolder(), 'texts');
  await mkdir(folder);
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

const wordsOf = ({ splits, vocabulary }: TextCorpus, split: SplitName): string =>
  Array.from(splits[split], (id) => vocabulary.words[id]).join(' ');

const seed = 0;

describe('a corpus in the layout of WikiText', () => {
  const wiki = {
    'wiki.train.tokens': ' \n = A <unk> = \n \n the cat @-@ like cat \n',
    'wiki.valid.tokens': ' the dog \n',
    'wiki.test.tokens': ' cat = the \n',
    'README.txt': 'not part of it',
  };

  test('is split at spaces, with an <eos> for every line, empty ones too', async () => {
    const corpus = await openCorpus([await folderOf(wiki)], { seed });
    expect(wordsOf(corpus, 'train')).toBe('<eos> = A <unk> = <eos> <eos> the cat @-@ like cat <eos>');
    expect(wordsOf(corpus, 'validation')).toBe('the <unk> <eos>');
    expect(wordsOf(corpus, 'test')).toBe('cat = the <eos>');
    expect(corpus.vocabulary.words).toEqual(['<eos>', '=', 'cat', '<unk>', '@-@', 'A', 'like', 'the']);
    expect([...corpus.vocabulary.counts]).toEqual([4, 2, 2, 1, 1, 1, 1, 1]);
    expect(corpus.unknownShare).toEqual({ train: 1 / 13, validation: 1 / 3, test: 0 });
    expect(corpus.how).toContain('tokens as they stand, split at spaces; all words of training');
    expect(corpus.name).toBe('texts');
  });

  test('is found by its files, and in a folder below', async () => {
    const nested = await folderOf(
      Object.fromEntries(Object.entries(wiki).map(([name, text]) => [`wikitext/${name}`, text])),
    );
    const files = ['test', 'valid', 'train'].map((part) => join(nested, 'wikitext', `wiki.${part}.tokens`));
    const corpora = await Promise.all([openCorpus([nested], { seed }), openCorpus(files, { seed })]);
    expect(corpora[0].fingerprint).toBe(corpora[1].fingerprint);
  });

  test('the fingerprint is that of words and ids', async () => {
    const [one, same, other] = await Promise.all([
      openCorpus([await folderOf(wiki)], { seed }),
      openCorpus([await folderOf(wiki)], { seed: 5 }),
      openCorpus([await folderOf({ ...wiki, 'wiki.test.tokens': ' cat the = \n' })], { seed }),
    ]);
    expect(one.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(same.fingerprint).toBe(one.fingerprint);
    expect(other.fingerprint).not.toBe(one.fingerprint);
  });

  test.each([
    [
      'wiki.test.tokens',
      /a corpus without its test text.*expected train, valid and test, received wiki\.train\.tokens, wiki\.valid\.tokens/,
    ],
    ['wiki.valid.tokens', /a corpus without its validation text/],
  ])('without %s is an error', async (missing, message) => {
    const files = Object.fromEntries(Object.entries(wiki).filter(([name]) => name !== missing));
    await expect(openCorpus([await folderOf(files)], { seed })).rejects.toThrow(message);
  });

  test('is not divided again', async () => {
    await expect(openCorpus([await folderOf(wiki)], { seed, testFraction: 0.2 })).rejects.toThrow(
      'a text that comes divided is not divided again; expected no validation and test fraction, received no and 0.2 fraction',
    );
  });
});

test('the layout of the Penn Treebank is tokenised where its training text shows it', async () => {
  const corpus = await openCorpus(
    [await folderOf({ 'ptb.train.txt': " it 's N <unk> \n", 'ptb.valid.txt': " it's \n", 'ptb.test.txt': ' N \n' })],
    { seed },
  );
  expect(wordsOf(corpus, 'train')).toBe("it 's N <unk> <eos>");
  expect(wordsOf(corpus, 'validation')).toBe('<unk> <eos>');
});

describe('untreated text', () => {
  const divided = { 'train.txt': "It's a b.\n\nA b.\n", 'valid.txt': 'a.', 'test.txt': 'b! ' };

  test('is tokenised, empty lines are none, and the last line need not end', async () => {
    const corpus = await openCorpus([await folderOf(divided)], { seed, minCount: 1 });
    expect(wordsOf(corpus, 'train')).toBe("It 's a b . <eos> A b . <eos>");
    expect(wordsOf(corpus, 'test')).toBe('b <unk> <eos>');
    expect(corpus.vocabulary.counts[corpus.vocabulary.unknown]).toBe(0);
  });

  test('words that are rare in training are unknown', async () => {
    const corpus = await openCorpus([await folderOf(divided)], { seed, minCount: 2 });
    expect(wordsOf(corpus, 'train')).toBe('<unk> <unk> <unk> b . <eos> <unk> b . <eos>');
    expect(corpus.unknownShare.train).toBeCloseTo(0.4);
    expect(corpus.vocabulary.counts[corpus.vocabulary.unknown]).toBe(4);
  });

  test('can be made lower case', async () => {
    const corpus = await openCorpus([await folderOf(divided)], { seed, minCount: 1, lowercase: true });
    expect(wordsOf(corpus, 'train')).toBe("it 's a b . <eos> a b . <eos>");
  });
});

describe('a text that does not come divided', () => {
  const files = Object.fromEntries(
    Array.from({ length: 30 }, (_, place) => [
      `${place % 3}/f${place}.txt`,
      `file${place} says the same as all\n`.repeat(20),
    ]),
  );
  const filesIn = (text: string): Set<string> => new Set(text.match(/file\d+/g));

  test('is divided by whole files, the same ones for a seed', async () => {
    const folder = await folderOf({ ...files, '.hidden.txt': 'no', 'picture.png': 'no' });
    const options = { seed: 3, minCount: 1, maxWords: 100 };
    const [one, same, other] = await Promise.all([
      openCorpus([folder], options),
      openCorpus([folder], options),
      openCorpus([folder], { ...options, seed: 4 }),
    ]);
    expect(one.how).toContain('30 files; whole files divided by seed 3');
    expect(filesIn(wordsOf(one, 'train')).size).toBe(24);
    // The words of held-out files are not in training, so only lengths can be compared.
    expect(one.splits.test.length).toBe(one.splits.validation.length);
    expect(one.splits.train.length).toBe(24 * 20 * 7);
    expect(one.fingerprint).toBe(same.fingerprint);
    expect(other.fingerprint).not.toBe(one.fingerprint);
  });

  test('is divided by lines where there are too few files, and nothing is lost or doubled', async () => {
    const lines = Array.from({ length: 200 }, (_, place) => `n${place} w`);
    const folder = await folderOf({ 'a.txt': lines.slice(0, 150).join('\n'), 'b.txt': lines.slice(150).join('\n') });
    const corpus = await openCorpus([folder], { seed, minCount: 1, testFraction: 0.2 });
    expect(corpus.how).toContain('2 files; stretches of lines divided by seed 0');
    const { train, validation, test: last } = corpus.splits;
    expect([train.length, validation.length, last.length]).toEqual([420, 60, 120]);
    const known = lines.filter((line) => corpus.vocabulary.words.includes(line.split(' ')[0] ?? ''));
    expect(known.length).toBe(140);
  });

  test('that is one line cannot be divided', async () => {
    const folder = await folderOf({ 'a.txt': 'one two '.repeat(50) });
    await expect(openCorpus([join(folder, 'a.txt')], { seed })).rejects.toThrow(
      'the text cannot be divided; expected lines or files of which some make up 10 % and others 10 % of the text, received 1 file, 1 line; put line ends',
    );
  });

  test.each([
    [{ testFraction: 0 }, 'not shares of a text'],
    [{ testFraction: 0.5, validationFraction: 0.5 }, 'not shares of a text'],
  ])('refuses the shares %j', async (shares, message) => {
    await expect(openCorpus([await folderOf(files)], { seed, ...shares })).rejects.toThrow(message);
  });
});

describe('what cannot be read', () => {
  const good = 'some words and some words\n'.repeat(20);

  test.each([
    [{ 'a.txt': good, 'b.txt': '' }, /b\.txt: an empty file/],
    [{ 'a.txt': good, 'b.txt': ' \n\n\t' }, /b\.txt: a file without words; expected text, received white space only/],
    [
      { 'a.txt': good, 'b.txt': Buffer.of(0x50, 0x4b, 3, 4, 0) },
      /b\.txt: a binary file, not text; received a zero byte at offset 4/,
    ],
    [
      { 'a.txt': good, 'c/b.txt': Buffer.from('na\u00efve', 'latin1') },
      /b\.txt: not UTF-8 text; received byte 0xef at offset 2/,
    ],
    [
      { 'a.txt': 'word word word\n'.repeat(20) },
      /a vocabulary of fewer than two words.*received 1 of 1 different word/,
    ],
    [{ 'a.pdf': 'x' }, /texts: a folder without text; expected \.txt files.*received 1 other file$/],
    [{}, /a folder without text.*received no files/],
    [{ 'a/train.txt': good, 'a/test.txt': good, 'b/train.txt': good, 'b/test.txt': good }, /files of several corpora/],
    [
      { 'train.txt': good, 'valid.txt': good, 'validation.txt': good, 'test.txt': good },
      /two files for one part of the corpus, validation/,
    ],
  ])('%j', async (files, message) => {
    await expect(openCorpus([await folderOf(files)], { seed })).rejects.toThrow(message);
  });

  test.each([
    [[], 'no text given'],
    [
      ['sotuu'],
      'unknown corpus, and no file or folder of this name; received "sotuu"; choose from sotu, wikitext-2; did you mean sotu?',
    ],
    [['./none'], './none: no such file or folder'],
    [['sotu', 'wikitext-2'], 'unknown corpus'],
  ])('the inputs %j', async (inputs, message) => {
    await expect(openCorpus(inputs, { seed })).rejects.toThrow(message);
  });

  test('a file twice, and a link to a folder, which is not followed', async () => {
    const folder = await folderOf({ 'a.txt': good });
    const file = join(folder, 'a.txt');
    await expect(openCorpus([file, file], { seed })).rejects.toThrow('a text file given twice');
    const other = await folderOf({ 'x.md': 'x' });
    await symlink(folder, join(other, 'link'));
    await expect(openCorpus([other], { seed })).rejects.toThrow('a folder without text');
  });
});
