import { inputError } from '../core/errors.ts';
import type { ImageDataset, ImageSet, Normalization } from '../data/dataset.ts';

/** What a model that was read from a file wants of the data that it is trained on. */
export interface DataContract {
  /** How pixels are fed. */
  readonly normalization: Normalization;
  /** The classes in the order of the model's outputs. */
  readonly classes: readonly string[];
}

/** Labels counted by the place of their class among `classes`; the data must have no other classes. */
function recounted(set: ImageSet, from: readonly string[], classes: readonly string[]): ImageSet {
  const places = from.map((name) => classes.indexOf(name));
  return { ...set, labels: set.labels.map((label) => places[label] ?? label) };
}

/** The data as a model wants it: its own way to feed pixels, classes in its own order. */
export function adaptedTo(dataset: ImageDataset, { normalization, classes }: DataContract): ImageDataset {
  const same =
    dataset.classes.length === classes.length && dataset.classes.every((name, index) => name === classes[index]);
  const named = dataset.classes.every((name) => classes.includes(name));
  // Where the model has no names, or other ones, its outputs are the data's classes in order.
  const inOrder = same || !named;
  return Object.freeze({
    ...dataset,
    normalization,
    classes: inOrder ? dataset.classes : classes,
    train: inOrder ? dataset.train : recounted(dataset.train, dataset.classes, classes),
    validation: inOrder ? dataset.validation : recounted(dataset.validation, dataset.classes, classes),
  });
}

const some = (names: readonly string[]): string => names.slice(0, 5).join(', ') + (names.length > 5 ? ', …' : '');

/**
 * The classes of a new head in the order of its outputs, where the original's classes stay: those of the model, or of the data where the
 * model has no names.
 *
 * @throws an input error where the data has another number of classes, or others, than the model.
 */
export function keptClasses(
  dataset: Pick<ImageDataset, 'name' | 'classes'>,
  model: { readonly where: string; readonly classes: number; readonly labels: readonly string[] | undefined },
): readonly string[] {
  const hint = 'give data of the model’s classes, or replace them by those of the data (--new-classes)';
  if (dataset.classes.length !== model.classes) {
    throw inputError('the data has another number of classes than the model', {
      where: dataset.name,
      expected: `${model.classes} classes, as ${model.where}`,
      received: `${dataset.classes.length}`,
      hint,
    });
  }
  if (model.labels === undefined) return dataset.classes;
  const { labels } = model;
  const unknown = dataset.classes.filter((name) => !labels.includes(name));
  if (unknown.length > 0) {
    throw inputError('the data has classes that the model does not know', {
      where: dataset.name,
      expected: `classes of ${model.where}: ${some(labels)}`,
      received: some(unknown),
      hint,
    });
  }
  return labels;
}
