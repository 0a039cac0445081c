import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openBatchLoader } from '../batches.ts';
import { openDataset } from '../registry.ts';
import { fieldsOf, readCsvFeatures } from './csv-file.ts';
import { readNpyIntegers, readNpyMatrix } from './npy-file.ts';

let root = '';
let folder = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'fixhead-features-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'case-'));
});

const file = (name: string): string => join(folder, name);

/** An `.npy` file, version 1, as numpy.lib.format describes it. */
function npy(descr: string, shape: string, data: Uint8Array, order = 'False'): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`;
  const header = `${text}${' '.repeat(63 - ((10 + text.length) % 64))}\n`;
  const intro = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 0, 0]);
  intro.writeUInt16LE(header.length, 8);
  return Buffer.concat([intro, Buffer.from(header), data]);
}

const floats = (values: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
const integers = (values: readonly number[]): Uint8Array => new Uint8Array(BigInt64Array.from(values, BigInt).buffer);

const eight = Array.from({ length: 24 }, (_, place) => place / 4);

async function writeEight(labels: readonly number[] = [5, 5, 5, 5, 9, 9, 9, 9]): Promise<void> {
  await writeFile(file('x.npy'), npy('<f4', '(8, 3)', floats(eight)));
  await writeFile(file('labels.npy'), npy('<i8', `(${labels.length},)`, integers(labels)));
}

describe('features in .npy files', () => {
  test('are images of [features, 1, 1], not normalised, divided by class', async () => {
    await writeEight();
    const { image, classes, train, validation, normalization } = await openDataset(file('x.npy'), {
      validationFraction: 0.5,
    });
    expect([image, classes]).toEqual([{ channels: 3, height: 1, width: 1 }, ['5', '9']]);
    expect([train.kind, train.count, validation.count, [...train.labels]]).toEqual(['floats', 4, 4, [0, 0, 1, 1]]);
    expect(normalization).toEqual({ mean: [0, 0, 0], std: [1, 1, 1] });
    const dataset = { name: 'x', image, train, normalization };
    await using loader = openBatchLoader(dataset, { batchSize: 4, seed: 0, workers: 1 });
    const rows: number[][] = [];
    for await (const { images } of loader.epoch(0)) {
      for (let row = 0; row < 4; row++) rows.push([...images.subarray(3 * row, 3 * row + 3)]);
    }
    for (const row of rows) expect(row).toEqual([row[0], (row[0] ?? 0) + 0.25, (row[0] ?? 0) + 0.5]);
    const augmentation = { cropPadding: 0, horizontalFlip: true };
    expect(() => openBatchLoader(dataset, { batchSize: 4, seed: 0, augmentation })).toThrow(
      'features are not pictures: they cannot be cropped, mirrored or turned; expected no augmentation',
    );
  });

  test('of NumPy itself are read in every type and order', async (context) => {
    const program = [
      'import numpy as np, sys, os',
      'a = (np.arange(12).reshape(4, 3) - 5) / 8',
      'd = sys.argv[1]',
      'for t in ("float16", "float32", "float64"): np.save(os.path.join(d, t), a.astype(t))',
      'np.save(os.path.join(d, "fortran"), np.asfortranarray(a.astype("float32")))',
      'for t in ("int8", "uint16", "int32", "uint64"): np.save(os.path.join(d, t), np.array([3, 0, 7]).astype(t))',
      'np.save(os.path.join(d, "objects"), np.array([{}, 1], dtype=object), allow_pickle=True)',
    ].join('\n');
    try {
      await promisify(execFile)('/usr/bin/python3', ['-c', program, folder]);
    } catch {
      context.skip('no NumPy on this machine');
    }
    const expected = Array.from({ length: 12 }, (_, place) => (place - 5) / 8);
    for (const name of ['float16', 'float32', 'float64', 'fortran']) {
      const { rows, columns, values } = await readNpyMatrix(file(`${name}.npy`));
      expect([rows, columns, [...values]]).toEqual([4, 3, expected]);
    }
    for (const name of ['int8', 'uint16', 'int32', 'uint64']) {
      expect(await readNpyIntegers(file(`${name}.npy`))).toEqual(['3', '0', '7']);
    }
    await expect(readNpyMatrix(file('objects.npy'))).rejects.toThrow(
      'an array of Python objects, which only Python can read',
    );
  });

  test('take labels from a file beside them or of any name, and a folder with a split of its own', async () => {
    await writeEight();
    await rm(file('labels.npy'));
    await expect(openDataset(file('x.npy'))).rejects.toThrow(
      'no labels; expected x-labels.npy (or .csv, .txt) or labels.npy beside it',
    );
    await writeFile(file('who.txt'), 'zoe\nadam\nzoe\nadam\nzoe\nadam\nzoe\nadam\n');
    const named = await openDataset(file('x.npy'), { labels: file('who.txt') });
    expect(named.classes).toEqual(['adam', 'zoe']);
    await mkdir(file('split'));
    for (const part of ['train', 'validation']) {
      await writeFile(join(folder, 'split', `${part}.npy`), await readFile(file('x.npy')));
      await writeFile(join(folder, 'split', `${part}-labels.csv`), `label\n${'10\n9\n'.repeat(4)}`);
    }
    const { classes, validation, name } = await openDataset(join(folder, 'split'));
    expect([name, classes, validation.count]).toEqual(['split', ['9', '10'], 8]);
    await writeFile(join(folder, 'split', 'validation-labels.csv'), `label\n${'10\n8\n'.repeat(4)}`);
    await expect(openDataset(join(folder, 'split'))).rejects.toThrow(
      /validation-labels\.csv, example 1 \(counted from 0\): a class without training examples; received 8/,
    );
  });

  test.each([
    ['<f4', '(8, 3)', 20, 'not a whole NumPy array file; expected 96 bytes of numbers for shape (8, 3), received 80'],
    ['<f4', '(99999999999, 999999)', 24, 'not a whole NumPy array file; expected 399999599996000000 bytes'],
    ['<f4', '(8, 3, 1)', 24, 'an array of another kind; expected two axes [examples, features] of float16'],
    ['>f4', '(8, 3)', 24, 'received dtype >f4, shape (8, 3)'],
    ['<i4', '(8, 3)', 24, 'received dtype <i4'],
    ['|O', '(8, 3)', 24, 'an array of Python objects'],
    ['<f4', '(0, 3)', 0, 'an empty array'],
  ])('%s of shape %s is refused where it must be', async (descr, shape, numbers, message) => {
    await writeFile(file('x.npy'), npy(descr, shape, floats(eight.slice(0, numbers))));
    await expect(readNpyMatrix(file('x.npy'))).rejects.toThrow(message);
  });

  test('are refused where they are cut short, no array, not finite, without a second class or with other labels', async () => {
    await writeEight();
    await writeFile(file('x.npy'), npy('<f4', '(8, 3)', floats([...eight.slice(0, 13), NaN, ...eight.slice(14)])));
    await expect(readNpyMatrix(file('x.npy'))).rejects.toThrow(
      /row 4, column 1 \(counted from 0\): a feature is not a finite number in float32; received NaN/,
    );
    await writeEight([1, 1, 1]);
    await expect(openDataset(file('x.npy'))).rejects.toThrow('expected 8 labels for the 8 rows of');
    await writeEight([4, 4, 4, 4, 4, 4, 4, 4]);
    await expect(openDataset(file('x.npy'))).rejects.toThrow(
      'a classifier needs at least two classes; received only "4"',
    );
    await truncate(file('x.npy'), 60);
    await expect(readNpyMatrix(file('x.npy'))).rejects.toThrow('not a whole NumPy array file; expected a header of');
    await writeFile(file('x.npy'), 'PK');
    await expect(readNpyMatrix(file('x.npy'))).rejects.toThrow('not a NumPy array file');
    await expect(openDataset(file('none.npy'))).rejects.toThrow('no such file');
    await writeEight();
    await expect(openDataset(file('x.npy'), { imageSize: { height: 8, width: 8 } })).rejects.toThrow(
      'an image size can be chosen for folders of images only',
    );
    await expect(openDataset('mnist-small', { labels: file('labels.npy') })).rejects.toThrow(
      'labels in a file of their own belong to features',
    );
  });
});

describe('features in .csv files', () => {
  const rows = (text: string): Promise<unknown> =>
    writeFile(file('x.csv'), text).then(() => readCsvFeatures(file('x.csv'), true));

  test('have a line of column names and labels in the column so named, or the last', async () => {
    expect(await rows('a,Class,b\n1,x,2\n\n3,"y, z",-4e-1\n')).toMatchObject({
      rows: 2,
      columns: 2,
      values: Float32Array.of(1, 2, 3, -0.4),
      labels: ['x', 'y, z'],
    });
    expect(await rows('\uFEFFa,b,kind\r\n1,2,u\r\n3,4,v\r\n')).toMatchObject({ columns: 2, labels: ['u', 'v'] });
    const { classes, image } = await openDataset(file('x.csv')).catch(async () => {
      await rows(`a,b,kind\n${'1,2,u\n3,4,v\n'.repeat(5)}`);
      return await openDataset(file('x.csv'));
    });
    expect([classes, image.channels]).toEqual([['u', 'v'], 2]);
  });

  test.each([
    ['1,2,3\n4,5,6\n', /x\.csv, line 1: no line of column names/],
    [
      'a,b,c\n1,2,x\n1,x\n',
      /x\.csv, line 3: a line of another length; expected 3 fields, as in the line of column names, received 2/,
    ],
    ['a,b,c\n1,two,x\n', /x\.csv, line 2, column b: not a number; received "two"/],
    ['a,b,c\n1,,x\n', /line 2, column b: not a number; received ""/],
    ['a,b,c\n1,2,x\n1,1e39,x\n', /row 1, column 1 \(counted from 0\): a feature is not a finite number/],
    ['a,b,c\n', /no example in the file/],
    ['label\nx\n', /no column of numbers/],
  ])('refuses %j', async (text, message) => {
    await expect(rows(text)).rejects.toThrow(message);
  });

  test('fields may be quoted', () => {
    expect(fieldsOf('1,"a ""b"", c",,"",2')).toEqual(['1', 'a "b", c', '', '', '2']);
  });
});
