import { createHash } from 'node:crypto';
import type { ImageDataset, ImageSet } from './dataset.ts';

/**
 * The training images of a dataset with every image a class of its own: image i has label i and the class name `i`. The data's
 * own labels are left out, and so are its validation images, which belong to none of these classes.
 *
 * The fingerprint differs from the data's own, so that a run on the one cannot go on with a checkpoint of the other.
 */
export function instanceDataset<Images extends ImageSet>(
  dataset: ImageDataset<Images>,
): Omit<ImageDataset<Images>, 'validation'> {
  const { name, image, normalization, notes } = dataset;
  const train: Images = {
    ...dataset.train,
    labels: Int32Array.from({ length: dataset.train.count }, (_, index) => index),
  };
  Object.freeze(train);
  return Object.freeze({
    name,
    image,
    normalization,
    notes,
    classes: Object.freeze(Array.from({ length: train.count }, (_, index) => String(index))),
    train,
    fingerprint: createHash('sha256').update(`instance ${dataset.fingerprint}`).digest('hex'),
  });
}
