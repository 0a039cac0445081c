import { existsSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import { inputError, usageError } from '../../core/errors.ts';
import type { RawDataset } from '../assemble.ts';
import type { FloatImages } from '../dataset.ts';
import { bytewise, kindOf } from '../files.ts';
import { readCsvFeatures, readTextLabels, type CsvFeatures } from './csv-file.ts';
import { readNpyIntegers, readNpyMatrix } from './npy-file.ts';

const extensionOf = (path: string): string => extname(path).toLowerCase();
const featureExtensions = ['.npy', '.csv'];
const labelExtensions = ['.npy', '.csv', '.txt'];
const validationNames = ['validation', 'valid', 'val', 'test'];

/** `train.npy` or `train.csv` of a folder of features. */
function partOf(folder: string, names: readonly string[]): string | undefined {
  return names
    .flatMap((name) => featureExtensions.map((extension) => join(folder, `${name}${extension}`)))
    .find((path) => existsSync(path));
}

/** Whether data is features by its name: an `.npy` or `.csv` file, or a folder with `train.npy` or `train.csv`. */
export function isFeatureSpec(spec: string): boolean {
  return featureExtensions.includes(extensionOf(spec)) || partOf(spec, ['train']) !== undefined;
}

interface Part extends Omit<CsvFeatures, 'labels'> {
  readonly path: string;
  readonly labels: readonly string[];
  readonly labelPath: string;
}

/**
 * Features that another model computed, with labels: images of shape `[features, 1, 1]`. An `.npy` matrix `[examples, features]` with labels in a file beside it
 * (`X-labels.npy`, `.csv` or `.txt`, or `labels.…`), a `.csv` with a label column, or a folder of these called `train` and `validation` (`valid`, `val`, `test`).
 *
 * Labels that are all whole numbers are ordered by their value, others by their bytes.
 *
 * @param labels the file of the labels, for a single file.
 * @throws an input error for files that are not what they should be (the file, and where in it) and for as many labels as examples not given; a usage error for
 * labels where there is no single file.
 */
export async function readFeatures(spec: string, labels?: string): Promise<RawDataset<FloatImages>> {
  const kind = await kindOf(spec);
  if (kind === undefined) throw inputError('no such file', { where: spec });
  const name = basename(resolve(spec)).replace(/\.(npy|csv)$/i, '');
  if (kind === 'file') return dataset(name, await readPart(spec, labels), undefined);
  if (labels !== undefined) {
    throw usageError('labels are for a single file of features', {
      where: '--labels',
      hint: 'in a folder they lie beside the features: train-labels.npy, validation-labels.npy',
    });
  }
  const train = partOf(spec, ['train']);
  if (train === undefined) throw inputError('no train.npy or train.csv in the folder', { where: spec });
  const validation = partOf(spec, validationNames);
  const first = await readPart(train);
  return dataset(name, first, validation === undefined ? undefined : await readPart(validation));
}

async function readPart(path: string, labels?: string): Promise<Part> {
  const own = labels ?? labelsBeside(path);
  const csv = extensionOf(path) === '.csv';
  if (own === undefined && !csv) {
    throw inputError('no labels', {
      where: path,
      expected: `${basename(path, extname(path))}-labels.npy (or .csv, .txt) or labels.npy beside it`,
      hint: 'or name the file: --labels FILE',
    });
  }
  const features: CsvFeatures = csv
    ? await readCsvFeatures(path, own === undefined)
    : { ...(await readNpyMatrix(path)), labels: undefined };
  const found = features.labels ?? (own === undefined ? [] : await readLabels(own));
  if (found.length !== features.rows) {
    throw inputError('the number of labels is not the number of examples', {
      where: own ?? path,
      expected: `${features.rows} labels for the ${features.rows} rows of ${path}`,
      received: `${found.length}`,
    });
  }
  return { ...features, path, labels: found, labelPath: own ?? path };
}

async function readLabels(path: string): Promise<readonly string[]> {
  switch (extensionOf(path)) {
    case '.npy':
      return await readNpyIntegers(path);
    case '.csv':
    case '.txt':
      return await readTextLabels(path);
    default:
      throw usageError('not a file of labels', { where: path, legal: labelExtensions });
  }
}

/** `X-labels.…` of `X.npy`; `labels.…` where the features are the only ones there could be. */
function labelsBeside(path: string): string | undefined {
  const stem = path.slice(0, path.length - extname(path).length);
  const folder = resolve(path, '..');
  const stems = [`${stem}-labels`, `${stem}_labels`, ...(extensionOf(path) === '.npy' ? [join(folder, 'labels')] : [])];
  return stems
    .flatMap((each) => labelExtensions.map((extension) => `${each}${extension}`))
    .find((each) => existsSync(each));
}

function dataset(name: string, train: Part, validation: Part | undefined): RawDataset<FloatImages> {
  const classes = classesOf(train.labels);
  const places = new Map(classes.map((label, place) => [label, place]));
  if (validation !== undefined && validation.columns !== train.columns) {
    throw inputError('training and validation examples differ in their number of features', {
      where: validation.path,
      expected: `${train.columns}, as in ${train.path}`,
      received: `${validation.columns}`,
    });
  }
  const setOf = ({ rows, values, labels, labelPath }: Part): FloatImages => {
    const unknown = labels.findIndex((label) => !places.has(label));
    if (unknown >= 0) {
      throw inputError('a class without training examples', {
        where: `${labelPath}, example ${unknown} (counted from 0)`,
        received: labels[unknown] ?? '',
      });
    }
    return Object.freeze({
      kind: 'floats',
      count: rows,
      values,
      labels: Int32Array.from(labels, (label) => places.get(label) ?? 0),
    });
  };
  const base = {
    name,
    classes,
    image: { channels: train.columns, height: 1, width: 1 },
    train: setOf(train),
  };
  return validation === undefined ? base : { ...base, validation: setOf(validation) };
}

function classesOf(labels: readonly string[]): readonly string[] {
  const classes = [...new Set(labels)];
  const numbers = classes.every((label) => /^-?\d+$/.test(label));
  return classes.sort(numbers ? (a, b) => Number(a) - Number(b) || bytewise(a, b) : bytewise);
}
