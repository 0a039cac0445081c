import { randomStream, permutation } from '../core/random.ts';
import { usageError } from '../core/errors.ts';
import type { ImageSet, ImageShape } from './dataset.ts';
import { nameOf } from './encoded/files.ts';
import { sharedBytes, sharedFloats } from './memory.ts';

/** Indices into one set, each ascending; together they are every index once. */
export interface Split {
  readonly train: Uint32Array;
  readonly validation: Uint32Array;
}

/**
 * Divides labelled examples so that every class keeps its share: a pure function of the labels, the fraction and the seed.
 *
 * With n examples, round(fraction·n) go to validation. Class c gets ⌊fraction·n_c⌋ of them and the rest go one each to the
 * classes with the largest fractional part (Hamilton's method; ties to the lower class). A class with two or more examples keeps at least
 * one on each side; a class with one example keeps it for training. Which examples of a class are taken is the shuffle
 * `(seed, 'split', class)`, so it does not depend on the other classes.
 *
 * @param labels `[n]`, each in 0 … classCount−1.
 * @param fraction share of validation, greater than 0 and less than 1; a usage error otherwise.
 */
export function stratifiedSplit(labels: Int32Array, classCount: number, fraction: number, seed: number): Split {
  if (!(fraction > 0 && fraction < 1)) {
    throw usageError('the validation fraction is out of range', {
      expected: 'a number greater than 0 and less than 1',
      received: String(fraction),
    });
  }
  const members = Array.from({ length: classCount }, (): number[] => []);
  labels.forEach((label, index) => members[label]?.push(index));
  const sizes = validationSizes(
    members.map((indices) => indices.length),
    fraction,
  );
  const train: number[] = [];
  const validation: number[] = [];
  members.forEach((indices, label) => {
    const size = sizes[label] ?? 0;
    permutation(indices.length, randomStream(seed, 'split', label)).forEach((place, rank) => {
      const index = indices[place];
      if (index !== undefined) (rank < size ? validation : train).push(index);
    });
  });
  return { train: Uint32Array.from(train).sort(), validation: Uint32Array.from(validation).sort() };
}

/** How many examples of each class go to validation; see {@link stratifiedSplit}. */
function validationSizes(counts: readonly number[], fraction: number): number[] {
  const quotas = counts.map((count) => count * fraction);
  const sizes = quotas.map(Math.floor);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const left = Math.round(total * fraction) - sizes.reduce((sum, size) => sum + size, 0);
  const remainder = (label: number): number => (quotas[label] ?? 0) - (sizes[label] ?? 0);
  const byRemainder = counts.map((_, label) => label).sort((a, b) => remainder(b) - remainder(a) || a - b);
  for (const label of byRemainder.slice(0, Math.max(left, 0))) sizes[label] = (sizes[label] ?? 0) + 1;
  return sizes.map((size, label) => {
    const count = counts[label] ?? 0;
    return count < 2 ? 0 : Math.min(Math.max(size, 1), count - 1);
  });
}

/** The chosen images of a set in the order of `indices`: pixels are copied to shared memory, files only named. */
export function takeImages<Images extends ImageSet>(set: Images, image: ImageShape, indices: Uint32Array): Images;
export function takeImages(set: ImageSet, image: ImageShape, indices: Uint32Array): ImageSet {
  const size = image.channels * image.height * image.width;
  const count = indices.length;
  const labels = Int32Array.from(indices, (index) => set.labels[index] ?? 0);
  switch (set.kind) {
    case 'bytes': {
      const pixels = sharedBytes(count * size);
      indices.forEach((index, place) => {
        pixels.set(set.pixels.subarray(index * size, (index + 1) * size), place * size);
      });
      const { sources } = set;
      const chosen = { kind: set.kind, count, pixels, labels };
      if (sources === undefined) return Object.freeze(chosen);
      return Object.freeze({ ...chosen, sources: Object.freeze(Array.from(indices, (index) => sources[index] ?? '')) });
    }
    case 'floats': {
      const values = sharedFloats(count * size);
      indices.forEach((index, place) => {
        values.set(set.values.subarray(index * size, (index + 1) * size), place * size);
      });
      return Object.freeze({ kind: set.kind, count, values, labels });
    }
    case 'encoded': {
      const places = new Uint32Array(new SharedArrayBuffer(4 * count));
      indices.forEach((index, place) => (places[place] = set.places[index] ?? 0));
      return Object.freeze({ ...set, count, places, labels });
    }
    default:
      return set satisfies never;
  }
}

/** The first images of a set, at most `most` of them. */
export function firstImages<Images extends ImageSet>(set: Images, image: ImageShape, most: number): Images {
  if (set.count <= most) return set;
  return takeImages(
    set,
    image,
    Uint32Array.from({ length: most }, (_, index) => index),
  );
}

/** Where an image came from, where there is such a thing. */
export function sourceOf(set: ImageSet, index: number): string | undefined {
  switch (set.kind) {
    case 'bytes':
      return set.sources?.[index];
    case 'floats':
      return undefined;
    case 'encoded':
      return nameOf(set.files, set.places[index] ?? 0);
    default:
      return set satisfies never;
  }
}

/** The pixels of a set that is held in memory as bytes. @throws a usage error for features, and for files that are decoded when they are asked for. */
export function pixelsOf(set: ImageSet): Uint8Array {
  if (set.kind === 'bytes') return set.pixels;
  throw usageError('these images are not held in memory as pixels', {
    expected: 'a set of kind bytes',
    received: set.kind,
    hint: 'take them batch by batch: batchesInOrder',
  });
}
