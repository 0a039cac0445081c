import { mkdir, readFile, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { cli, documentOf, quick, temporaryFolder, writeImages } from '../../../test/support/cli.ts';

interface Scores {
  readonly old: {
    readonly classes: number;
    readonly images: number;
    readonly before: number;
    readonly after: number;
    readonly takenForNew: number;
  } | null;
  readonly new: { readonly train: number; readonly images: number; readonly accuracy: number | null };
}

interface Document extends Scores {
  readonly status: string;
  readonly class: string;
  readonly slot: number;
  readonly slots: number;
  readonly cosine: number;
  readonly bias: number | null;
  readonly output: string | null;
  readonly run: string | null;
  readonly untrained: Scores | null;
  readonly notes: readonly string[];
}

interface Started {
  readonly folder: string;
  readonly run: string;
  /** Images of three classes, and of a fourth. */
  readonly old: string;
  readonly fresh: string;
}

/** A network of three classes, and images of a fourth that are bright in rows of their own. */
async function started(head = 'hadamard', ...more: readonly string[]): Promise<Started> {
  const folder = await temporaryFolder();
  const all = await writeImages(join(folder, 'all'), { classes: ['a', 'b', 'c', 'd'], perClass: 12 });
  const old = join(folder, 'old');
  await mkdir(old);
  for (const name of ['a', 'b', 'c']) await rename(join(all, name), join(old, name));
  const run = join(folder, 'run');
  const trained = await cli(['train', old, ...quick, '--epochs', '4', '--head', head, '--out', run, ...more]);
  expect(trained.stderr).not.toContain('error');
  expect(trained.code).toBe(0);
  return { folder, run, old, fresh: join(all, 'd') };
}

const threads = ['--threads', '1', '--quiet'] as const;

async function grown(...argv: readonly string[]): Promise<Document> {
  const result = await cli(['grow', ...argv, ...threads, '--json']);
  expect(result.stderr).not.toContain('error');
  expect(result.code).toBe(0);
  return documentOf(result) as Document;
}

describe('grow', () => {
  it('adds a class to a run’s model without training, and says how old and new classes do', async () => {
    const { folder, run, old, fresh } = await started();
    const out = join(folder, 'grown.onnx');
    const bytes = await readFile(join(run, 'model.onnx'));
    const document = await grown(run, '--class', 'd', '--data', fresh, '--epochs', '0', '--out', out);
    expect(document).toMatchObject({ class: 'd', output: out, run: null, untrained: null });
    expect(document.old).toMatchObject({ classes: 3, images: 7 });
    expect(document.new).toMatchObject({ train: 10, images: 2, accuracy: 1 });
    expect(document.old?.after).toBe(1);
    expect(document.slot).toBeLessThan(document.slots);
    // The run is as it was.
    expect(await readFile(join(run, 'model.onnx'))).toEqual(bytes);

    // The file is a classifier of four classes for every other command, and its head has not collapsed.
    const all = join(folder, 'four');
    await mkdir(all);
    for (const name of ['a', 'b', 'c']) await rename(join(old, name), join(all, name));
    await rename(fresh, join(all, 'd'));
    const evaluated = await cli(['evaluate', out, all, '--threads', '1', '--quiet', '--json']);
    expect(documentOf(evaluated)).toMatchObject({ accuracy: 1 });
    const inspected = documentOf(await cli(['inspect', out, '--json', '--quiet']));
    expect(inspected).toMatchObject({
      head: 'hadamard',
      geometry: { classes: 4, distinct: 4, distinctBy: 'all' },
      vectors: { identicalPairs: 0 },
    });
  });

  it('trains on in a new run, which is resumed like any other', async () => {
    const { folder, run, fresh } = await started('hadamard', '--assign', 'warmup');
    const next = join(folder, 'next');
    const train = ['--lr', '0.05', '--batch-size', '8', '--augment', 'none', '--data-workers', '0'];
    const document = await grown(run, '--class', 'd', '--data', fresh, '--out', next, ...train);
    expect(document).toMatchObject({ status: 'finished', run: next, output: join(next, 'model.onnx') });
    expect(document.new).toMatchObject({ images: 2, accuracy: 1 });
    expect(document.old).toMatchObject({ classes: 3, images: 7, after: 1 });
    expect(document.untrained?.new.images).toBe(2);
    const config = JSON.parse(await readFile(join(next, 'config.json'), 'utf8')) as unknown;
    expect(config).toMatchObject({
      classes: ['a', 'b', 'c', 'd'],
      headClasses: 4,
      dataset: { extra: [{ class: 'd', folder: fresh }] },
      recipe: { epochs: 2, assignment: [] },
    });
    // Data and model are found again, the added class with them.
    const resumed = await cli(['resume', next, '--threads', '1', '--quiet', '--json']);
    expect(documentOf(resumed)).toMatchObject({ status: 'finished', dataset: { classes: 4, validation: 9 } });

    // A class can be added to it in turn, on a vector that none has.
    const again = await grown(next, '--class', 'e', '--data', fresh, '--epochs', '0', '--dry-run');
    expect(again).toMatchObject({ class: 'e', output: null, old: { classes: 4 } });
    expect(again.slot).not.toBe(document.slot);
    expect(await readdir(folder)).not.toContain('next-e.onnx');
  }, 60_000);

  it('measures an .onnx file on data that is named, and guesses the bias without any', async () => {
    const { folder, run, old, fresh } = await started('coset');
    const model = join(run, 'model.onnx');
    const grow = [model, '--class', 'd', '--data', fresh, '--dry-run'];
    const measured = await grown(...grow, '--old', old);
    expect(measured.old).toMatchObject({ classes: 3 });
    expect(measured.notes.join()).not.toContain('only a guess');
    const guessed = await grown(...grow);
    expect(guessed.old).toBeNull();
    expect(guessed.notes.join()).toContain('only a guess');
    expect(await readdir(folder)).not.toContain('model-d.onnx');
  });

  it('brings images of another size to the model’s, and says so', async () => {
    const { folder, run } = await started();
    const large = await writeImages(join(folder, 'large'), { classes: ['d'], perClass: 5, side: 20 });
    const argv = ['grow', run, '--class', 'd', '--data', large, '--epochs', '0', '--dry-run', '--threads', '1'];
    const { code, stderr } = await cli(argv);
    expect(code).toBe(0);
    expect(stderr).toContain('5 of 5 images are brought to 8×8: scaled to cover it, the middle kept');
  });

  it('gives a class no bias where the head has none', async () => {
    const { run, fresh } = await started('hadamard:bias=off');
    const document = await grown(run, '--class', 'd', '--data', fresh, '--epochs', '0', '--dry-run');
    expect(document.bias).toBeNull();
    expect(document.notes.join()).toContain('the head has no bias');
  });

  it('takes a single image, which is too few to measure the class by', async () => {
    const { folder, run } = await started();
    const black = join(folder, 'black');
    await mkdir(black);
    const pixels = { create: { width: 8, height: 8, channels: 3, background: '#000' } } as const;
    await sharp(pixels).png().toFile(join(black, '0.png'));
    const document = await grown(run, '--class', 'd', '--data', black, '--epochs', '0', '--dry-run');
    expect(document.new).toMatchObject({ train: 1, images: 0, accuracy: null });
    expect(document.notes.join()).toContain('one image is too few');
  });
});

describe('grow refuses', () => {
  it('what it cannot do, and writes nothing', async () => {
    const { folder, run, old, fresh } = await started();
    const model = join(run, 'model.onnx');
    const out = join(folder, 'out.onnx');
    const empty = join(folder, 'empty');
    const broken = join(folder, 'broken');
    await mkdir(empty);
    await mkdir(broken);
    await writeFile(join(broken, 'no.png'), 'not an image');
    const other = join(folder, 'other.onnx');
    await writeFile(other, 'no model');
    const data = ['--data', fresh];
    const named = ['--class', 'd'];
    for (const [argv, code, message] of [
      [[run, '--class', 'a', ...data], 2, /has this class already/],
      [[run, '--class', ' ', ...data], 2, /a class needs a name/],
      [[run, ...named, '--data', empty], 1, /empty: no image in the folder/],
      [[run, ...named, '--data', join(folder, 'nowhere')], 1, /nowhere: not a folder/],
      [[run, ...named, '--data', broken], 1, /no readable image in the folder/],
      [[run, ...named, ...data, '--old', old], 2, /--old: a run has its own data/],
      [[run, ...named, ...data, '--assign', 'init'], 2, /classes keep their vectors/],
      [[model, ...named, ...data, '--epochs', '2'], 2, /only a run can be trained on.*fixhead fix/],
      [[other, ...named, ...data], 1, /other\.onnx/],
      [[join(folder, 'none.onnx'), ...named, ...data], 1, /nothing there/],
      [[model, ...named, ...data, '--old', fresh], 1, /not a folder of images by class/],
    ] as const) {
      const result = await cli(['grow', ...argv, '--out', out, ...threads]);
      expect(result.stderr).toMatch(message);
      expect(result.code).toBe(code);
    }
    await expect(stat(out)).rejects.toThrow('ENOENT');
    await writeFile(out, 'mine');
    const taken = await cli(['grow', model, ...named, ...data, '--out', out, ...threads]);
    expect(taken).toMatchObject({ code: 2 });
    expect(taken.stderr).toMatch(/there is a file already.*--overwrite/);
    expect(await readFile(out, 'utf8')).toBe('mine');
  }, 60_000);

  it('images that it cannot read unless told to skip them', async () => {
    const { run, fresh } = await started();
    await writeFile(join(fresh, 'no.png'), 'not an image');
    const argv = [run, '--class', 'd', '--data', fresh, '--epochs', '0', '--dry-run'];
    const refused = await cli(['grow', ...argv, ...threads]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/no\.png: 1 of 13 images cannot be read.*--on-unreadable skip/);
    const document = await grown(...argv, '--on-unreadable', 'skip');
    expect(document.notes).toContain('left out 1 of 13 images that cannot be read');
  });

  it('heads without an unused vector', async () => {
    const { run, fresh } = await started('learned');
    const result = await cli(['grow', run, '--class', 'd', '--data', fresh, ...threads]);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(/learns its class vectors has no unused one.*fixhead fix/);
  });
});

describe('grow after fix', () => {
  it('adds a class to a model whose classifier was replaced, and trains it on from the original that the run keeps', async () => {
    const { folder, run, old, fresh } = await started('learned');
    const fixed = join(folder, 'fixed');
    const train = ['--epochs', '2', '--batch-size', '8', '--data-workers', '0', ...threads];
    const done = await cli([
      'fix',
      join(run, 'model.onnx'),
      '--data',
      old,
      '--head',
      'coset',
      '--out',
      fixed,
      ...train,
    ]);
    expect(done.stderr).not.toContain('error');
    const next = join(folder, 'next');
    const document = await grown(fixed, '--class', 'd', '--data', fresh, '--out', next, '--lr', '0.05');
    expect(document).toMatchObject({ status: 'finished', old: { classes: 3 }, output: join(next, 'model.onnx') });
    expect(document.new.accuracy).toBe(1);
    const files = await readdir(next);
    for (const name of ['original.onnx', 'before.json', 'report.html', 'model.onnx']) expect(files).toContain(name);
    const resumed = await cli(['resume', next, ...threads, '--json']);
    expect(documentOf(resumed)).toMatchObject({ status: 'finished' });
  }, 60_000);
});
