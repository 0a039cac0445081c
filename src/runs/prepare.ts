import { resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { inputError, internalError } from '../core/errors.ts';
import { findEntry } from '../data/catalog.ts';
import { openDataset, type OnDataProgress } from '../data/index.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { absoluteChoiceOf, absoluteGlyphSpec, isGlyphSpec } from '../data/glyphs/choice.ts';
import { withExtraClass } from '../data/merge.ts';
import { checkedAugmentation } from '../data/prepare-batch.ts';
import { createModel, type Model } from '../heads/model.ts';
import { formatHead } from '../heads/parse.ts';
import { createBackbone } from '../models/registry.ts';
import type { Recipe } from '../train/recipe.ts';
import { adaptedTo } from './adapt-data.ts';
import type { DatasetChoice, TrainConfig } from './config.ts';
import { originalBackbone } from './original.ts';
import type { ModelParts } from './parts.ts';
import { openUnlabelled } from './unlabelled.ts';

export interface OpenChoiceOptions {
  readonly allowDownload?: boolean;
  readonly cacheDirectory?: string;
  readonly onDataProgress?: OnDataProgress;
}

/**
 * A choice that still means the same from another working directory and with more or less free memory: paths are made absolute, and what was left open is as it was
 * decided for `dataset`.
 */
export function absoluteChoice(choice: DatasetChoice, { train }: Pick<ImageDataset, 'train'>): DatasetChoice {
  const inMemory = train.kind === 'encoded' ? ('never' as const) : ('always' as const);
  const decided = choice.inMemory === 'auto' ? { ...choice, inMemory } : choice;
  return withAbsolutePaths(decided.labels === undefined ? decided : { ...decided, labels: resolve(decided.labels) });
}

function withAbsolutePaths(choice: DatasetChoice): DatasetChoice {
  if (isGlyphSpec(choice.spec)) {
    const { spec, glyphs } = choice;
    return {
      ...choice,
      spec: absoluteGlyphSpec(spec),
      ...(glyphs === undefined ? {} : { glyphs: absoluteChoiceOf(glyphs) }),
    };
  }
  return findEntry(choice.spec) === undefined && existsSync(choice.spec)
    ? { ...choice, spec: resolve(choice.spec) }
    : choice;
}

export async function openChoice(choice: DatasetChoice, options: OpenChoiceOptions = {}): Promise<ImageDataset> {
  const { spec, unlabelled, extra = [], ...split } = choice;
  if (unlabelled === true) throw internalError('data without labels is opened for a model', { where: spec });
  const progress = options.onDataProgress === undefined ? {} : { onProgress: options.onDataProgress };
  let dataset = await openDataset(spec, {
    ...split,
    allowDownload: options.allowDownload ?? false,
    ...(options.cacheDirectory === undefined ? {} : { cacheDirectory: options.cacheDirectory }),
    ...progress,
  });
  for (const added of extra) dataset = await withExtraClass(dataset, added, { ...split, ...progress });
  return dataset;
}

/** The settings of a run that say which data it had, and how its model takes it where the model came from a file. */
type DataSettings = Pick<TrainConfig, 'dataset' | 'fingerprint'> &
  Partial<Pick<TrainConfig, 'original' | 'normalization' | 'classes'>>;

/** The dataset of a run, opened again. @throws an input error if it is no longer the data that the run was trained on. */
export async function reopenDataset(
  { dataset: choice, fingerprint, original, normalization, classes }: DataSettings,
  options?: OpenChoiceOptions,
): Promise<ImageDataset> {
  const dataset =
    choice.unlabelled === true && classes !== undefined
      ? await openUnlabelled(choice, classes, options)
      : await openChoice(choice, options);
  if (dataset.fingerprint !== fingerprint) {
    throw inputError('the dataset has changed since this run was started', {
      where: choice.spec,
      expected: `fingerprint ${fingerprint.slice(0, 12)}…`,
      received: `${dataset.fingerprint.slice(0, 12)}…`,
      hint: 'put the original data back, or start a new run',
    });
  }
  return original === undefined || normalization === undefined || classes === undefined
    ? dataset
    : adaptedTo(dataset, { normalization, classes });
}

/** The model that a run trains. */
export function modelOf(
  {
    model,
    original,
    head,
    image,
    headClasses,
  }: Pick<TrainConfig, 'model' | 'original' | 'head' | 'image' | 'headClasses'>,
  { vectors, cut }: ModelParts,
): Model {
  const backbone =
    original === undefined || cut === undefined ? createBackbone(model, image) : originalBackbone(cut, original, image);
  return createModel(backbone, head, headClasses, vectors.get(formatHead(head)));
}

/**
 * The recipe with a batch that the training set can fill: a small set trains with a smaller batch, and says so.
 *
 * @throws a usage error for an augmentation that the images cannot have.
 */
export function fittingRecipe(recipe: Recipe, dataset: ImageDataset, log: (line: string) => void): Recipe {
  checkedAugmentation(recipe.augmentation, dataset.image, dataset.train.kind);
  if (recipe.batchSize <= dataset.train.count || dataset.train.count < 1) return recipe;
  log(
    `batch size ${recipe.batchSize} is more than the ${dataset.train.count} training images: using ${dataset.train.count}`,
  );
  return { ...recipe, batchSize: dataset.train.count };
}
