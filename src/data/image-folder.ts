import { basename, join, resolve } from 'node:path';
import { inputError } from '../core/errors.ts';
import type { RawDataset } from './assemble.ts';
import type { ByteImages, ImageShape } from './dataset.ts';
import { decodeImage, imageExtensions, readImageHeader, type ImageHeader } from './decode-image.ts';
import { bytewise, kindOf, reasonOf } from './files.ts';
import { chooseImageShape, type ImageSizeChoice } from './image-size.ts';
import { listFolders, listImages } from './list-images.ts';
import { sharedBytes } from './memory.ts';
import { forEachConcurrently } from './pool.ts';
import type { OnDataProgress } from './progress.ts';

/** How a folder of images by class is read. */
export interface ImageFolderOptions {
  readonly imageSize?: ImageSizeChoice;
  /** `skip` leaves unreadable images out and notes them; `fail` makes them an error. */
  readonly onUnreadable: 'skip' | 'fail';
  readonly onProgress?: OnDataProgress;
}

/** A labelled image file of one split, its path relative to the dataset's folder. */
export interface LabelledFile {
  readonly path: string;
  readonly label: number;
}

/** The image files of a folder by class, not read yet. */
export interface FolderContents {
  readonly classes: readonly string[];
  readonly train: readonly LabelledFile[];
  readonly validation: readonly LabelledFile[] | undefined;
  readonly notes: readonly string[];
}

const validationNames = ['val', 'valid', 'validation', 'test'];

/**
 * A folder with one sub-folder of images for each class, named after it; or with `train/` and `val/` (`valid/`, `validation/`, `test/`), each of them such
 * a folder. Classes and images are in byte order of their names, so the labels are the same on every machine.
 *
 * Input errors name the folder or class: no folder, no classes, a class without images, no readable image.
 */
export async function readImageFolder(folder: string, options: ImageFolderOptions): Promise<RawDataset<ByteImages>> {
  if ((await kindOf(folder)) !== 'folder') throw inputError('not a folder', { where: folder });
  const contents = await labelledFiles(folder);
  const files = [...contents.train, ...(contents.validation ?? [])];
  const unreadable = new Map<number, string>();
  const headers = await readHeaders(folder, files, unreadable);
  const image = chooseImageShape(headers, options.imageSize);
  const train = await decodeSet(folder, files, 0, contents.train.length, image, unreadable, options.onProgress);
  const validation =
    contents.validation === undefined
      ? undefined
      : await decodeSet(folder, files, contents.train.length, files.length, image, unreadable, options.onProgress);
  const notes = [...contents.notes, ...unreadableNotes(folder, files, unreadable, options.onUnreadable)];
  checkClassesLeft(folder, contents, train);
  return {
    name: basename(resolve(folder)),
    classes: contents.classes,
    image,
    train,
    notes,
    ...(validation === undefined ? {} : { validation }),
  };
}

/** What a folder of images by class holds; see {@link readImageFolder}. */
export async function labelledFiles(folder: string): Promise<FolderContents> {
  const folders = await listFolders(folder);
  const validationName = validationNames.find((name) => folders.includes(name));
  const divided = folders.includes('train') && (await listFolders(join(folder, 'train'))).length > 0;
  const notes: string[] = [];
  if (!divided) {
    const classes = await classFolders(folder, folders);
    return { classes, train: await filesOf(folder, '', classes, classes, notes), validation: undefined, notes };
  }
  const classes = await classFolders(join(folder, 'train'), await listFolders(join(folder, 'train')));
  const train = await filesOf(folder, 'train/', classes, classes, notes);
  const unused = folders.filter((name) => name !== 'train' && name !== validationName);
  if (unused.length > 0) notes.push(`not used: ${unused.map((name) => `${name}/`).join(', ')}`);
  if (validationName === undefined) return { classes, train, validation: undefined, notes };
  const validationClasses = await listFolders(join(folder, validationName));
  const unknown = validationClasses.filter((name) => !classes.includes(name));
  if (unknown.length > 0) {
    throw inputError('classes without training images', {
      where: join(folder, validationName),
      received: unknown.join(', '),
      legal: classes,
    });
  }
  const validation = await filesOf(folder, `${validationName}/`, classes, validationClasses, notes);
  return { classes, train, validation, notes };
}

async function classFolders(folder: string, folders: readonly string[]): Promise<readonly string[]> {
  if (folders.length >= 2) return folders;
  const { images } = folders.length === 0 ? await listImages(folder) : { images: [] };
  throw inputError('not a folder of images by class', {
    where: folder,
    expected: 'at least two sub-folders, one for each class, with its images in it',
    received:
      folders.length === 1
        ? `one sub-folder, ${folders.join()}`
        : `no sub-folder${images.length > 0 ? ` (but ${images.length} images)` : ''}`,
    hint: 'put the images of each class in a sub-folder named after the class',
  });
}

/** The images under `folder/prefix` of the classes in `present`, with labels that count in `classes`. */
async function filesOf(
  folder: string,
  prefix: string,
  classes: readonly string[],
  present: readonly string[],
  notes: string[],
): Promise<LabelledFile[]> {
  const files: LabelledFile[] = [];
  const others: string[] = [];
  const empty: string[] = [];
  for (const name of present) {
    const listing = await listImages(join(folder, prefix, name));
    const label = classes.indexOf(name);
    for (const path of listing.images) files.push({ path: `${prefix}${name}/${path}`, label });
    for (const path of listing.others) others.push(`${prefix}${name}/${path}`);
    if (listing.images.length === 0) empty.push(name);
  }
  if (empty.length > 0) {
    throw inputError(empty.length === 1 ? 'a class without images' : `${empty.length} classes without images`, {
      where: join(folder, prefix),
      received: someOf(empty),
      expected: `files ending in ${imageExtensions.map((extension) => `.${extension}`).join(', ')}`,
      hint: 'add images, or remove the empty sub-folders',
    });
  }
  if (others.length > 0) notes.push(`passed over ${countOf(others.length, 'file')} of other kinds: ${someOf(others)}`);
  return files.sort((a, b) => bytewise(a.path, b.path));
}

/** The headers of the files that have one; the others go to `unreadable` with the reason. */
async function readHeaders(
  folder: string,
  files: readonly LabelledFile[],
  unreadable: Map<number, string>,
): Promise<ImageHeader[]> {
  const headers: (ImageHeader | undefined)[] = files.map(() => undefined);
  await forEachConcurrently(files.length, async (index) => {
    try {
      headers[index] = await readImageHeader(join(folder, files[index]?.path ?? ''));
    } catch (error) {
      unreadable.set(index, reasonOf(error));
    }
  });
  return headers.filter((header) => header !== undefined);
}

/** Decodes the files from `first` up to `end`; the ones that cannot be decoded go to `unreadable` and are left out. */
async function decodeSet(
  folder: string,
  files: readonly LabelledFile[],
  first: number,
  end: number,
  image: ImageShape,
  unreadable: Map<number, string>,
  onProgress: OnDataProgress | undefined,
): Promise<ByteImages> {
  const size = image.channels * image.height * image.width;
  const pixels = sharedBytes((end - first) * size);
  let done = first;
  await forEachConcurrently(end - first, async (place) => {
    const index = first + place;
    if (!unreadable.has(index)) {
      try {
        pixels.set(await decodeImage(join(folder, files[index]?.path ?? ''), image), place * size);
      } catch (error) {
        unreadable.set(index, reasonOf(error));
      }
    }
    done++;
    onProgress?.({ phase: 'decode', what: basename(resolve(folder)), done, total: files.length, unit: 'images' });
  });
  const labels: number[] = [];
  const sources: string[] = [];
  for (let index = first; index < end; index++) {
    const file = files[index];
    if (file === undefined || unreadable.has(index)) continue;
    // Closes the gaps of unreadable images; a no-op before the first one.
    pixels.copyWithin(labels.length * size, (index - first) * size, (index - first + 1) * size);
    labels.push(file.label);
    sources.push(file.path);
  }
  return Object.freeze({
    kind: 'bytes' as const,
    count: labels.length,
    pixels: pixels.subarray(0, labels.length * size),
    labels: Int32Array.from(labels),
    sources: Object.freeze(sources),
  });
}

function unreadableNotes(
  folder: string,
  files: readonly LabelledFile[],
  unreadable: ReadonlyMap<number, string>,
  onUnreadable: 'skip' | 'fail',
): string[] {
  if (unreadable.size === 0) return [];
  const named = [...unreadable.keys()].sort((a, b) => a - b).map((index) => files[index]?.path ?? '');
  const count = `${unreadable.size} of ${files.length} images`;
  if (onUnreadable === 'skip') return [`left out ${count} that cannot be read: ${someOf(named)}`];
  const firstIndex = Math.min(...unreadable.keys());
  throw inputError(`${count} cannot be read: ${someOf(named)}`, {
    where: folder,
    received: unreadable.get(firstIndex) ?? '',
    hint: 'repair or remove them, or choose to skip unreadable images (--on-unreadable skip)',
  });
}

function checkClassesLeft(folder: string, { classes }: FolderContents, train: ByteImages): void {
  const seen = new Set(train.labels);
  const lost = classes.filter((_, label) => !seen.has(label));
  if (lost.length === 0) return;
  throw inputError('no readable training image of a class', { where: folder, received: someOf(lost) });
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** The first ten names and how many more there are. */
function someOf(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(', ');
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
