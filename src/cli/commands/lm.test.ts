import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cli, documentOf, temporaryFolder } from '../../../test/support/cli.ts';

const subjects = ['the cat', 'the dog', 'a bird', 'the child'];
const verbs = ['sees', 'hears', 'follows'];
const objects = ['the house', 'a tree', 'the river', 'the moon'];

/** Sentences of 15 words, whose grammar can be learned, in files. */
async function writeTexts(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (let file = 0; file < 10; file++) {
    const lines = Array.from({ length: 60 }, (_, line) => {
      const at = 7 * file + line * 5;
      return `${subjects[at % 4] ?? ''} ${verbs[at % 3] ?? ''} ${objects[(at >> 2) % 4] ?? ''} .`;
    });
    await writeFile(join(folder, `${file}.txt`), lines.join('\n'));
  }
  return folder;
}

const quick = [
  '--size',
  '16',
  '--layers',
  '1',
  '--dropout',
  '0',
  '--epochs',
  '3',
  '--batch-size',
  '8',
  '--window',
  '6',
];

it('trains, resumes, is evaluated, exported and writes', async () => {
  const folder = await temporaryFolder();
  const texts = await writeTexts(join(folder, 'texts'));
  const run = join(folder, 'run');
  const trained = await cli(['lm', texts, ...quick, '--lr', '0.02', '--tie', '--out', run, '--json']);
  expect(trained.stderr).not.toContain('error');
  expect(trained.code).toBe(0);
  const document = documentOf(trained) as Record<string, number>;
  expect(document).toMatchObject({ run, status: 'finished', embedding: 'learned', fixed: false, tied: true });
  // Seven choices of about four words make a sentence: far from the 16 words of the vocabulary.
  expect(document['validationPerplexity']).toBeLessThan(4);

  const taken = await cli(['lm', 'no-text', '--out', run]);
  expect(taken.stderr).toContain('the folder holds a run already');
  const again = documentOf(await cli(['resume', run, '--json']));
  expect(again).toMatchObject({ validationPerplexity: document['validationPerplexity'] });
  const evaluated = documentOf(await cli(['evaluate', run, '--json'])) as Record<string, number>;
  expect(evaluated['perplexity']).toBeCloseTo(document['validationPerplexity'] ?? 0, 4);
  const other = documentOf(await cli(['evaluate', run, join(texts, '0.txt'), '--json']));
  expect(other).toMatchObject({ tokens: 60 * 7, unknownShare: 0 });

  const file = join(folder, 'out', 'model.onnx');
  const exported = await cli(['export', run, '--out', file]);
  expect(exported.code).toBe(0);
  expect((await readFile(file)).equals(await readFile(join(run, 'model.onnx')))).toBe(true);
  expect((await stat(join(folder, 'out', 'model-scorer.onnx'))).size).toBeGreaterThan(1000);
  expect((await cli(['export', run, '--out', file])).stderr).toContain('there is such a file already');
  expect((await cli(['export', run, '--top-k', '3'])).stderr).toContain('a language model is exported whole');

  const written = documentOf(
    await cli(['generate', run, '--prompt', 'The cat', '--words', '12', '--seed', '3', '--json']),
  ) as { prompt: string; text: string; tokens: string[]; unknown: string[] };
  expect(written).toMatchObject({ prompt: 'the cat', unknown: [] });
  expect(written.tokens).toHaveLength(12);
  expect(verbs).toContain(written.tokens[0]);
  expect(written.tokens).not.toContain('<unk>');
  const fromFile = await cli(['generate', file, '--prompt', 'the cat', '--words', '12', '--seed', '3']);
  expect(fromFile.stdout.trim()).toBe(written.text.trim());
  const greedy = ['generate', run, '--temperature', '0', '--words', '5', '--prompt', 'a bird', '--seed'];
  expect((await cli([...greedy, '1'])).stdout).toBe((await cli([...greedy, '2'])).stdout);

  const some = await cli(['generate', run, '--prompt', 'the zebra', '--words', '1']);
  expect(some.stderr).toContain('the model does not know zebra');
  const none = await cli(['generate', run, '--prompt', 'zebra giraffe']);
  expect(none.code).toBe(2);
  expect(none.stderr).toMatch(/knows none of the words of the prompt; received zebra giraffe/);
});

it('compares, and what it prints is the contract', async () => {
  const folder = await temporaryFolder();
  const texts = await writeTexts(join(folder, 'texts'));
  const run = join(folder, 'compare');
  const variants = 'learned-untied,orthonormal-fixed-tied,pmi-fixed-untied,word2vec-fixed-tied,hadamard-fixed-tied';
  const compared = await cli(['lm', 'compare', texts, ...quick, '--variants', variants, '--out', run, '--json']);
  expect(compared.stderr).not.toContain('error');
  expect(compared.code).toBe(0);
  const number: unknown = expect.any(Number);
  const variant = (embedding: string, fixed: boolean, tied: boolean): object => ({
    embedding,
    fixed,
    tied,
    validationPerplexity: number,
    testPerplexity: number,
    parameters: { total: number, trainable: number },
    secondsPerEpoch: number,
  });
  const document = documentOf(compared);
  expect(document).toStrictEqual({
    corpus: { tokens: number, vocabulary: 16 },
    variants: [
      variant('learned', false, false),
      variant('orthonormal', true, true),
      variant('pmi', true, false),
      variant('word2vec', true, true),
      variant('hadamard', true, true),
    ],
    report: join(run, 'report.html'),
  });
  expect(await readFile(join(run, 'report.html'), 'utf8')).toContain('<svg');
  // What is read again is what was measured.
  expect(documentOf(await cli(['resume', run, '--json']))).toStrictEqual(document);
  const table = await cli(['resume', run]);
  expect(table.stdout).toMatch(/hadamard +yes +yes/);
  expect((await cli(['generate', run])).stderr).toContain('a comparison: give one of the folders in it');
});

it('takes word vectors of a file, says how many words they cover, and refuses another size', async () => {
  const folder = await temporaryFolder();
  const texts = await writeTexts(join(folder, 'texts'));
  const file = join(folder, 'vectors.txt');
  const row = (word: string, seed: number): string =>
    `${word} ${Array.from({ length: 16 }, (_, k) => Math.sin(seed * 17 + k * k).toFixed(4)).join(' ')}`;
  await writeFile(file, ['the', 'cat', 'dog', 'sees', 'house', 'unheard'].map(row).join('\n'));
  const run = ['lm', texts, ...quick, '--epochs', '1', '--embedding', file, '--fixed', '--tie'];
  const trained = await cli([...run, '--out', join(folder, 'run'), '--json']);
  expect(trained.code).toBe(0);
  expect(trained.stderr).toMatch(/vectors for 5 of 16 words \(31\.3 %\), \d+\.\d % of the text/);
  expect(documentOf(trained)).toMatchObject({ embedding: 'file', fixed: true });
  const refused = await cli([...run, '--size', '32', '--out', join(folder, 'other')]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/another size than the model; expected 32 numbers each, received 16.*--size 16/);
});

it.each([
  [['lm', 'TEXTS', '--embedding', 'word3vec'], 2, /unknown word vectors.*word2vec/],
  [['lm', 'TEXTS', '--fixed'], 2, /learned word vectors cannot be fixed/],
  [['lm', 'TEXTS', '--window', '100000'], 1, /window/],
  [['lm', 'TEXTS', '--warmup', '9'], 2, /the warm-up is not shorter than the training/],
  [['lm', 'nothing-there.txt'], 1, /no such file or folder/],
  [['lm', 'compare', 'TEXTS', '--variants', 'word2vec-tide'], 2, /unknown variant; received word2vec-tide/],
  [['lm', 'compare', 'TEXTS', '--variants', 'learned-tied,learned-tied'], 2, /a variant is listed twice/],
])('%j is refused without a trace', async (argv, code, message) => {
  const folder = await temporaryFolder();
  const texts = await writeTexts(join(folder, 'texts'));
  const out = join(folder, 'run');
  const result = await cli([...argv.map((part) => (part === 'TEXTS' ? texts : part)), '--size', '8', '--out', out]);
  expect(result.stderr).toMatch(message);
  expect(result.code).toBe(code);
  await expect(stat(out)).rejects.toThrow('ENOENT');
});

it('refuses text that is none, naming the file and the byte', async () => {
  const folder = await temporaryFolder();
  const write = async (name: string, content: string | Uint8Array): Promise<string> => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  const cases: readonly (readonly [string, RegExp])[] = [
    [await write('empty.txt', ''), /empty\.txt/],
    [await write('binary.txt', Uint8Array.from([65, 0, 1, 2, 0])), /binary\.txt/],
    [await write('latin1.txt', Buffer.from('caf\u00e9 au lait', 'latin1')), /latin1\.txt.*byte|byte.*latin1\.txt/s],
    [await write('one.txt', 'word word word word\n'.repeat(50)), /word/],
  ];
  for (const [path, message] of cases) {
    const result = await cli(['lm', path, ...quick, '--out', join(folder, 'run')]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(message);
  }
});
