import { join } from 'node:path';
import { FixheadError } from '../core/errors.ts';
import { catalog, findEntry, type CatalogEntry } from './catalog.ts';
import type { ImageDataset, ImageShape } from './dataset.ts';
import { md5Of } from './download.ts';
import { kindOf } from './files.ts';
import { isGlyphSpec, type GlyphChoice } from './glyphs/choice.ts';
import { locate, placesOf } from './locate.ts';
import type { OnDataProgress } from './progress.ts';
import { howToGet, openDataset } from './registry.ts';

/** What there is to know about a named dataset without opening it. */
export interface DatasetListing {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly description: string;
  readonly classes: number;
  readonly image: ImageShape;
  readonly train: number;
  /** Images of its own validation split; 0 where the training images are divided. */
  readonly validation: number;
  /** Where it is looked for, in order; empty for one that comes with fixhead. */
  readonly places: readonly string[];
  readonly available: boolean;
  /** The folder or archive in which it was found; absent for one that comes with fixhead, and where it was not found. */
  readonly found?: string;
  readonly howToGet: string;
  readonly source: string;
}

/** Every named dataset and whether it is on this machine. */
export async function listDatasets(options: { readonly cacheDirectory?: string } = {}): Promise<DatasetListing[]> {
  return await Promise.all(catalog.map((entry) => listingOf(entry, options.cacheDirectory)));
}

async function listingOf(entry: CatalogEntry, cacheDirectory: string | undefined): Promise<DatasetListing> {
  const embedded = entry.format === 'embedded';
  const found = embedded ? undefined : await locate(entry, cacheDirectory);
  const { name, aliases, description, classCount, image, train, validation, source } = entry;
  return {
    name,
    aliases,
    description,
    classes: classCount,
    image,
    train,
    validation,
    places: embedded ? [] : placesOf(entry, cacheDirectory),
    available: embedded || found !== undefined,
    ...(found === undefined ? {} : { found: found.path }),
    howToGet: howToGet(entry),
    source,
  };
}

/** What {@link verifyDataset} found. */
export interface DatasetReport {
  readonly name: string;
  /** No problem was found. */
  readonly ok: boolean;
  /** What is wrong, each a sentence that names the file. */
  readonly problems: readonly string[];
  /** What the reader passed over and why. */
  readonly notes: readonly string[];
  /**
   * The published files that lie there, and whether their MD5 is the published one. `differs` is no problem by itself: a system package may have
   * compressed the same contents again, and the contents are checked.
   */
  readonly files: readonly { readonly file: string; readonly checksum: 'as published' | 'differs' }[];
  /** The contents, where they could be read. */
  readonly contents?: {
    readonly classes: number;
    readonly image: ImageShape;
    readonly train: number;
    readonly validation: number;
    readonly fingerprint: string;
  };
}

/**
 * Reads a whole dataset (a name or a path, as {@link openDataset}) and reports what is wrong with it: files that are damaged, images that cannot be read, other
 * numbers of images than published. Throws for a name that is not known and a dataset that is not on this machine; downloads nothing.
 */
export async function verifyDataset(
  spec: string,
  options: {
    readonly cacheDirectory?: string;
    readonly glyphs?: GlyphChoice;
    readonly labels?: string;
    readonly onProgress?: OnDataProgress;
  } = {},
): Promise<DatasetReport> {
  const entry = findEntry(spec);
  const found =
    entry === undefined || entry.format === 'embedded' ? undefined : await locate(entry, options.cacheDirectory);
  const files = entry === undefined || found?.kind !== 'folder' ? [] : await checksums(entry, found.path);
  const readable =
    entry === undefined
      ? isGlyphSpec(spec) || (await kindOf(spec)) !== undefined
      : entry.format === 'embedded' || found !== undefined;
  try {
    const dataset = await openDataset(spec, { ...options, onUnreadable: 'fail', allowDownload: false });
    const { classes, image, train, validation, fingerprint } = dataset;
    const problems = entry === undefined ? [] : countProblems(entry, dataset);
    return {
      name: dataset.name,
      ok: problems.length === 0,
      problems,
      notes: dataset.notes,
      files,
      contents: { classes: classes.length, image, train: train.count, validation: validation.count, fingerprint },
    };
  } catch (error) {
    if (!readable || !(error instanceof FixheadError) || error.kind !== 'input') throw error;
    return { name: entry?.name ?? spec, ok: false, problems: [error.message], notes: [], files };
  }
}

function countProblems(entry: CatalogEntry, { train, validation }: ImageDataset): string[] {
  // A dataset without a split of its own is divided, so only the sum is fixed.
  const expected = entry.validation === 0 ? [entry.train] : [entry.train, entry.validation];
  const received = entry.validation === 0 ? [train.count + validation.count] : [train.count, validation.count];
  if (expected.join() === received.join()) return [];
  return [`${entry.name}: expected ${expected.join(' and ')} images, as published, received ${received.join(' and ')}`];
}

async function checksums(entry: CatalogEntry, folder: string): Promise<DatasetReport['files']> {
  const files: { file: string; checksum: 'as published' | 'differs' }[] = [];
  for (const { file, md5 } of entry.files) {
    const path = join(folder, file);
    if ((await kindOf(path)) !== 'file') continue;
    files.push({ file, checksum: (await md5Of(path)) === md5 ? 'as published' : 'differs' });
  }
  return files;
}
