import type { ImageDataset, ImageSet, Normalization } from '../data/dataset.ts';
import { takeImages } from '../data/split.ts';
import { evaluateSession } from '../train/evaluate.ts';
import type { OpenClassifier } from './classifier-file.ts';
import { normalizationOf, pixelNames, type PixelChoice, type PixelName } from './pixels.ts';

/** How a model's pixels are fed, and how that was decided. */
export interface ChosenPixels {
  readonly normalization: Normalization;
  /** One sentence for the reader. */
  readonly how: string;
}

/** Images that each way to feed pixels is tried on. */
const TRIED = 200;

/** Without labels to judge by: what most models of colour images want, and p/255 for grey ones. */
const usual = (channels: number): PixelName => (channels === 3 ? 'imagenet' : '0..1');

/**
 * How a model wants its pixels: as `choice` says; for `auto` the way in which it answers most of a few labelled images right (of equal
 * ones the first of {@link pixelNames}: a smaller loss would only favour larger numbers), or the usual way where there is nothing to
 * judge by.
 *
 * @param judge a classifier whose classes the labels of `data` count, where there is one
 */
export async function choosePixels(
  choice: PixelChoice | 'auto',
  channels: number,
  judge: { readonly classifier: OpenClassifier; readonly data: ImageDataset } | undefined,
): Promise<ChosenPixels> {
  if (choice !== 'auto') {
    const named = typeof choice === 'string' ? choice : 'as given';
    return { normalization: normalizationOf(choice, channels), how: `pixels are fed ${named}` };
  }
  if (judge === undefined) {
    const name = usual(channels);
    const how = `pixels are fed ${name}, the usual way; if the model was trained otherwise, say so with --pixels`;
    return { normalization: normalizationOf(name, channels), how };
  }
  const { classifier, data } = judge;
  const set = spread(data);
  const names = pixelNames.filter((name) => name !== 'imagenet' || channels === 3);
  const tried: { readonly name: PixelName; readonly accuracy: number }[] = [];
  for (const name of names) {
    const feeding = { image: data.image, normalization: normalizationOf(name, channels) };
    const batch = classifier.batchSize === undefined ? {} : { batchSize: classifier.batchSize };
    const { accuracy } = await evaluateSession(classifier.session, feeding, set, {
      classes: classifier.classes,
      ...batch,
    });
    tried.push({ name, accuracy });
  }
  const [best] = tried.toSorted((a, b) => b.accuracy - a.accuracy);
  const name = best?.name ?? usual(channels);
  const figures = tried.map((each) => `${each.name} ${(100 * each.accuracy).toFixed(0)} %`).join(', ');
  return {
    normalization: normalizationOf(name, channels),
    how: `pixels are fed ${name}, the way in which the original answers ${set.count} training images best (${figures})`,
  };
}

/** Images from all over the set: readers give them class by class. */
function spread({ train: set, image }: ImageDataset): ImageSet {
  const count = Math.min(TRIED, set.count);
  return takeImages(
    set,
    image,
    Uint32Array.from({ length: count }, (_, index) => Math.floor((index * set.count) / count)),
  );
}
