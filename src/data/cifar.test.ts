import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { assembleDataset } from './assemble.ts';
import { readCifarFolder } from './cifar.ts';
import { temporaryFolder } from '../../test/fixtures/data/files.ts';

/** A record whose red, green and blue planes are filled with the three values. */
function record(labels: readonly number[], red: number, green: number, blue: number): Buffer {
  return Buffer.concat([
    Buffer.from(labels),
    Buffer.alloc(1024, red),
    Buffer.alloc(1024, green),
    Buffer.alloc(1024, blue),
  ]);
}

async function folderWith(files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

const names10 = 'airplane automobile bird cat deer dog frog horse ship truck'.split(' ');

describe('readCifarFolder', () => {
  test('reads CIFAR-10: batches by number, one label byte, red, green, blue planes', async () => {
    const folder = await folderWith({
      'data_batch_10.bin': record([9], 7, 8, 9),
      'data_batch_2.bin': Buffer.concat([record([3], 1, 2, 3), record([4], 4, 5, 6)]),
      'test_batch.bin': record([0], 10, 11, 12),
      'batches.meta.txt': `${names10.join('\n')}\n\n`,
    });
    const raw = await readCifarFolder(folder, 'x');
    expect([...raw.train.labels]).toEqual([3, 4, 9]);
    expect([0, 1024, 2048, 3072 + 1024].map((place) => raw.train.pixels[place])).toEqual([1, 2, 3, 5]);
    expect(raw.classes).toEqual(names10);
    expect(raw.notes).toEqual([]);
    expect(assembleDataset(raw).image).toEqual({ channels: 3, height: 32, width: 32 });
    expect(raw.validation?.count).toBe(1);
  });

  test('reads CIFAR-100: the second label byte is the class', async () => {
    const folder = await folderWith({ 'train.bin': record([19, 99], 1, 2, 3), 'test.bin': record([0, 42], 1, 2, 3) });
    const raw = await readCifarFolder(folder, 'x');
    expect([...raw.train.labels, ...(raw.validation?.labels ?? [])]).toEqual([99, 42]);
    expect(raw.classes).toHaveLength(100);
    expect(raw.notes).toEqual(['no fine_label_names.txt, so the classes are called 0 to 99']);
  });

  test.each([
    [{}, 'CIFAR files are missing; expected data_batch_1.bin'],
    [
      { 'data_batch_1.bin': record([1], 1, 2, 3).subarray(0, 3000) },
      'truncated, or another format; expected a multiple of 3073 bytes (1 for the label, 3072 for the pixels), received 3000 bytes, 3000 of them after the last whole record',
    ],
    [{ 'train.bin': Buffer.alloc(0) }, 'expected a multiple of 3074 bytes'],
    [
      { 'data_batch_1.bin': Buffer.concat([record([1], 1, 2, 3), record([10], 1, 2, 3)]) },
      'data_batch_1.bin: label out of range; expected 0 to 9, received 10 in record 1',
    ],
    [
      { 'data_batch_1.bin': record([1], 1, 2, 3), 'batches.meta.txt': 'cat\ndog\n' },
      'wrong number of class names; expected 10 lines, one a class, received 2',
    ],
  ])('refuses files that are not whole: %#', async (files: Readonly<Record<string, Uint8Array | string>>, message) => {
    await expect(readCifarFolder(await folderWith(files), 'x')).rejects.toThrow(message);
  });
});
