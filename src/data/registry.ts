import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { inputError, internalError, usageError } from '../core/errors.ts';
import { nearestOf } from '../core/suggest.ts';
import { extractArchive, isArchiveName } from './archive.ts';
import { assembleAny, type RawDataset, type SplitChoice } from './assemble.ts';
import { catalog, findEntry, type CatalogEntry } from './catalog.ts';
import { readCifarFolder } from './cifar.ts';
import type { ImageDataset } from './dataset.ts';
import { readEncodedFolder, readEncodedTars, tooLargeForMemory } from './encoded/open-encoded.ts';
import { tarFilesOf } from './encoded/tar-layout.ts';
import { isFeatureSpec, readFeatures } from './features/read-features.ts';
import { fetchEntry, type FetchOptions } from './fetch.ts';
import { kindOf } from './files.ts';
import { isGlyphSpec, type GlyphChoice } from './glyphs/choice.ts';
import { readGlyphs } from './glyphs/read-glyphs.ts';
import { readIdxFolder } from './idx.ts';
import { readImageFolder, type ImageFolderOptions } from './image-folder.ts';
import { folderFormat, locate, placesOf } from './locate.ts';
import { listFolders } from './list-images.ts';
import { readMnistSmall } from './mnist-small.ts';

/** See {@link SplitChoice} for the division and {@link ImageFolderOptions} for what concerns folders of images only. */
export interface OpenOptions extends SplitChoice, Omit<ImageFolderOptions, 'onUnreadable'> {
  /** `fail` (the default) makes an unreadable image an error; `skip` leaves it out and notes it. */
  readonly onUnreadable?: ImageFolderOptions['onUnreadable'];
  /** What `glyphs` data is made of; a usage error for other data. */
  readonly glyphs?: GlyphChoice;
  /**
   * Whether images are decoded once and held in memory (`always`, the default), or decoded whenever they are asked for (`never`); `auto` holds those
   * that take at most 2 GB and half of the free memory. For folders of images and tar archives of such folders; other data is always held.
   */
  readonly inMemory?: 'auto' | 'always' | 'never';
  /** The file of the labels of an `.npy` or `.csv` file of features; without it one beside it is looked for, or the label column. */
  readonly labels?: string;
  /** Folder that is searched first and receives downloads. */
  readonly cacheDirectory?: string;
  /** Whether a named dataset that is not on this machine is fetched (default: no, and that is an input error that says how to get it). */
  readonly allowDownload?: boolean;
}

/**
 * Opens a dataset: one of the names that {@link listDatasets} gives, or a path to a folder of IDX files, of CIFAR binary files or of images by class, or to a
 * `.tar`, `.tar.gz` or `.tgz` archive of one; or `glyphs`, `glyphs:FOLDER`: characters drawn from the installed fonts or those of a folder. A name wins over a folder of the same name; write `./name` for the folder.
 *
 * Throws a usage error for a name that is not known, and an input error for data that is missing or wrong.
 */
export async function openDataset(spec: string, options: OpenOptions = {}): Promise<ImageDataset> {
  return await assembleAny(await readDataset(spec, options), options);
}

/** @throws a usage error where decoding on demand was asked of data that has nothing to decode. */
function refuseOnDemand(where: string, { inMemory }: OpenOptions): void {
  if (inMemory !== 'never') return;
  throw usageError('only image files are decoded when they are asked for', {
    where,
    expected: 'a folder of images by class, or a .tar of one',
    hint: 'leave --in-memory never out',
  });
}

async function readDataset(spec: string, options: OpenOptions): Promise<RawDataset> {
  if (isGlyphSpec(spec)) {
    refuseOnDemand(spec, options);
    return await readGlyphs(spec, options);
  }
  if (options.glyphs !== undefined) {
    throw usageError('only glyphs have characters and fonts to choose', {
      received: spec,
      hint: 'name the data as glyphs or glyphs:FOLDER, or leave these options out',
    });
  }
  const entry = findEntry(spec);
  if (entry !== undefined) refuseOnDemand(spec, options);
  if (entry === undefined && isFeatureSpec(spec)) return refuseSize(await readFeatures(spec, options.labels), options);
  if (options.labels !== undefined) {
    throw usageError('labels in a file of their own belong to features', {
      where: '--labels',
      expected: 'an .npy or .csv file of features',
      received: spec,
    });
  }
  if (entry !== undefined) return refuseSize(await readEntry(entry, options), options);
  const kind = await kindOf(spec);
  if (kind === 'folder') return await readFolder(spec, options);
  if (kind === 'file') return await readArchive(spec, options);
  if (/[\\/]/.test(spec) || spec.startsWith('.')) {
    throw inputError('no such folder', { where: spec, hint: `or name a dataset: ${namesText()}` });
  }
  throw unknownDataset(spec);
}

async function readEntry(entry: CatalogEntry, options: OpenOptions): Promise<RawDataset> {
  if (entry.format === 'embedded') return await readMnistSmall();
  const folder = await folderOf(entry, options);
  const raw =
    entry.format === 'idx'
      ? await readIdxFolder(folder, entry.name, entry.classes)
      : await readCifarFolder(folder, entry.name);
  if (raw.classes.length !== entry.classCount) {
    throw inputError(`not ${entry.name}`, {
      where: folder,
      expected: `${entry.classCount} classes`,
      received: `${raw.classes.length}`,
    });
  }
  const found = `${raw.train.count} training and ${raw.validation?.count ?? 0} test images`;
  const published = `${entry.train} training and ${entry.validation} test images`;
  if (found === published) return raw;
  return { ...raw, notes: [...(raw.notes ?? []), `${folder} holds ${found}; as published it has ${published}`] };
}

async function folderOf(entry: CatalogEntry, options: OpenOptions): Promise<string> {
  const found = await locate(entry, options.cacheDirectory);
  if (found?.kind === 'folder') return found.path;
  if (found === undefined && options.allowDownload !== true) {
    throw inputError(`dataset ${entry.name} is not on this machine`, {
      expected: `it in one of ${placesOf(entry, options.cacheDirectory).join(', ')}`,
      hint: howToGet(entry),
    });
  }
  return await fetchEntry(entry, options);
}

async function readFolder(folder: string, options: OpenOptions): Promise<RawDataset> {
  const name = basename(resolve(folder));
  const format = await folderFormat(folder);
  if (format !== 'images') refuseOnDemand(folder, options);
  switch (format) {
    case 'idx':
      return refuseSize(await readIdxFolder(folder, name), options);
    case 'cifar':
      return refuseSize(await readCifarFolder(folder, name), options);
    case 'images': {
      const imageOptions = { ...options, onUnreadable: options.onUnreadable ?? 'fail' };
      const tars = (await listFolders(folder)).length < 2 ? await tarFilesOf(folder) : undefined;
      if (tars !== undefined) {
        if (options.inMemory !== 'always' && options.inMemory !== undefined)
          return await readEncodedTars(name, tars, imageOptions);
        throw usageError('tar archives of this layout are read while they are trained on, not into memory', {
          where: folder,
          hint: 'choose --in-memory never (inMemory: never)',
        });
      }
      return (await isEncoded(folder, imageOptions))
        ? await readEncodedFolder(folder, imageOptions)
        : await readImageFolder(folder, imageOptions);
    }
    default:
      format satisfies never;
      throw internalError('a folder format without a reader', { received: String(format) });
  }
}

async function isEncoded(folder: string, options: OpenOptions & ImageFolderOptions): Promise<boolean> {
  switch (options.inMemory) {
    case 'never':
      return true;
    case 'auto':
      return await tooLargeForMemory(folder, options);
    case 'always':
    case undefined:
      return false;
    default:
      return options.inMemory satisfies never;
  }
}

/** A plain tar archive that takes more is read by offset where that is left open: unpacked it would take its size once more. */
const LARGEST_UNPACKED_BYTES = 2e9;

/** The images of a plain archive by offset, where that is asked for. */
async function readTarInPlace(file: string, options: OpenOptions): Promise<RawDataset | undefined> {
  const { inMemory = 'always' } = options;
  const plain = /\.tar$/i.test(file);
  if (inMemory === 'never' && !plain) {
    throw usageError('a compressed archive cannot be read by offset', {
      where: file,
      hint: 'unpack it (gunzip leaves a .tar), or choose --in-memory always',
    });
  }
  const { size } = await stat(file);
  if (!plain || inMemory === 'always' || (inMemory === 'auto' && size <= LARGEST_UNPACKED_BYTES)) return undefined;
  const name = basename(file).replace(/\.tar$/i, '');
  return await readEncodedTars(name, { train: file }, { ...options, onUnreadable: options.onUnreadable ?? 'fail' });
}

async function readArchive(file: string, options: OpenOptions): Promise<RawDataset> {
  if (!isArchiveName(file)) {
    throw usageError('not a dataset', {
      where: file,
      expected: 'a folder, or an archive ending in .tar, .tar.gz or .tgz',
      received: 'another file',
    });
  }
  const inPlace = await readTarInPlace(file, options);
  if (inPlace !== undefined) return inPlace;
  const temporary = await mkdtemp(join(tmpdir(), 'fixhead-'));
  try {
    const name = basename(file).replace(/\.(tar|tar\.gz|tgz)$/i, '');
    await extractArchive(file, join(temporary, name), options.onProgress);
    // The folder is gone when this returns.
    return await readFolder(join(temporary, name), { ...options, inMemory: 'always' });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Only folders of images are scaled: an image size for anything else must be the size that it has. */
function refuseSize(raw: RawDataset, { imageSize }: OpenOptions): RawDataset {
  const { channels, height, width } = raw.image;
  if (
    imageSize === undefined ||
    (imageSize.height === height && imageSize.width === width && (imageSize.channels ?? channels) === channels)
  ) {
    return raw;
  }
  throw usageError('an image size can be chosen for folders of images only', {
    where: raw.name,
    expected: `no size, or its own: ${height}×${width} with ${channels} ${channels === 1 ? 'channel' : 'channels'}`,
    received: `${imageSize.height}×${imageSize.width}${imageSize.channels === undefined ? '' : ` with ${imageSize.channels}`}`,
  });
}

function unknownDataset(spec: string): Error {
  const names = ['glyphs', ...catalog.flatMap((entry) => [entry.name, ...entry.aliases])];
  const { hint } = nearestOf(spec.toLowerCase(), names);
  return usageError('unknown dataset, and no folder of this name', {
    received: JSON.stringify(spec),
    legal: [...catalog.map(({ name }) => name), 'glyphs'],
    hint: `${hint === undefined ? '' : `${hint} `}A path to a folder is also possible`,
  });
}

function namesText(): string {
  return catalog.map(({ name }) => name).join(', ');
}

/** One sentence on getting a dataset that is not on this machine. */
export function howToGet(entry: CatalogEntry): string {
  if (entry.format === 'embedded') return 'comes with fixhead';
  const system = entry.name === 'fashion-mnist' ? ', or install the Debian package dataset-fashion-mnist' : '';
  return `run "fixhead data fetch ${entry.name}" (${entry.downloadMegabytes} MB)${system}`;
}

/** The named dataset, or a usage error with the nearest name. */
export function entryOf(name: string): CatalogEntry {
  const entry = findEntry(name);
  if (entry === undefined) throw unknownDataset(name);
  return entry;
}

/**
 * Fetches a named dataset unless it is on this machine, and gives the folder in which it lies (`undefined` for one that comes with fixhead).
 * Throws a usage error for an unknown name and an input error that names every address tried.
 */
export async function fetchDataset(name: string, options: FetchOptions = {}): Promise<string | undefined> {
  const entry = entryOf(name);
  return entry.format === 'embedded' ? undefined : await fetchEntry(entry, options);
}
