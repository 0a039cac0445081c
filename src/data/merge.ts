import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { inputError, usageError } from '../core/errors.ts';
import { defaultValidationFraction, type SplitChoice } from './assemble.ts';
import type { ByteImages, EncodedImages, ImageDataset, ImageSet, ImageShape } from './dataset.ts';
import { decodeImage, readImageHeader, imageExtensions } from './decode-image.ts';
import { encodedFiles, nameOf, type EncodedFile, type EncodedFiles } from './encoded/files.ts';
import { kindOf, reasonOf } from './files.ts';
import { listImages } from './list-images.ts';
import { sharedBytes } from './memory.ts';
import { forEachConcurrently } from './pool.ts';
import type { OnDataProgress } from './progress.ts';
import { stratifiedSplit, takeImages } from './split.ts';

/** A class whose images lie in a folder of their own, and in the folders in it. */
export interface ExtraClass {
  readonly class: string;
  readonly folder: string;
}

/** How a folder of images of one class is read and divided. */
export interface ExtraOptions extends Pick<SplitChoice, 'seed' | 'validationFraction'> {
  /** `skip` leaves unreadable images out and notes them; `fail` makes them an error. */
  readonly onUnreadable: 'skip' | 'fail';
  readonly onProgress?: OnDataProgress;
}

/** The images of one class, divided as {@link withExtraClass} divides them; all labels are 0. */
export interface ClassImages {
  readonly train: ByteImages;
  readonly validation: ByteImages;
  readonly notes: readonly string[];
}

async function filesIn(folder: string): Promise<readonly string[]> {
  if ((await kindOf(folder)) !== 'folder') {
    throw inputError('not a folder', { where: folder, expected: 'a folder with images of the new class' });
  }
  const { images } = await listImages(folder);
  if (images.length === 0) {
    throw inputError('no image in the folder', {
      where: folder,
      expected: `files ending in ${imageExtensions.map((extension) => `.${extension}`).join(', ')}`,
    });
  }
  return images;
}

const everyPlace = (labels: number, { seed = 0, validationFraction }: ExtraOptions) =>
  stratifiedSplit(new Int32Array(labels), 1, validationFraction ?? defaultValidationFraction, seed);

/**
 * The images of one class, brought to a size (scaled to cover it, the middle kept), divided by the seed.
 *
 * @throws an input error for a folder that is missing, or without a readable image, and unless told to skip them for one that cannot be read.
 */
export async function readClassImages(folder: string, image: ImageShape, options: ExtraOptions): Promise<ClassImages> {
  const files = await filesIn(folder);
  const size = image.channels * image.height * image.width;
  const pixels = sharedBytes(files.length * size);
  const unreadable = new Map<number, string>();
  let [done, scaled] = [0, 0];
  await forEachConcurrently(files.length, async (index) => {
    const path = join(folder, files[index] ?? '');
    try {
      const { width, height } = await readImageHeader(path);
      pixels.set(await decodeImage(path, image), index * size);
      if (width !== image.width || height !== image.height) scaled++;
    } catch (error) {
      unreadable.set(index, reasonOf(error));
    }
    done++;
    options.onProgress?.({ phase: 'decode', what: folder, done, total: files.length, unit: 'images' });
  });
  refuseUnreadable(folder, files, unreadable, options);
  const readable = Uint32Array.from(files.keys()).filter((index) => !unreadable.has(index));
  const all = Object.freeze({
    kind: 'bytes' as const,
    count: files.length,
    pixels,
    labels: new Int32Array(files.length),
    sources: files,
  });
  const set = takeImages(all, image, readable);
  const { train, validation } = everyPlace(set.count, options);
  return Object.freeze({
    train: takeImages(set, image, train),
    validation: takeImages(set, image, validation),
    notes: Object.freeze([
      ...(unreadable.size === 0 ? [] : [`left out ${unreadable.size} of ${files.length} images that cannot be read`]),
      ...(scaled === 0
        ? []
        : [
            `${scaled} of ${files.length} images are brought to ${image.height}×${image.width}: scaled to cover it, the middle kept`,
          ]),
    ]),
  });
}

function refuseUnreadable(
  folder: string,
  files: readonly string[],
  unreadable: ReadonlyMap<number, string>,
  { onUnreadable }: ExtraOptions,
): void {
  const first = unreadable.size === 0 ? undefined : Math.min(...unreadable.keys());
  if (first === undefined || (onUnreadable === 'skip' && unreadable.size < files.length)) return;
  const all = unreadable.size === files.length;
  throw inputError(
    all ? 'no readable image in the folder' : `${unreadable.size} of ${files.length} images cannot be read`,
    {
      where: join(folder, files[first] ?? ''),
      received: unreadable.get(first) ?? '',
      hint: all
        ? 'give a folder with images of the new class'
        : 'repair or remove them, or choose to skip unreadable images (--on-unreadable skip)',
    },
  );
}

/** One set behind another, its labels all `label`. */
function joinedBytes(base: ByteImages, more: ByteImages, label: number): ByteImages {
  const pixels = sharedBytes(base.pixels.length + more.pixels.length);
  pixels.set(base.pixels);
  pixels.set(more.pixels, base.pixels.length);
  const joined = {
    kind: 'bytes' as const,
    count: base.count + more.count,
    pixels,
    labels: joinedLabels(base.labels, more.count, label),
  };
  const { sources } = base;
  if (sources === undefined) return Object.freeze(joined);
  return Object.freeze({ ...joined, sources: Object.freeze([...sources, ...(more.sources ?? [])]) });
}

function joinedLabels(labels: Int32Array, more: number, label: number): Int32Array {
  const joined = new Int32Array(labels.length + more).fill(label);
  joined.set(labels);
  return joined;
}

/** Files that are decoded when they are asked for, with those of a folder behind them. */
async function joinedFiles(
  base: EncodedFiles,
  folder: string,
  names: readonly string[],
): Promise<{ readonly files: EncodedFiles; readonly first: number }> {
  const first = base.container.length;
  const container = base.containers.length;
  const more: EncodedFile[] = [];
  for (const name of names) {
    const { size } = await stat(join(folder, name));
    more.push({ name, container, offset: 0, bytes: size });
  }
  const own = Array.from(base.container, (place, index): EncodedFile => {
    const [offset, bytes] = [base.offset[index] ?? 0, base.bytes[index] ?? 0];
    return { name: nameOf(base, index), container: place, offset, bytes };
  });
  const containers = [...base.containers, { kind: 'folder', path: resolve(folder) } as const];
  return { files: encodedFiles(containers, [...own, ...more]), first };
}

function joinedEncoded(base: EncodedImages, files: EncodedFiles, places: Uint32Array, label: number): EncodedImages {
  const joined = new Uint32Array(new SharedArrayBuffer(4 * (base.count + places.length)));
  joined.set(base.places);
  joined.set(places, base.count);
  const labels = joinedLabels(base.labels, places.length, label);
  return Object.freeze({ ...base, count: joined.length, places: joined, labels, files });
}

interface Joined {
  readonly train: ImageSet;
  readonly validation: ImageSet;
  readonly notes: readonly string[];
  /** What tells these images from others. */
  readonly content: readonly (string | Uint8Array)[];
}

async function joinedSets(dataset: ImageDataset, extra: ExtraClass, options: ExtraOptions): Promise<Joined> {
  const { train, validation, image, classes } = dataset;
  const label = classes.length;
  if (train.kind === 'bytes' && validation.kind === 'bytes') {
    const more = await readClassImages(extra.folder, image, options);
    return {
      train: joinedBytes(train, more.train, label),
      validation: joinedBytes(validation, more.validation, label),
      notes: more.notes,
      content: [more.train.pixels, more.validation.pixels],
    };
  }
  if (train.kind === 'encoded' && validation.kind === 'encoded') {
    const names = await filesIn(extra.folder);
    const { files, first } = await joinedFiles(train.files, extra.folder, names);
    const split = everyPlace(names.length, options);
    const places = (indices: Uint32Array): Uint32Array => indices.map((index) => first + index);
    return {
      train: joinedEncoded(train, files, places(split.train), label),
      validation: joinedEncoded(validation, files, places(split.validation), label),
      notes: [],
      content: names.map((name, index) => `${JSON.stringify([name, files.bytes[first + index]])}\n`),
    };
  }
  throw usageError('a class of images cannot be added to features', {
    where: dataset.name,
    hint: 'put the features of all classes into one file and train on it',
  });
}

/**
 * A dataset with the images of one class more, its label the last. They are brought to the dataset's size and divided by the same seed, and
 * fed as the others are: the normalisation stays that of the dataset.
 *
 * @throws a usage error for a class that is there already, and for data that is no images; an input error as {@link readClassImages}.
 */
export async function withExtraClass(
  dataset: ImageDataset,
  extra: ExtraClass,
  options: ExtraOptions,
): Promise<ImageDataset> {
  const { classes, fingerprint, notes } = dataset;
  if (classes.includes(extra.class)) {
    throw usageError('the data has this class already', { where: dataset.name, received: JSON.stringify(extra.class) });
  }
  const joined = await joinedSets(dataset, extra, options);
  const hash = createHash('sha256').update(
    JSON.stringify([fingerprint, extra.class, joined.train.count, joined.validation.count]),
  );
  for (const part of joined.content) hash.update(part);
  return Object.freeze({
    ...dataset,
    classes: Object.freeze([...classes, extra.class]),
    train: joined.train,
    validation: joined.validation,
    fingerprint: hash.digest('hex'),
    notes: Object.freeze([...notes, ...joined.notes.map((note) => `${extra.class}: ${note}`)]),
  });
}
