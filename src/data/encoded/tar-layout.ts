import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { inputError } from '../../core/errors.ts';
import { imageExtensions } from '../decode-image.ts';
import { bytewise, reasonOf } from '../files.ts';
import { isHidden } from '../list-images.ts';
import { cachedTarIndex, type TarEntry, type TarIndexOptions } from './tar-index.ts';
import type { Container, EncodedFile } from './files.ts';

/** A labelled file of a split. */
export interface LabelledEntry extends EncodedFile {
  readonly label: number;
}

/** The contents of a dataset in tar archives, by what their names say. */
export interface TarContents {
  readonly containers: readonly Container[];
  readonly classes: readonly string[];
  readonly train: readonly LabelledEntry[];
  readonly validation: readonly LabelledEntry[] | undefined;
  readonly notes: readonly string[];
}

const trainingName = 'train';
const validationNames = ['val', 'valid', 'validation', 'test'];

/** The tar archives of a folder: one of training images, and one of validation images where there is one. */
export interface TarFiles {
  readonly train: string;
  readonly validation?: string;
}

/** The tar archives by their names: `train` in one, `val` or `test` in the other (ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar); `undefined` for any other folder. */
export async function tarFilesOf(folder: string): Promise<TarFiles | undefined> {
  const names = (await readdir(folder)).filter((name) => /\.tar$/i.test(name) && !isHidden(name)).sort(bytewise);
  const train = names.filter((name) => /train/i.test(name));
  const validation = names.filter((name) => !/train/i.test(name) && /val|test/i.test(name));
  const [first, second] = train;
  if (first === undefined) return undefined;
  if (second !== undefined || validation.length > 1) {
    throw inputError('which tar archive holds the images is not clear', {
      where: folder,
      expected: 'one with "train" in its name and at most one with "val" or "test"',
      received: names.join(', '),
    });
  }
  const [other] = validation;
  return { train: join(folder, first), ...(other === undefined ? {} : { validation: join(folder, other) }) };
}

interface ImageEntry {
  readonly entry: TarEntry;
  readonly container: number;
  /** Parts of its name. */
  readonly parts: readonly string[];
}

/**
 * The labelled images of one archive, or of one for training and one for validation. In an archive images lie in a folder, or an archive, for each class; in
 * `train/` and `val/` (`valid/`, `validation/`, `test/`), if it holds both; all of it may lie in one folder. A validation archive may also hold images
 * without folders: then a text file beside it says their classes ({@link labelFileOf}).
 */
export async function readTars(files: TarFiles, options: TarIndexOptions): Promise<TarContents> {
  const notes: string[] = [];
  const paths = [files.train, ...(files.validation === undefined ? [] : [files.validation])];
  const lists: ImageEntry[][] = [];
  for (const [container, path] of paths.entries()) {
    const entries = await cachedTarIndex(path, options, notes);
    lists.push(imagesOf(entries, container, notes));
    if (lists.at(-1)?.length === 0) throw noImages(path);
  }
  const [first = [], second] = lists;
  const stripped = withoutRoot(first);
  const divided = second === undefined ? splitOf(stripped) : undefined;
  const training = divided?.train ?? withoutSplit(stripped, [trainingName]);
  const classes = classesOf(training, files.train);
  const train = labelled(training, classes, files.train);
  const containers = paths.map((path) => ({ kind: 'tar', path }) as const);
  const result = { containers, classes, train, notes };
  if (divided !== undefined) return { ...result, validation: labelled(divided.validation, classes, files.train) };
  if (second === undefined || files.validation === undefined) return { ...result, validation: undefined };
  const validation = second.every(({ parts }) => parts.length === 1)
    ? await byLabelFile(second, classes, files.validation)
    : labelled(withoutSplit(withoutRoot(second), validationNames), classes, files.validation);
  return { ...result, validation };
}

function imagesOf(entries: readonly TarEntry[], container: number, notes: string[]): ImageEntry[] {
  const images: ImageEntry[] = [];
  let others = 0;
  for (const entry of entries) {
    const parts = entry.name.split('/').filter((part) => part !== '');
    if (parts.some(isHidden)) continue;
    if (imageExtensions.includes(extname(entry.name).slice(1).toLowerCase())) images.push({ entry, container, parts });
    else others++;
  }
  if (others > 0) notes.push(`passed over ${others} ${others === 1 ? 'file' : 'files'} of other kinds in the archive`);
  return images;
}

function noImages(path: string): Error {
  return inputError('no image in the archive', {
    where: path,
    expected: `files ending in ${imageExtensions.map((extension) => `.${extension}`).join(', ')}`,
  });
}

/** Without the folder that everything lies in, if classes or splits lie in it. */
function withoutRoot(images: readonly ImageEntry[]): readonly ImageEntry[] {
  const root = images[0]?.parts[0];
  const all = images.every(({ parts }) => parts.length >= 3 && parts[0] === root);
  if (!all || root === undefined || root === trainingName || validationNames.includes(root)) return images;
  return images.map((image) => ({ ...image, parts: image.parts.slice(1) }));
}

function withoutSplit(images: readonly ImageEntry[], names: readonly string[]): readonly ImageEntry[] {
  const all = images.every(({ parts }) => parts.length >= 3 && names.includes(parts[0] ?? ''));
  return all ? images.map((image) => ({ ...image, parts: image.parts.slice(1) })) : images;
}

/** The images of both splits, where an archive holds `train/` and a folder for validation. */
function splitOf(
  images: readonly ImageEntry[],
): { readonly train: readonly ImageEntry[]; readonly validation: readonly ImageEntry[] } | undefined {
  const inFolder = (name: string): readonly ImageEntry[] =>
    images
      .filter(({ parts }) => parts[0] === name && parts.length >= 3)
      .map((image) => ({ ...image, parts: image.parts.slice(1) }));
  const train = inFolder(trainingName);
  const name = validationNames.find((each) => inFolder(each).length > 0);
  return train.length === 0 || name === undefined ? undefined : { train, validation: inFolder(name) };
}

/** `n01440764` of `n01440764.tar`, and of a folder of that name. */
const className = (part: string): string => part.replace(/\.tar$/i, '');

function classesOf(images: readonly ImageEntry[], where: string): readonly string[] {
  const flat = images.find(({ parts }) => parts.length < 2);
  const classes = [...new Set(images.map(({ parts: [first = ''] }) => className(first)))].sort(bytewise);
  if (flat === undefined && classes.length >= 2) return classes;
  throw inputError('not an archive of images by class', {
    where,
    expected: 'at least two folders (or archives) in it, one for each class, with its images in it',
    received: flat === undefined ? `only ${classes.join(', ')}` : `${flat.entry.name}, which is in none`,
  });
}

const fileOf = ({ entry, container }: ImageEntry): EncodedFile => ({
  name: entry.name,
  container,
  offset: entry.offset,
  bytes: entry.bytes,
});

const byName = (a: LabelledEntry, b: LabelledEntry): number => bytewise(a.name, b.name);

function labelled(images: readonly ImageEntry[], classes: readonly string[], where: string): readonly LabelledEntry[] {
  const places = new Map(classes.map((name, label) => [name, label]));
  return images
    .map((image) => {
      const [first = ''] = image.parts;
      const label = places.get(className(first));
      if (label !== undefined && image.parts.length >= 2) return { ...fileOf(image), label };
      throw inputError('a class without training images', { where, received: image.entry.name });
    })
    .sort(byName);
}

const labelFiles = ['val.txt', 'val.csv', 'LOC_val_solution.csv', 'validation-labels.txt', 'validation-labels.csv'];

/**
 * The classes of images that lie in no folders, from a text file beside the archive: `val.txt`, `val.csv`, `LOC_val_solution.csv` or `validation-labels.txt`/`.csv`.
 * Each line names a file (with or without its ending) and, behind a comma, a tab or blanks, its class: a name, or a number that counts the classes in
 * byte order of their names from 0. What follows on the line is left out, and so is a first line that names no file of the archive.
 */
async function byLabelFile(
  images: readonly ImageEntry[],
  classes: readonly string[],
  archive: string,
): Promise<readonly LabelledEntry[]> {
  const names = await readdir(dirname(archive));
  const found = labelFiles.find((name) => names.includes(name));
  if (found === undefined) {
    throw inputError('the validation images lie in no folders, and nothing says their classes', {
      where: archive,
      expected: `one of ${labelFiles.join(', ')} beside it, with a file and its class on each line`,
    });
  }
  const file = join(dirname(archive), found);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw inputError('cannot be read', { where: file, received: reasonOf(error), cause: error });
  });
  const byFile = new Map<string, number>();
  const places = new Map(classes.map((name, label) => [name, label]));
  const present = new Set(images.map(({ parts }) => stem(parts.at(-1) ?? '')));
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [name = '', label = ''] = line.trim().split(/[\s,]+/);
    if (name === '' || (index === 0 && !present.has(stem(name)))) continue;
    const number = /^\d+$/.test(label) && Number(label) < classes.length ? Number(label) : undefined;
    const place = places.get(label) ?? number;
    if (place === undefined) {
      throw inputError('not a class of the training images', {
        where: `${file}, line ${index + 1}`,
        expected: `a class name, or a number from 0 to ${classes.length - 1}`,
        received: JSON.stringify(label),
      });
    }
    byFile.set(stem(name), place);
  }
  return images
    .map((image) => {
      const label = byFile.get(stem(image.parts.at(-1) ?? ''));
      if (label !== undefined) return { ...fileOf(image), label };
      throw inputError('an image without a class', { where: file, received: image.entry.name });
    })
    .sort(byName);
}

/** A file's name without its folders and its ending. */
function stem(name: string): string {
  return basename(name).replace(/\.[^.]*$/, '');
}
