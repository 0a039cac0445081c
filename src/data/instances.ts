import { createHash } from 'node:crypto';
import type { ImageDataset } from './dataset.ts';

/**
 * The training images of a dataset with every image a class of its own: image i has label i and the class name `i`. The data's
 * own labels are left out, and so are its validation images, which belong to none of these classes.
 *
 * The fingerprint differs from the data's own, so that a run on the one cannot go on with a checkpoint of the other.
 */
export function instanceDataset(dataset: ImageDataset): Omit<ImageDataset, 'validation'> {
  const { name, image, train, normalization, notes } = dataset;
  return Object.freeze({
    name,
    image,
    normalization,
    notes,
    classes: Object.freeze(Array.from({ length: train.count }, (_, index) => String(index))),
    train: Object.freeze({ ...train, labels: Int32Array.from({ length: train.count }, (_, index) => index) }),
    fingerprint: createHash('sha256').update(`instance ${dataset.fingerprint}`).digest('hex'),
  });
}
