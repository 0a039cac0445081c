import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { assembleDataset } from './assemble.ts';
import { readIdxFolder, readIdxSet } from './idx.ts';
import { idxBytes, temporaryFolder } from '../../test/fixtures/data/files.ts';

const pixels = Array.from({ length: 12 }, (_, place) => place * 20);

async function folderWith(files: Readonly<Record<string, Uint8Array>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
  return folder;
}

describe('readIdxFolder', () => {
  test('reads plain and compressed files, with any of the usual names', async () => {
    const folder = await folderWith({
      'train-images-idx3-ubyte.gz': gzipSync(idxBytes([2, 2, 3], pixels)),
      'train-labels.idx1-ubyte': idxBytes([2], [1, 0]),
      't10k-images-idx3-ubyte': idxBytes([1, 2, 3], pixels.slice(6)),
      't10k-labels-idx1-ubyte': idxBytes([1], [2]),
    });
    const raw = await readIdxFolder(folder, 'x');
    expect(raw.classes).toEqual(['0', '1', '2']);
    expect(raw.image).toEqual({ channels: 1, height: 2, width: 3 });
    expect([...raw.train.pixels]).toEqual(pixels);
    expect([...raw.train.labels]).toEqual([1, 0]);
    expect([...(raw.validation?.pixels ?? [])]).toEqual(pixels.slice(6));
    expect(raw.train.pixels.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  test('takes class names from classes.txt, and does without test files', async () => {
    const folder = await folderWith({
      'train-images-idx3-ubyte': idxBytes([2, 2, 3], pixels),
      'train-labels-idx1-ubyte': idxBytes([2], [1, 0]),
      'classes.txt': Buffer.from('cat\r\ndog\n'),
    });
    const raw = await readIdxFolder(folder, 'x');
    expect([raw.classes, raw.validation]).toEqual([['cat', 'dog'], undefined]);
  });

  test('says what is missing', async () => {
    const images = { 'train-images-idx3-ubyte': idxBytes([2, 2, 3], pixels) };
    await expect(readIdxFolder(await folderWith(images), 'x')).rejects.toThrow(
      'labels are missing; expected train-labels-idx1-ubyte or the same with .gz beside train-images-idx3-ubyte',
    );
    await expect(readIdxFolder(await folderWith({}), 'x')).rejects.toThrow('received an empty folder');
    const other = {
      ...images,
      'train-labels-idx1-ubyte': idxBytes([2], [1, 0]),
      't10k-images-idx3-ubyte': idxBytes([1, 3, 2], pixels.slice(6)),
      't10k-labels-idx1-ubyte': idxBytes([1], [0]),
    };
    await expect(readIdxFolder(await folderWith(other), 'x')).rejects.toThrow(
      'training and test images differ in size; expected 2×3, as the training images, received 3×2',
    );
  });
});

describe('readIdxSet refuses', () => {
  const good = idxBytes([2, 2, 3], pixels);
  const labels = idxBytes([2], [1, 0]);
  test.each([
    [
      'a file cut in the data',
      good.subarray(0, 20),
      labels,
      'truncated IDX file; expected 28 bytes for 2×2×3 pixels, received 20',
    ],
    [
      'a file cut in the header',
      good.subarray(0, 10),
      labels,
      'truncated IDX file; expected a header of 16 bytes, received 10',
    ],
    [
      'extra bytes',
      Buffer.concat([good, labels]),
      labels,
      'bytes left over; expected 28 bytes for 2×2×3 pixels, received 38',
    ],
    [
      'labels as images',
      idxBytes(
        [2],
        Array.from({ length: 20 }, () => 0),
      ),
      labels,
      'expected 0x00000803: images',
    ],
    ['another element type', idxBytes([2, 2, 3], pixels, 0xd03), labels, 'received 0x00000d03'],
    [
      'another number of labels',
      good,
      idxBytes([3], [0, 1, 0]),
      'expected 2 labels for the 2 images of images, received 3',
    ],
    ['images without pixels', idxBytes([2, 0, 3], []), labels, 'images without pixels; received 0×3'],
    [
      'a damaged gzip file',
      gzipSync(good).subarray(0, 25),
      labels,
      'not a whole gzip file; received 25 bytes: unexpected end of file',
    ],
  ])('%s', async (_, imageBytes, labelBytes, message) => {
    const folder = await folderWith({ images: imageBytes, labels: labelBytes });
    await expect(readIdxSet(join(folder, 'images'), join(folder, 'labels'))).rejects.toThrow(message);
  });

  test('a file that is not there, by name', async () => {
    const folder = await temporaryFolder();
    await expect(readIdxSet(join(folder, 'images'), join(folder, 'labels'))).rejects.toThrow(
      `${join(folder, 'images')}: cannot be read; received ENOENT`,
    );
  });
});

const fashion = '/usr/share/datasets/fashion-mnist';
test.skipIf(!existsSync(fashion))(
  'reads the real Fashion-MNIST of the Debian package dataset-fashion-mnist',
  async () => {
    const dataset = assembleDataset(await readIdxFolder(fashion, 'fashion-mnist'));
    expect([dataset.train.count, dataset.validation.count, dataset.classes.length]).toEqual([60_000, 10_000, 10]);
    // The values usually quoted for this dataset.
    expect(dataset.normalization.mean[0]).toBeCloseTo(0.286, 3);
    expect(dataset.normalization.std[0]).toBeCloseTo(0.353, 3);
    const raw = gunzipSync(await readFile(join(fashion, 't10k-images-idx3-ubyte.gz')));
    expect(Buffer.compare(Buffer.from(dataset.validation.pixels), raw.subarray(16))).toBe(0);
  },
);
