import { inputError, usageError } from '../core/errors.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { instanceDataset } from '../data/instances.ts';
import type { Model } from '../heads/model.ts';

/** The vote of the nearest neighbours: see {@link knnAccuracy}. */
export interface NeighbourVote {
  /** k, how many neighbours vote. */
  readonly neighbours: number;
  /** τ > 0: a neighbour with cosine s has the weight exp(s/τ). */
  readonly temperature: number;
}

/**
 * What a model is trained to tell apart.
 *
 * - `classes`: the classes of the data, judged by its answers on the validation images.
 * - `instance`: every training image from every other, its labels unseen; judged by the k nearest training images of each
 *   validation image among the features, which vote with the labels of the data.
 */
export type TaskSpec = { readonly kind: 'classes' } | ({ readonly kind: 'instance' } & NeighbourVote);

/** Telling the classes of the data apart: what is done where nothing else is asked for. */
export const classesTask: TaskSpec = Object.freeze({ kind: 'classes' });

/** k and τ of Wu et al. 2018, section 3.4 and 4. */
export const neighbourVote: NeighbourVote = Object.freeze({ neighbours: 200, temperature: 0.07 });

/**
 * Instance discrimination (Wu, Xiong, Yu & Lin 2018, “Unsupervised Feature Learning via Non-Parametric Instance Discrimination”):
 * as many classes as training images.
 *
 * @throws a usage error for a number of neighbours that is not a positive integer, or a temperature that is not positive.
 */
export function instanceTask(vote: Partial<NeighbourVote> = {}): TaskSpec {
  return Object.freeze({ kind: 'instance', ...checkedVote({ ...neighbourVote, ...vote }) });
}

/** @throws a usage error for numbers that make no vote. */
export function checkedVote(vote: NeighbourVote): NeighbourVote {
  const { neighbours, temperature } = vote;
  if (!Number.isInteger(neighbours) || neighbours < 1) {
    throw usageError('the number of neighbours must be a positive integer', { received: String(neighbours) });
  }
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    throw usageError('the temperature of the neighbours’ vote must be positive', { received: String(temperature) });
  }
  return vote;
}

/** What training batches are made of. */
export type TrainingData = Pick<ImageDataset, 'name' | 'classes' | 'image' | 'train' | 'normalization' | 'fingerprint'>;

/** The training images with the labels that the task gives them. @throws an input error for fewer than two images to tell apart. */
export function trainingData(task: TaskSpec, dataset: ImageDataset): TrainingData {
  switch (task.kind) {
    case 'classes':
      return dataset;
    case 'instance':
      if (dataset.train.count < 2) {
        throw inputError('instance discrimination needs images to tell apart', {
          where: dataset.name,
          expected: 'at least 2 training images',
          received: String(dataset.train.count),
        });
      }
      return instanceDataset(dataset);
    default:
      return task satisfies never;
  }
}

/** How many classes the head of a task has: those of the data, or one for each training image. */
export function headClasses(task: TaskSpec, dataset: Pick<ImageDataset, 'classes' | 'train'>): number {
  return task.kind === 'instance' ? dataset.train.count : dataset.classes.length;
}

/** @throws a usage error where a model's head has another number of classes than the task. */
export function checkHeadFits(model: Model, task: TaskSpec, dataset: Pick<ImageDataset, 'classes' | 'train'>): void {
  const expected = headClasses(task, dataset);
  if (model.head.classes === expected) return;
  throw usageError('the head has another number of classes than the task', {
    where: `head ${model.head.name}`,
    expected: task.kind === 'instance' ? `${expected}, one for each training image` : `${expected} classes`,
    received: String(model.head.classes),
  });
}
