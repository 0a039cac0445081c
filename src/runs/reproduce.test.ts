import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { parseHead } from '../heads/parse.ts';
import { openRuntime } from '../runtime/node.ts';
import { recipes } from '../train/recipe.ts';
import { findRowData } from './reproduce-data.ts';
import { scaledRecipe } from './reproduce-recipe.ts';
import { countRow } from './reproduce-row.ts';
import { rowsOf, tableOne, type PublishedRow } from './reproduce-rows.ts';
import { planReproduction, plannedDocument, reproduce, type ReproduceSettings } from './reproduce.ts';

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fixhead-reproduce-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Only this folder is searched for data. */
async function dataFolder(): Promise<string> {
  const folder = await temporaryFolder();
  vi.stubEnv('FIXHEAD_DATA', folder);
  vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'));
  onTestFinished(() => void vi.unstubAllEnvs());
  return folder;
}

/** CIFAR-10 in its binary format with few images: class c is bright in plane c mod 3 and in some rows. */
async function writeCifar(root: string, train = 40, test = 20): Promise<void> {
  const folder = join(root, 'cifar-10', 'cifar-10-batches-bin');
  await mkdir(folder, { recursive: true });
  const records = (count: number, first: number): Uint8Array => {
    const bytes = new Uint8Array(count * 3073);
    for (let index = 0; index < count; index++) {
      const label = index % 10;
      const record = bytes.subarray(index * 3073, (index + 1) * 3073);
      record[0] = label;
      for (let place = 0; place < 3072; place++) {
        const bright = Math.floor(place / 1024) === label % 3 && Math.floor((place % 1024) / 32) % 10 === label;
        record[place + 1] = (bright ? 180 : 30) + ((place * 7 + (first + index) * 13) % 50);
      }
    }
    return bytes;
  };
  await writeFile(join(folder, 'data_batch_1.bin'), records(train, 0));
  await writeFile(join(folder, 'test_batch.bin'), records(test, 1000));
}

describe('the parameter columns of table 1', () => {
  // Hoffer, Hubara & Soudry 2018, table 1.
  test.each([
    ['resnet56-cifar10', 855_770, '0.07', 64, 10],
    ['densenet100-cifar100', 800_032, '4.2', 342, 100],
    ['resnet50-imagenet', 25_557_032, '8.01', 2048, 1000],
    ['densenet169-imagenet', 14_149_480, '11.76', 1664, 1000],
    ['shufflenet-imagenet', 1_826_555, '52.56', 960, 1000],
  ] as const)('%s: %i numbers, %s per cent in the fixed layer', (id, parameters, share, features, classes) => {
    const [row] = rowsOf([id]);
    if (row === undefined) throw new Error('no row');
    const counts = countRow(row);
    expect(counts.features).toBe(features);
    expect(row.classes).toBe(classes);
    expect(counts.parameters).toMatchObject({ ours: parameters, published: parameters, matches: true });
    expect(counts.share).toMatchObject({ ours: (features * classes) / parameters, printed: share, matches: true });
    // With the Hadamard head the N·C weights are gone, and a scale is there in place of the counted head's, or of none.
    const scales = id === 'shufflenet-imagenet' ? 0 : 1;
    expect(counts.trainedWithFixedHead).toBe(parameters - features * classes + scales);
  });

  test('all five rows are there', () => {
    expect(tableOne).toHaveLength(5);
  });

  test('a count or share that does not agree is shown with both numbers', async () => {
    await dataFolder();
    const [row] = rowsOf(['resnet56-cifar10']);
    if (row === undefined) throw new Error('no row');
    const wrong = { ...row, published: { ...row.published, parameters: 855_771, share: '0.09' } };
    const [shown] = plannedDocument(await planReproduction(settingsOf([wrong]))).rows;
    expect(shown).toMatchObject({
      parameters: { ours: 855_770, published: 855_771, matches: false },
      share: { printed: '0.09', matches: false },
    });
    expect(shown?.notes.join(' ')).toMatch(/855,770 parameters, the published one 855,771/);
    expect(shown?.notes.join(' ')).toMatch(/0\.07 % of our model and 0\.09 % of the published one/);
  });
});

/** Largest |cosine| between the first C rows of the Sylvester matrix of the next power of two, cut to N columns. */
function sliceCoherence(features: number, classes: number): number {
  const sign = (row: number, column: number): number => {
    let bits = row & column;
    let parity = 1;
    for (; bits !== 0; bits &= bits - 1) parity = -parity;
    return parity;
  };
  // ⟨h_i, h_j⟩ depends on i xor j alone, which over i, j < C takes every value below the power of two that C does not exceed.
  let largest = 0;
  for (let difference = 1; difference < 2 ** Math.ceil(Math.log2(classes)); difference++) {
    let product = 0;
    for (let column = 0; column < features; column++) product += sign(difference, column);
    largest = Math.max(largest, Math.abs(product) / features);
  }
  return largest;
}

test('what the notes say of slices of Sylvester matrices is so', () => {
  const notes = new Map(tableOne.map(({ id, notes: lines }) => [id, lines.join(' ')]));
  expect(sliceCoherence(64, 10)).toBe(0);
  expect(sliceCoherence(2048, 1000)).toBe(0);
  for (const [id, features, classes] of [
    ['densenet100-cifar100', 342, 100],
    ['densenet169-imagenet', 1664, 1000],
    ['shufflenet-imagenet', 960, 1000],
  ] as const) {
    expect(notes.get(id), id).toContain(`up to ${sliceCoherence(features, classes).toFixed(2)} `);
  }
});

describe('scaledRecipe', () => {
  test('is the recipe itself at its own length', () => {
    expect(scaledRecipe('paper-cifar')).toEqual(recipes['paper-cifar']);
    expect(scaledRecipe('paper-imagenet', { epochs: 90 })).toEqual(recipes['paper-imagenet']);
  });

  test('keeps the shape of the schedule at another length', () => {
    expect(scaledRecipe('paper-cifar', { epochs: 20, batchSize: 32 })).toMatchObject({
      epochs: 20,
      batchSize: 32,
      learningRate: 0.1,
      schedule: { kind: 'step', milestones: [8, 12, 16], factor: 0.1, warmupEpochs: 0 },
    });
    expect(scaledRecipe('paper-imagenet-densenet', { epochs: 9 }).schedule).toMatchObject({
      milestones: [3, 6, 8],
      warmupEpochs: 0.5,
    });
  });

  test('of one epoch has no milestone at its start', () => {
    expect(scaledRecipe('paper-cifar', { epochs: 1 }).schedule).toMatchObject({ milestones: [] });
  });
});

describe('where data is', () => {
  const cifar = { data: 'cifar-10', image: { channels: 3, height: 32, width: 32 }, classes: 10 } as const;
  const imagenet = { data: 'imagenet', image: { channels: 3, height: 224, width: 224 }, classes: 3 } as const;

  test('CIFAR that is missing: where it was looked for, and how to get it', async () => {
    const root = await dataFolder();
    const found = await findRowData(cifar, {});
    if (found.kind !== 'missing') throw new Error('it is not here');
    expect(found.places).toContain(root);
    expect(found.howToGet).toMatch(/fixhead data fetch cifar-10.*--download.*cifar-10-binary\.tar\.gz/);
    await writeCifar(root, 10, 10);
    expect(await findRowData(cifar, {})).toMatchObject({ kind: 'here', choice: { spec: 'cifar-10' } });
  });

  test('ImageNet in a data folder or where it is said to be, read while training at 224×224', async () => {
    const root = await dataFolder();
    const missing = await findRowData(imagenet, {});
    expect(missing).toMatchObject({
      kind: 'missing',
      places: expect.arrayContaining([join(root, 'imagenet')]) as unknown,
    });
    expect(missing.kind === 'missing' && missing.howToGet).toMatch(/image-net\.org.*--imagenet FOLDER/);
    const folder = join(root, 'imagenet');
    for (const split of ['train', 'val']) {
      for (const name of ['a', 'b', 'c']) await mkdir(join(folder, split, name), { recursive: true });
    }
    const here = {
      kind: 'here',
      choice: { spec: folder, imageSize: { height: 224, width: 224, channels: 3 }, inMemory: 'never' },
    };
    expect(await findRowData(imagenet, {})).toMatchObject(here);
    vi.stubEnv('FIXHEAD_DATA', '');
    expect(await findRowData(imagenet, { imagenet: folder })).toMatchObject(here);
  });

  test('a folder that is not ImageNet is refused, saying what it has', async () => {
    const root = await dataFolder();
    const folder = join(root, 'imagenet');
    await expect(findRowData(imagenet, { imagenet: folder })).rejects.toThrow(/not ImageNet.*no such folder/);
    await mkdir(join(folder, 'train', 'a'), { recursive: true });
    await expect(findRowData(imagenet, {})).rejects.toThrow(/not ImageNet.*train\/ and val\/.*only train\//);
    await mkdir(join(folder, 'val', 'a'), { recursive: true });
    await expect(findRowData(imagenet, {})).rejects.toThrow(/each of 3 classes.*1 classes in train\//);
    const archives = join(root, 'archives');
    await mkdir(archives);
    await expect(findRowData(imagenet, { imagenet: archives })).rejects.toThrow(/received neither/);
    await writeFile(join(archives, 'ILSVRC2012_img_train.tar'), '');
    await expect(findRowData(imagenet, { imagenet: archives })).rejects.toThrow(/training images alone/);
    await writeFile(join(archives, 'ILSVRC2012_img_val.tar'), '');
    expect(await findRowData(imagenet, { imagenet: archives })).toMatchObject({ kind: 'here' });
  });
});

test('an unknown row is refused with the nearest one', () => {
  expect(() => rowsOf(['resnet56-cifar100'])).toThrow(
    /unknown row resnet56-cifar100; choose from resnet56-cifar10, .*shufflenet-imagenet; did you mean resnet56-cifar10\?/,
  );
});

/** A row that trains in a moment. */
const smallRow: PublishedRow = {
  id: 'mlp-cifar10',
  model: 'mlp',
  data: 'cifar-10',
  image: { channels: 3, height: 32, width: 32 },
  classes: 10,
  images: { train: 50_000, validation: 10_000 },
  recipe: 'paper-cifar',
  learned: parseHead('learned'),
  fixed: parseHead('hadamard'),
  counted: parseHead('learned'),
  published: { learned: '50.0', fixed: '51.0', parameters: 820_874, share: '0.16' },
  notes: [],
};

const settingsOf = (rows: readonly PublishedRow[], changes: Partial<ReproduceSettings> = {}): ReproduceSettings => ({
  rows,
  seeds: [0],
  lowering: 'auto',
  source: 'a table',
  caveat: 'recalled',
  ...changes,
});

describe('reproduce', () => {
  test('trains a row whose data is here, goes on after a stop, and reads it again', async () => {
    const root = await dataFolder();
    await writeCifar(root);
    const out = join(root, 'out');
    const runtime = await openRuntime({ threads: 1 });
    const options = { runtime, dataWorkers: 0 };
    const [imagenetRow] = rowsOf(['shufflenet-imagenet']);
    if (imagenetRow === undefined) throw new Error('no row');
    const settings = settingsOf([smallRow, imagenetRow], { epochs: 2, batchSize: 16 });

    const cut = await reproduce(out, await planReproduction(settings), { ...options, signal: AbortSignal.abort() });
    expect(cut.status).toBe('interrupted');
    expect(cut.document.rows).toMatchObject([
      { state: 'interrupted', learned: { ours: null } },
      { state: 'missing', folder: null },
    ]);

    const trained: string[] = [];
    const onEvent = (row: string, head: string): void => {
      if (!trained.includes(`${row} ${head}`)) trained.push(`${row} ${head}`);
    };
    const done = await reproduce(out, await planReproduction(settings), { ...options, onEvent });
    expect(done.status).toBe('finished');
    expect(trained).toEqual(['mlp-cifar10 learned', 'mlp-cifar10 hadamard']);
    const [row] = done.document.rows;
    expect(row).toMatchObject({
      state: 'finished',
      parameters: { ours: 820_874, matches: true },
      share: { matches: true },
      learned: { head: 'learned', ours: { sd: 0, seeds: 1 }, published: 0.5 },
      fixed: { head: 'hadamard', ours: { sd: 0, seeds: 1 }, published: 0.51 },
      epochs: { ours: 2, paper: 200 },
      comparable: false,
    });
    for (const accuracy of [row?.learned.ours?.mean, row?.fixed.ours?.mean]) {
      // A share of 20 images.
      expect((accuracy ?? NaN) * 20).toBeCloseTo(Math.round((accuracy ?? NaN) * 20), 9);
      expect(accuracy).toBeGreaterThanOrEqual(0);
    }
    expect(row?.notes[0]).toBe(
      'Accuracies are not comparable with the published ones: 2 of 200 epochs; batches of 16 images in place of 128, at the same learning rate; 40 training and 20 validation images in place of 50,000 and 10,000.',
    );
    expect(done.document.missing).toMatchObject([{ dataset: 'imagenet', rows: ['shufflenet-imagenet'] }]);

    const files = done.document.files;
    expect(JSON.parse(await readFile(join(out, 'results.json'), 'utf8'))).toEqual(done.document);
    const markdown = await readFile(files?.markdown ?? '', 'utf8');
    expect(markdown).toMatch(
      /\| mlp-cifar10 \| \d+ > 10 \| 820,874 \/ 820,874 \| 0\.16 \/ 0\.16 \| [\d.]+ \/ 50\.0 \| [\d.]+ \/ 51\.0 \| 2 \/ 200 \|/,
    );
    expect(markdown).toContain('Accuracies of mlp-cifar10 are NOT comparable');
    expect(markdown).toContain('imagenet is not on this machine');
    const page = await readFile(files?.page ?? '', 'utf8');
    expect(page).toContain('href="mlp-cifar10/report.html"');
    expect(page).toContain('820,874 / 820,874');

    const again = await reproduce(out, await planReproduction(settings), options);
    expect(again.document).toEqual(done.document);
  }, 120_000);

  test('goes on where a small training set has made the batch smaller, and not with other settings', async () => {
    const root = await dataFolder();
    await writeCifar(root, 20, 10);
    const out = join(root, 'out');
    const runtime = await openRuntime({ threads: 1 });
    const options = { runtime, dataWorkers: 0 };
    const plan = async (changes: Partial<ReproduceSettings>) => await planReproduction(settingsOf([smallRow], changes));
    const first = await reproduce(out, await plan({ epochs: 1 }), options);
    expect(first.document.rows[0]?.notes[0]).toMatch(/batches of 20 images in place of 128/);
    expect((await reproduce(out, await plan({ epochs: 1 }), options)).document).toEqual(first.document);
    await expect(reproduce(out, await plan({ epochs: 2 }), options)).rejects.toThrow(
      /mlp-cifar10: the folder holds this row with other settings; expected epochs 1, as it was started, received 2; choose another --out/,
    );
    await expect(reproduce(out, await plan({ epochs: 1, seeds: [0, 1] }), options)).rejects.toThrow(/seeds 0.*0, 1/);
    const replaced = await reproduce(out, await plan({ epochs: 2 }), { ...options, overwrite: true });
    expect(replaced.document.rows[0]).toMatchObject({ state: 'finished', epochs: { ours: 2 } });
  }, 120_000);

  test('without any data writes nothing', async () => {
    const root = await dataFolder();
    const runtime = await openRuntime({ threads: 1 });
    const { status, document } = await reproduce(join(root, 'out'), await planReproduction(settingsOf([smallRow])), {
      runtime,
    });
    expect({ status, files: document.files }).toEqual({ status: 'finished', files: null });
    await expect(readFile(join(root, 'out', 'results.json'))).rejects.toThrow(/ENOENT/);
  });
});
