import { FixheadError, inputError } from '../../core/errors.ts';
import type { Batch, EncodedImages } from '../dataset.ts';
import { reasonOf } from '../files.ts';
import { forEachConcurrently } from '../pool.ts';
import { batchMemory, imageWriter, type BatchRecipe } from '../prepare-batch.ts';
import { drawResizedCrop } from '../resized-crop.ts';
import { decodeView, type EncodedView } from './decode-view.ts';
import { placeText } from './files.ts';
import type { FileReader } from './read-file.ts';

/** So many images of a set in a row that cannot be decoded are no accident. */
const MOST_TRIES = 64;

/**
 * One batch of images that are decoded now, several at a time: the images at `indices`, cut out, augmented and normalised. The same on any number of
 * threads: what is drawn for an image depends on (seed, epoch, index) alone.
 *
 * Where unreadable files are skipped, training takes the image at the next index of the set (after the last the first) that can be decoded, with the label of that
 * one and the crop and mirror that were drawn for the missing one; an evaluation leaves the image out, by the label −1. Otherwise
 * an input error names the file.
 *
 * @returns the batch, and which places of the files' table could not be decoded.
 */
export async function prepareEncodedBatch(
  recipe: BatchRecipe<EncodedImages>,
  reader: FileReader,
  epoch: number,
  indices: Uint32Array,
  into?: Float32Array,
): Promise<Batch & { readonly unreadable: readonly number[] }> {
  const { set, image, augmentation, seed, evaluation = false } = recipe;
  const elements = image.channels * image.height * image.width;
  const images = batchMemory(indices.length * elements, into);
  const labels = new Int32Array(indices.length);
  const write = imageWriter(recipe, epoch);
  const unreadable = new Set<number>();
  const crop = augmentation.randomResizedCrop;
  const viewOf = (index: number): EncodedView =>
    crop === undefined
      ? { kind: 'centre' }
      : { kind: 'crop', draw: (size) => drawResizedCrop(size, crop, seed, epoch, index) };

  /** The pixels of the image at `index`, or `undefined` where it cannot be decoded and that is no error. */
  const decode = async (index: number, view: EncodedView): Promise<Uint8Array | undefined> => {
    const place = set.places[index] ?? 0;
    try {
      return await decodeView(await reader.read(place), image, view);
    } catch (error) {
      if (set.onUnreadable === 'fail') throw unreadableError(set, place, error);
      unreadable.add(place);
      return undefined;
    }
  };

  await forEachConcurrently(indices.length, async (place) => {
    const index = indices[place] ?? 0;
    const view = viewOf(index);
    const output = images.subarray(place * elements, (place + 1) * elements);
    let pixels = await decode(index, view);
    let shown = index;
    if (evaluation && pixels === undefined) {
      labels[place] = -1;
      output.fill(0);
      return;
    }
    for (let tries = 1; pixels === undefined; tries++) {
      if (tries > Math.min(MOST_TRIES, set.count - 1)) throw tooManyUnreadable(set, index, tries);
      shown = (index + tries) % set.count;
      pixels = await decode(shown, view);
    }
    labels[place] = set.labels[shown] ?? 0;
    write(pixels, index, output);
  });
  return { images, labels, size: indices.length, unreadable: [...unreadable].sort((a, b) => a - b) };
}

function unreadableError({ files }: EncodedImages, place: number, error: unknown): FixheadError {
  // One that says already which file it is.
  if (error instanceof FixheadError) return error;
  return inputError('not a readable image', {
    where: placeText(files, place),
    received: reasonOf(error),
    hint: 'repair or remove it, or choose to skip unreadable images (--on-unreadable skip)',
    cause: error,
  });
}

function tooManyUnreadable({ files, places }: EncodedImages, index: number, tries: number): FixheadError {
  return inputError(`${tries} images one after the other cannot be decoded`, {
    where: placeText(files, places[index] ?? 0),
    hint: 'the data is damaged, or its files are not images',
  });
}
