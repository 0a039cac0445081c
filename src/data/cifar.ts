import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inputError } from '../core/errors.ts';
import type { RawDataset } from './assemble.ts';
import type { ByteImages } from './dataset.ts';
import { readMaybeGzip } from './files.ts';
import { sharedBytes } from './memory.ts';

const pixelBytes = 3 * 32 * 32;

/** The two binary layouts: a record is its label bytes (the last one counts) and 3072 bytes, red plane, green plane, blue plane. */
interface CifarLayout {
  readonly labelBytes: 1 | 2;
  readonly classCount: 10 | 100;
  readonly train: readonly string[];
  readonly test: string;
  readonly namesFile: string;
}

/** The layout whose files are in a folder with these names. */
export function cifarLayout(names: readonly string[]): CifarLayout | undefined {
  const batches = names.filter((name) => /^data_batch_\d+\.bin$/.test(name));
  if (batches.length > 0) {
    const number = (name: string): number => Number.parseInt(name.slice('data_batch_'.length), 10);
    const train = batches.sort((a, b) => number(a) - number(b));
    return { labelBytes: 1, classCount: 10, train, test: 'test_batch.bin', namesFile: 'batches.meta.txt' };
  }
  if (!names.includes('train.bin')) return undefined;
  return { labelBytes: 2, classCount: 100, train: ['train.bin'], test: 'test.bin', namesFile: 'fine_label_names.txt' };
}

/**
 * A folder in the binary format of CIFAR-10 (`data_batch_*.bin`, `test_batch.bin`) or CIFAR-100 (`train.bin`, `test.bin`; the fine
 * labels are the classes). Format: https://www.cs.toronto.edu/~kriz/cifar.html
 */
export async function readCifarFolder(folder: string, name: string): Promise<RawDataset<ByteImages>> {
  const names = await readdir(folder);
  const layout = cifarLayout(names);
  if (layout === undefined) {
    throw inputError('CIFAR files are missing', {
      where: folder,
      expected: 'data_batch_1.bin … and test_batch.bin (CIFAR-10), or train.bin and test.bin (CIFAR-100)',
      received: names.length === 0 ? 'an empty folder' : names.slice(0, 8).join(', '),
    });
  }
  const train = await readRecords(folder, layout.train, layout);
  const validation = names.includes(layout.test) ? await readRecords(folder, [layout.test], layout) : undefined;
  const { classes, notes } = await readNames(folder, names, layout);
  return {
    name,
    classes,
    image: { channels: 3, height: 32, width: 32 },
    train,
    notes,
    ...(validation === undefined ? {} : { validation }),
  };
}

async function readRecords(folder: string, files: readonly string[], layout: CifarLayout): Promise<ByteImages> {
  const { labelBytes, classCount } = layout;
  const record = labelBytes + pixelBytes;
  const contents: Uint8Array[] = [];
  for (const file of files) {
    const bytes = await readMaybeGzip(join(folder, file));
    const left = bytes.length % record;
    if (left !== 0 || bytes.length === 0) {
      throw inputError('not whole CIFAR records: truncated, or another format', {
        where: join(folder, file),
        expected: `a multiple of ${record} bytes (${labelBytes} for the label, ${pixelBytes} for the pixels)`,
        received: `${bytes.length} bytes, ${left} of them after the last whole record`,
      });
    }
    contents.push(bytes);
  }
  const count = contents.reduce((sum, bytes) => sum + bytes.length / record, 0);
  const pixels = sharedBytes(count * pixelBytes);
  const labels = new Int32Array(count);
  let index = 0;
  contents.forEach((bytes, place) => {
    for (let start = 0; start < bytes.length; start += record) {
      const label = bytes[start + labelBytes - 1] ?? 0;
      if (label >= classCount) {
        throw inputError('label out of range', {
          where: join(folder, files[place] ?? ''),
          expected: `0 to ${classCount - 1}`,
          received: `${label} in record ${start / record}`,
        });
      }
      labels[index] = label;
      pixels.set(bytes.subarray(start + labelBytes, start + record), index * pixelBytes);
      index++;
    }
  });
  return Object.freeze({ kind: 'bytes' as const, count, pixels, labels });
}

async function readNames(
  folder: string,
  names: readonly string[],
  { namesFile, classCount }: CifarLayout,
): Promise<{ classes: string[]; notes: string[] }> {
  if (!names.includes(namesFile)) {
    const classes = Array.from({ length: classCount }, (_, label) => String(label));
    return { classes, notes: [`no ${namesFile}, so the classes are called 0 to ${classCount - 1}`] };
  }
  const file = join(folder, namesFile);
  const lines = (await readFile(file, 'utf8')).split(/\r?\n/).map((line) => line.trim());
  const classes = lines.filter((line) => line !== '');
  if (classes.length !== classCount) {
    throw inputError('wrong number of class names', {
      where: file,
      expected: `${classCount} lines, one a class`,
      received: `${classes.length}`,
    });
  }
  return { classes, notes: [] };
}
