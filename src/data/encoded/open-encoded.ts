import { stat } from 'node:fs/promises';
import { freemem } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { inputError } from '../../core/errors.ts';
import type { RawDataset } from '../assemble.ts';
import type { EncodedImages, ImageShape } from '../dataset.ts';
import { headerOf, type ImageHeader } from '../decode-image.ts';
import { kindOf, reasonOf } from '../files.ts';
import { labelledFiles, type FolderContents, type ImageFolderOptions, type LabelledFile } from '../image-folder.ts';
import { chooseImageShape } from '../image-size.ts';
import { listImages } from '../list-images.ts';
import { sampleIndices } from '../normalization.ts';
import { forEachConcurrently } from '../pool.ts';
import { encodedFiles, placeText, type Container, type EncodedFile, type EncodedFiles } from './files.ts';
import { openFileReader } from './read-file.ts';
import { readTars, type LabelledEntry, type TarFiles } from './tar-layout.ts';

/** How files are opened that are decoded when they are asked for. */
export interface EncodedOptions extends ImageFolderOptions {
  /** Folder that keeps the lists of archives' files, in place of the usual one. */
  readonly cacheDirectory?: string;
}

/** Files whose header is read to choose a size and channels: all of a million would take minutes. */
const SAMPLED_HEADERS = 256;
/** Decoded images that take more than this, or more than half of the free memory, are not held in memory unless that is asked for. */
const LARGEST_HELD_BYTES = 2e9;

/** A folder of images by class, laid out as `readImageFolder` takes it, whose images are decoded when they are asked for. */
export async function readEncodedFolder(folder: string, options: EncodedOptions): Promise<RawDataset<EncodedImages>> {
  if ((await kindOf(folder)) !== 'folder') throw inputError('not a folder', { where: folder });
  const contents = await labelledFiles(folder);
  const { train, validation } = await sizedFiles(folder, contents, options);
  const containers = [{ kind: 'folder', path: resolve(folder) } as const];
  return await encodedDataset(basename(resolve(folder)), { ...contents, containers, train, validation }, options);
}

/** Images by class in tar archives, which are read by offset and not unpacked. */
export async function readEncodedTars(
  name: string,
  files: TarFiles,
  options: EncodedOptions,
): Promise<RawDataset<EncodedImages>> {
  const absolute = {
    train: resolve(files.train),
    ...(files.validation === undefined ? {} : { validation: resolve(files.validation) }),
  };
  return await encodedDataset(name, await readTars(absolute, options), options);
}

/** Whether a folder's images, decoded, would take more than 2 GB or half of the free memory. */
export async function tooLargeForMemory(folder: string, { imageSize }: EncodedOptions): Promise<boolean> {
  const { train, validation = [] } = await labelledFiles(folder);
  const all = [...train, ...validation];
  const containers = [{ kind: 'folder', path: resolve(folder) } as const];
  // Lengths do not matter to a reader of whole files.
  const files = encodedFiles(
    containers,
    all.map(({ path }) => ({ name: path, container: 0, offset: 0, bytes: 0 })),
  );
  const { channels, height, width } = chooseImageShape(await sampledHeaders(files, all.length, 'skip'), imageSize);
  return all.length * channels * height * width > Math.min(LARGEST_HELD_BYTES, freemem() / 2);
}

/**
 * The images of a folder and of the folders in it, without classes: all labels are 0. What a model's own answers can be taken on.
 *
 * @throws an input error for a folder without images.
 */
export async function openUnlabelledImages(
  folder: string,
  options: EncodedOptions,
): Promise<{ readonly set: EncodedImages; readonly image: ImageShape; readonly notes: readonly string[] }> {
  if ((await kindOf(folder)) !== 'folder') throw inputError('not a folder', { where: folder });
  const { images, others } = await listImages(folder);
  if (images.length === 0) throw inputError('no image in the folder', { where: folder });
  const contents = {
    classes: [''],
    train: images.map((path) => ({ path, label: 0 })),
    validation: undefined,
    notes: [],
  };
  const { train } = await sizedFiles(folder, contents, options);
  const files = encodedFiles([{ kind: 'folder', path: resolve(folder) }], train);
  const image = await shapeOf(files, train.length, options);
  const notes = others.length === 0 ? [] : [`passed over ${others.length} files of other kinds`];
  return { set: setOf(files, train, 0, options.onUnreadable), image, notes };
}

async function sizedFiles(
  folder: string,
  { train, validation }: FolderContents,
  { onProgress }: EncodedOptions,
): Promise<{ readonly train: LabelledEntry[]; readonly validation: LabelledEntry[] | undefined }> {
  const total = train.length + (validation?.length ?? 0);
  let done = 0;
  const sized = async (files: readonly LabelledFile[]): Promise<LabelledEntry[]> => {
    const entries = files.map(({ path, label }) => ({ name: path, label, container: 0, offset: 0, bytes: 0 }));
    await forEachConcurrently(entries.length, async (index) => {
      const entry = entries[index];
      if (entry === undefined) return;
      const found = await stat(join(folder, entry.name)).catch((error: unknown) => {
        throw inputError('cannot be read', {
          where: join(folder, entry.name),
          received: reasonOf(error),
          cause: error,
        });
      });
      entry.bytes = found.size;
      done++;
      if (done % 1000 === 0) onProgress?.({ phase: 'index', what: basename(folder), done, total, unit: 'images' });
    });
    return entries;
  };
  return { train: await sized(train), validation: validation === undefined ? undefined : await sized(validation) };
}

interface EncodedContents {
  readonly containers: readonly Container[];
  readonly classes: readonly string[];
  readonly train: readonly LabelledEntry[];
  readonly validation: readonly LabelledEntry[] | undefined;
  readonly notes: readonly string[];
}

async function encodedDataset(
  name: string,
  { containers, classes, train, validation, notes }: EncodedContents,
  options: EncodedOptions,
): Promise<RawDataset<EncodedImages>> {
  const all = [...train, ...(validation ?? [])];
  const files = encodedFiles(containers, all satisfies readonly EncodedFile[]);
  const image = await shapeOf(files, all.length, options);
  const { onUnreadable } = options;
  const base = {
    name,
    classes,
    image,
    notes: [...notes, `${all.length} images are decoded when they are asked for`],
    train: setOf(files, train, 0, onUnreadable),
  };
  if (validation === undefined) return base;
  return { ...base, validation: setOf(files, validation, train.length, onUnreadable) };
}

function setOf(
  files: EncodedFiles,
  entries: readonly LabelledEntry[],
  first: number,
  onUnreadable: EncodedImages['onUnreadable'],
): EncodedImages {
  const count = entries.length;
  const places = new Uint32Array(new SharedArrayBuffer(4 * count));
  places.forEach((_, index) => (places[index] = first + index));
  return Object.freeze({
    kind: 'encoded',
    count,
    labels: Int32Array.from(entries, ({ label }) => label),
    files,
    places,
    onUnreadable,
  });
}

async function shapeOf(files: EncodedFiles, count: number, options: EncodedOptions): Promise<ImageShape> {
  const { imageSize, onUnreadable } = options;
  // Nothing is left to find out.
  if (imageSize?.channels !== undefined) return chooseImageShape([], imageSize);
  const headers = await sampledHeaders(files, count, onUnreadable);
  if (headers.length === 0) throw inputError('no readable image among those looked at', { where: placeText(files, 0) });
  return chooseImageShape(headers, imageSize);
}

async function sampledHeaders(
  files: EncodedFiles,
  count: number,
  onUnreadable: 'skip' | 'fail',
): Promise<readonly ImageHeader[]> {
  const sample = sampleIndices(count, SAMPLED_HEADERS);
  const headers: (ImageHeader | undefined)[] = Array.from(sample, () => undefined);
  await using reader = openFileReader(files);
  await forEachConcurrently(sample.length, async (place) => {
    const index = sample[place] ?? 0;
    try {
      headers[place] = await headerOf(await reader.read(index));
    } catch (error) {
      if (onUnreadable === 'skip') return;
      throw inputError('not a readable image', {
        where: placeText(files, index),
        received: reasonOf(error),
        hint: 'repair or remove it, or choose to skip unreadable images (--on-unreadable skip)',
        cause: error,
      });
    }
  });
  return headers.filter((header) => header !== undefined);
}
