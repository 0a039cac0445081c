import { join, resolve } from 'node:path';
import { inputError } from '../core/errors.ts';
import { tarFilesOf } from '../data/encoded/tar-layout.ts';
import { kindOf } from '../data/files.ts';
import { listFolders } from '../data/list-images.ts';
import { locate } from '../data/locate.ts';
import { dataRoots } from '../data/locations.ts';
import { entryOf, howToGet } from '../data/registry.ts';
import type { DatasetChoice } from './config.ts';
import type { PublishedRow } from './reproduce-rows.ts';

/** Where data may be besides the usual folders. */
export interface DataPlaces {
  /** The folder of ImageNet, in place of `imagenet` in the data folders. */
  readonly imagenet?: string;
  /** Folder that is searched first for data known by name. */
  readonly cacheDirectory?: string;
}

/** The data of a row: how to open it, or what to do about it. */
export type RowData =
  | { readonly kind: 'here'; readonly choice: DatasetChoice; readonly where: string }
  | { readonly kind: 'missing'; readonly places: readonly string[]; readonly howToGet: string };

const imagenetHowTo =
  'register at https://image-net.org/ and download the training and validation images of ILSVRC2012; give the folder with train/ and val/ (one sub-folder a class in each), or with both tar archives, by --imagenet FOLDER';

/**
 * Looks for the data of a row. Nothing is read but the names of folders.
 *
 * @throws an input error for a folder of ImageNet that is given and is none.
 */
export async function findRowData(
  row: Pick<PublishedRow, 'data' | 'image' | 'classes'>,
  places: DataPlaces,
): Promise<RowData> {
  const unsplit = { seed: 0, onUnreadable: 'fail' } as const;
  if (row.data !== 'imagenet') {
    const entry = entryOf(row.data);
    const found = await locate(entry, places.cacheDirectory);
    return found === undefined
      ? {
          kind: 'missing',
          places: dataRoots(places.cacheDirectory),
          howToGet: `${howToGet(entry)} or add --download; without a network put ${entry.files.map(({ file }) => file).join(', ')} (${entry.source}) there`,
        }
      : { kind: 'here', choice: { ...unsplit, spec: row.data }, where: found.path };
  }
  const folder = await findImagenet(row.classes, places);
  if (folder === undefined) {
    return { kind: 'missing', places: imagenetPlaces(places), howToGet: imagenetHowTo };
  }
  const { channels: _, ...size } = row.image;
  const choice: DatasetChoice = {
    ...unsplit,
    spec: folder,
    imageSize: { ...size, channels: 3 },
    inMemory: 'never',
    normalization: 'imagenet',
  };
  return { kind: 'here', choice, where: folder };
}

function imagenetPlaces({ imagenet, cacheDirectory }: DataPlaces): readonly string[] {
  return imagenet === undefined ? dataRoots(cacheDirectory).map((root) => join(root, 'imagenet')) : [resolve(imagenet)];
}

async function findImagenet(classes: number, places: DataPlaces): Promise<string | undefined> {
  for (const folder of imagenetPlaces(places)) {
    const problem = await imagenetProblem(folder, classes);
    if (problem === undefined) return folder;
    const there = (await kindOf(folder)) !== undefined;
    // Something that is called imagenet and is not whole should not be passed over without a word.
    if (there || places.imagenet !== undefined) {
      throw inputError('not ImageNet', {
        where: folder,
        expected: `train/ and val/ with a sub-folder for each of ${classes} classes, or a .tar archive of each`,
        received: problem,
      });
    }
  }
  return undefined;
}

/** What keeps a folder from being ImageNet; `undefined` for nothing. Archives are looked into when they are opened. */
async function imagenetProblem(folder: string, classes: number): Promise<string | undefined> {
  if ((await kindOf(folder)) !== 'folder') return 'no such folder';
  const folders = await listFolders(folder);
  const training = folders.find((name) => name === 'train');
  const validation = folders.find((name) => ['val', 'valid', 'validation', 'test'].includes(name));
  if (training !== undefined && validation !== undefined) {
    const found = (await listFolders(join(folder, training))).length;
    return found === classes ? undefined : `${found} classes in ${training}/`;
  }
  if (training === undefined && validation === undefined) {
    const tars = await tarFilesOf(folder);
    if (tars?.validation !== undefined) return undefined;
    return tars === undefined ? 'neither' : 'an archive of training images alone';
  }
  return `only ${training ?? validation ?? 'neither'}/`;
}
