import { basename, resolve } from 'node:path';
import { inputError, usageError } from '../core/errors.ts';
import { assembleAny } from '../data/assemble.ts';
import type { ImageDataset, ImageSet } from '../data/dataset.ts';
import { openUnlabelledImages } from '../data/index.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { evaluateSession } from '../train/evaluate.ts';
import { openClassifier, type ClassifierFile } from './classifier-file.ts';
import type { DatasetChoice } from './config.ts';
import type { OpenChoiceOptions } from './prepare.ts';

/**
 * All images of a folder for a model with these classes, divided into training and validation images; their labels say nothing until the
 * model gives them ({@link labelledBy}).
 *
 * @throws an input error for a folder without images, or with a single one.
 */
export async function openUnlabelled(
  choice: DatasetChoice,
  classes: readonly string[],
  { onDataProgress, cacheDirectory }: OpenChoiceOptions = {},
): Promise<ImageDataset> {
  const { spec, imageSize, onUnreadable, validationFraction, seed } = choice;
  const { set, image, notes } = await openUnlabelledImages(spec, {
    onUnreadable,
    ...(imageSize === undefined ? {} : { imageSize }),
    ...(onDataProgress === undefined ? {} : { onProgress: onDataProgress }),
    ...(cacheDirectory === undefined ? {} : { cacheDirectory }),
  });
  const raw = { name: basename(resolve(spec)), classes, image, train: set };
  const dataset = await assembleAny(raw, { seed, ...(validationFraction === undefined ? {} : { validationFraction }) });
  // What the division says about classes means nothing here.
  return { ...dataset, notes };
}

/** A name for each output of a model that has none. */
export function outputNames({ labels }: Pick<ClassifierFile, 'labels'>, classes: number): readonly string[] {
  return labels ?? Array.from({ length: classes }, (_, index) => String(index));
}

/**
 * The data with a model's own answers as labels: what a student is measured by where there are no others.
 *
 * @param dataset normalised as the model wants it
 * @throws an input error where images cannot be read.
 */
export async function labelledBy(
  runtime: Runtime,
  file: ClassifierFile,
  dataset: ImageDataset,
  {
    signal,
    onProgress,
  }: { readonly signal?: AbortSignal; readonly onProgress?: (done: number, count: number) => void } = {},
): Promise<ImageDataset> {
  await using classifier = await openClassifier(runtime, file, dataset.image);
  const { session, classes, batchSize } = classifier;
  const total = dataset.train.count + dataset.validation.count;
  const label = async (set: ImageSet, before: number): Promise<ImageSet> => {
    const { predicted } = await evaluateSession(session, dataset, set, {
      classes,
      ...(batchSize === undefined ? {} : { batchSize }),
      ...(signal === undefined ? {} : { signal }),
      onProgress: (done) => onProgress?.(before + done, total),
    });
    if (predicted.length === set.count) return { ...set, labels: predicted };
    throw inputError('some images cannot be read', {
      where: dataset.name,
      expected: `${set.count} images`,
      received: `${predicted.length}`,
      hint: 'remove those that are damaged; --on-unreadable fail names them',
    });
  };
  return {
    ...dataset,
    train: await label(dataset.train, 0),
    validation: await label(dataset.validation, dataset.train.count),
  };
}

/** Refuses data without labels where something is to be measured by them. */
export function refuseUnlabelled({ spec, unlabelled }: DatasetChoice): void {
  if (unlabelled !== true) return;
  throw usageError('the run’s data has no labels to measure by', {
    where: spec,
    hint: 'name labelled data of the same classes',
  });
}
