import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { inputError } from '../core/errors.ts';
import type { RawDataset } from './assemble.ts';
import type { ByteImages, ImageShape } from './dataset.ts';
import { readMaybeGzip } from './files.ts';
import { sharedBytes } from './memory.ts';

/**
 * The IDX files of MNIST and its relatives: two zero bytes, the element type (0x08: unsigned byte), the number of dimensions,
 * each dimension as a big-endian 32-bit number, then the bytes, last dimension fastest. Images have the dimensions [count, height, width], labels [count].
 */
function parseIdx(bytes: Uint8Array, rank: 1 | 3, where: string): { dims: number[]; data: Uint8Array } {
  const kind = rank === 3 ? 'images (unsigned bytes, 3 dimensions)' : 'labels (unsigned bytes, 1 dimension)';
  const header = 4 + 4 * rank;
  if (bytes.length < header) {
    throw inputError('truncated IDX file', {
      where,
      expected: `a header of ${header} bytes`,
      received: `${bytes.length} bytes in all`,
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  if (magic !== 0x800 + rank) {
    const hex = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;
    throw inputError('wrong magic number for an IDX file', {
      where,
      expected: `${hex(0x800 + rank)}: ${kind}`,
      received: hex(magic),
    });
  }
  const dims = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = dims.reduce((product, dim) => product * dim, 1);
  if (bytes.length !== header + size) {
    throw inputError(bytes.length < header + size ? 'truncated IDX file' : 'IDX file with bytes left over', {
      where,
      expected: `${header + size} bytes for ${dims.join('×')} ${rank === 3 ? 'pixels' : 'labels'}`,
      received: `${bytes.length}`,
    });
  }
  return { dims, data: bytes.subarray(header) };
}

/** The images and labels of two IDX files, each plain or gzip-compressed. Input errors name the file, what was expected and what it holds. */
export async function readIdxSet(
  imageFile: string,
  labelFile: string,
): Promise<{ set: ByteImages; image: ImageShape }> {
  const images = parseIdx(await readMaybeGzip(imageFile), 3, imageFile);
  const labels = parseIdx(await readMaybeGzip(labelFile), 1, labelFile);
  const [count = 0, height = 0, width = 0] = images.dims;
  const [labelCount = 0] = labels.dims;
  if (count !== labelCount) {
    throw inputError('the number of labels is not the number of images', {
      where: labelFile,
      expected: `${count} labels for the ${count} images of ${basename(imageFile)}`,
      received: `${labelCount}`,
    });
  }
  if (height === 0 || width === 0) {
    throw inputError('images without pixels', { where: imageFile, received: `${height}×${width}` });
  }
  const pixels = sharedBytes(images.data.length);
  pixels.set(images.data);
  return {
    set: Object.freeze({ kind: 'bytes' as const, count, pixels, labels: Int32Array.from(labels.data) }),
    image: { channels: 1, height, width },
  };
}

/** `train-images-idx3-ubyte`, also with a dot (`train-images.idx3-ubyte`) and with `.gz`. */
function idxFile(names: readonly string[], part: 'train' | 't10k', rank: 1 | 3): string | undefined {
  const pattern = new RegExp(`^${part}-${rank === 3 ? 'images' : 'labels'}[-.]idx${rank}-ubyte(\\.gz)?$`);
  return names.filter((name) => pattern.test(name)).sort()[0];
}

/** Whether a folder's file names are those of an IDX dataset. */
export function looksLikeIdx(names: readonly string[]): boolean {
  return idxFile(names, 'train', 3) !== undefined;
}

/**
 * A folder with `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and, for validation, the same two with `t10k-`.
 *
 * @param classes the names of the classes; without them the lines of `classes.txt` in the folder, and without that the
 * numbers up to the largest label.
 */
export async function readIdxFolder(
  folder: string,
  name: string,
  classes?: readonly string[],
): Promise<RawDataset<ByteImages>> {
  const names = await readdir(folder);
  const train = await readPart(folder, names, 'train');
  if (train === undefined) {
    throw inputError('IDX files are missing', {
      where: folder,
      expected: 'train-images-idx3-ubyte and train-labels-idx1-ubyte, plain or .gz',
      received: names.length === 0 ? 'an empty folder' : names.slice(0, 8).join(', '),
    });
  }
  const test = await readPart(folder, names, 't10k');
  if (test !== undefined && (test.image.height !== train.image.height || test.image.width !== train.image.width)) {
    throw inputError('training and test images differ in size', {
      where: folder,
      expected: `${train.image.height}×${train.image.width}, as the training images`,
      received: `${test.image.height}×${test.image.width}`,
    });
  }
  const sets = test === undefined ? [train.set] : [train.set, test.set];
  const known = classes ?? (await classNames(folder, names)) ?? numbered(sets);
  return {
    name,
    classes: known,
    image: train.image,
    train: train.set,
    ...(test === undefined ? {} : { validation: test.set }),
  };
}

async function readPart(
  folder: string,
  names: readonly string[],
  part: 'train' | 't10k',
): Promise<{ set: ByteImages; image: ImageShape } | undefined> {
  const images = idxFile(names, part, 3);
  const labels = idxFile(names, part, 1);
  if (images === undefined && labels === undefined) return undefined;
  if (images === undefined || labels === undefined) {
    throw inputError(`${images === undefined ? 'images' : 'labels'} are missing`, {
      where: folder,
      expected: `${part}-${images === undefined ? 'images-idx3' : 'labels-idx1'}-ubyte or the same with .gz beside ${images ?? labels ?? ''}`,
    });
  }
  return await readIdxSet(join(folder, images), join(folder, labels));
}

async function classNames(folder: string, names: readonly string[]): Promise<string[] | undefined> {
  if (!names.includes('classes.txt')) return undefined;
  const lines = (await readFile(join(folder, 'classes.txt'), 'utf8')).split(/\r?\n/);
  return lines.map((line) => line.trim()).filter((line) => line !== '');
}

function numbered(sets: readonly ByteImages[]): string[] {
  const largest = sets.reduce((most, { labels }) => labels.reduce((a, b) => Math.max(a, b), most), -1);
  return Array.from({ length: largest + 1 }, (_, label) => String(label));
}
