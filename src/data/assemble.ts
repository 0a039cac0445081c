import { createHash } from 'node:crypto';
import { inputError } from '../core/errors.ts';
import type { ByteImages, FloatImages, ImageDataset, ImageSet, ImageShape, Normalization } from './dataset.ts';
import { nameOf } from './encoded/files.ts';
import { chosenNormalization, heldNormalization, type NormalizationChoice } from './normalization.ts';
import { stratifiedSplit, takeImages } from './split.ts';

/** What a reader found: a training set, and a validation set where the source has one of its own. */
export interface RawDataset<Images extends ImageSet = ImageSet> {
  readonly name: string;
  readonly classes: readonly string[];
  readonly image: ImageShape;
  readonly train: Images;
  /** The source's own validation or test split; absent where the training set has to be divided. */
  readonly validation?: Images;
  readonly notes?: readonly string[];
}

/** What a reader found whose source has a split of its own, all of it in memory. */
export interface HeldDataset extends RawDataset<ByteImages> {
  readonly validation: ByteImages;
}

/** How data is divided into training and validation images. */
export interface SplitChoice {
  /**
   * Share of the training images to hold out, 0 < fraction < 1. Without it the source's own validation split is used, and
   * a source without one is divided at {@link defaultValidationFraction}.
   */
  readonly validationFraction?: number;
  /** Seed of the division; 0 unless given. */
  readonly seed?: number;
  /** What pixels are normalised with: what the training images have (`measured`, the default), or ImageNet's constants. */
  readonly normalization?: NormalizationChoice;
}

/** Share of the images held out where data has no split of its own and none is asked for. */
export const defaultValidationFraction = 0.2;

/** A checked, divided, measured dataset from what a reader found in memory. Throws an input error naming the dataset for contents that do not fit together. */
export function assembleDataset<Images extends ByteImages | FloatImages>(
  raw: RawDataset<Images>,
  choice: SplitChoice = {},
): ImageDataset<Images> {
  const divided = checkedAndDivided(raw, choice);
  const { train, image, name } = divided;
  return finished(divided, heldNormalization(train, image, choice.normalization ?? 'measured', name));
}

/** {@link assembleDataset} of any set: of files, a sample is decoded to measure what they are normalised with. */
export async function assembleAny(raw: RawDataset, choice: SplitChoice = {}): Promise<ImageDataset> {
  const divided = checkedAndDivided(raw, choice);
  const { train, image, name } = divided;
  return finished(divided, await chosenNormalization(train, image, choice.normalization ?? 'measured', name));
}

type Divided<Images extends ImageSet> = Omit<ImageDataset<Images>, 'normalization' | 'fingerprint'>;

function checkedAndDivided<Images extends ImageSet>(raw: RawDataset<Images>, choice: SplitChoice): Divided<Images> {
  const { name, classes, image } = raw;
  if (classes.length < 2) {
    throw inputError('a classifier needs at least two classes', {
      where: name,
      received: classes.length === 0 ? 'no class' : `only ${JSON.stringify(classes[0])}`,
    });
  }
  checkSet(raw.train, raw, 'training');
  if (raw.validation !== undefined) checkSet(raw.validation, raw, 'validation');
  const notes = [...(raw.notes ?? [])];
  const { train, validation } = divide(raw, choice, notes);
  for (const [set, title] of [
    [train, 'training'],
    [validation, 'validation'],
  ] as const) {
    if (set.count === 0) {
      throw inputError(`no ${title} image`, {
        where: name,
        hint: 'every class needs at least two images: one to train on and one to validate with',
      });
    }
    const absent = absentClasses(set, classes);
    if (absent.length > 0) notes.push(`no ${title} image of ${absent.join(', ')}`);
  }
  return { name, classes, image, train, validation, notes };
}

function finished<Images extends ImageSet>(
  { name, classes, image, train, validation, notes }: Divided<Images>,
  normalization: Normalization,
): ImageDataset<Images> {
  return Object.freeze({
    name,
    classes: Object.freeze([...classes]),
    image: Object.freeze({ channels: image.channels, height: image.height, width: image.width }),
    train,
    validation,
    normalization,
    fingerprint: fingerprintOf(classes, image, [train, validation]),
    notes: Object.freeze([...notes]),
  });
}

function divide<Images extends ImageSet>(
  raw: RawDataset<Images>,
  choice: SplitChoice,
  notes: string[],
): { train: Images; validation: Images } {
  if (raw.validation !== undefined && choice.validationFraction === undefined) {
    return { train: raw.train, validation: raw.validation };
  }
  const fraction = choice.validationFraction ?? defaultValidationFraction;
  const split = stratifiedSplit(raw.train.labels, raw.classes.length, fraction, choice.seed ?? 0);
  if (raw.validation !== undefined) {
    notes.push(
      `validation images are ${split.validation.length} of the ${raw.train.count} training images, as asked; the ${raw.validation.count} images of the dataset's own validation split are not used`,
    );
  }
  return {
    train: takeImages(raw.train, raw.image, split.train),
    validation: takeImages(raw.train, raw.image, split.validation),
  };
}

function checkSet(set: ImageSet, { name, classes, image }: RawDataset, title: string): void {
  const where = `${name} (${title} images)`;
  const size = image.channels * image.height * image.width;
  const held = heldNumbers(set);
  if (held !== undefined && held !== set.count * size) {
    throw inputError('the number of pixels does not fit the number of images', {
      where,
      expected: `${set.count * size} ${set.kind === 'bytes' ? 'bytes' : 'numbers'} for ${set.count} images of ${image.channels}×${image.height}×${image.width}`,
      received: `${held}`,
    });
  }
  if (set.labels.length !== set.count) {
    throw inputError('the number of labels is not the number of images', {
      where,
      expected: `${set.count} labels`,
      received: `${set.labels.length}`,
    });
  }
  const wrong = set.labels.findIndex((label) => label < 0 || label >= classes.length);
  if (wrong >= 0) {
    throw inputError('label out of range', {
      where,
      expected: `0 to ${classes.length - 1} (${classes.length} classes)`,
      received: `${set.labels[wrong] ?? '?'} for image ${wrong}`,
    });
  }
}

/** How many bytes or numbers a set holds in memory. */
function heldNumbers(set: ImageSet): number | undefined {
  switch (set.kind) {
    case 'bytes':
      return set.pixels.length;
    case 'floats':
      return set.values.length;
    case 'encoded':
      return undefined;
    default:
      return set satisfies never;
  }
}

function absentClasses(set: ImageSet, classes: readonly string[]): string[] {
  const seen = new Set(set.labels);
  return classes.filter((_, label) => !seen.has(label));
}

/**
 * SHA-256 (hex) over image shape, classes, and of each set the count, labels and pixels; of files that are decoded when asked for, their names and lengths
 * in bytes in place of pixels, because reading a million files would take longer than an epoch.
 */
function fingerprintOf(classes: readonly string[], image: ImageShape, sets: readonly ImageSet[]): string {
  const hash = createHash('sha256');
  // JSON quotes the class names, so no two lists of names give the same bytes.
  hash.update(JSON.stringify([image.channels, image.height, image.width, classes, sets.map((set) => set.count)]));
  for (const set of sets) {
    hash.update(new Uint8Array(set.labels.buffer, set.labels.byteOffset, set.labels.byteLength));
    switch (set.kind) {
      case 'bytes':
        hash.update(set.pixels);
        break;
      case 'floats':
        hash.update(new Uint8Array(set.values.buffer, set.values.byteOffset, set.values.byteLength));
        break;
      case 'encoded': {
        const { files, places } = set;
        // A name ends where a line does: JSON has no line ends inside.
        for (const place of places) hash.update(`${JSON.stringify([nameOf(files, place), files.bytes[place]])}\n`);
        break;
      }
      default:
        set satisfies never;
    }
  }
  return hash.digest('hex');
}
