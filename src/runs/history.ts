import { sizeOf } from '../core/shape.ts';
import { batchesInOrder } from '../data/batches.ts';
import type { ImageDataset, ImageSet } from '../data/dataset.ts';
import { identityNormalization } from '../data/normalization.ts';
import { sourceOf, takeImages } from '../data/split.ts';
import type { Mistake, RunHistory } from '../report/comparison.ts';
import type { TrainedRun } from './training-run.ts';

const SHOWN_MISTAKES = 24;

/** The validation images that were wrong with the most confidence, worst first. */
async function worstMistakes({ dataset, evaluation }: TrainedRun): Promise<readonly Mistake[]> {
  const { validation, image } = dataset;
  // Features are no pictures.
  if (evaluation === undefined || validation.kind === 'floats') return [];
  const { channels, height, width } = image;
  const wrong = Array.from(validation.labels, (label, index) => ({
    index,
    label,
    predicted: evaluation.predicted[index] ?? 0,
    probability: evaluation.probability[index] ?? 0,
  })).filter(({ label, predicted }) => predicted >= 0 && label !== predicted);
  const worst = wrong.sort((a, b) => b.probability - a.probability || a.index - b.index).slice(0, SHOWN_MISTAKES);
  const pixels = await picturesOf(
    validation,
    image,
    worst.map(({ index }) => index),
  );
  return worst.map(({ index, ...mistake }, place) => {
    const source = sourceOf(validation, index);
    return {
      ...mistake,
      pixels: pixels[place] ?? new Uint8Array(),
      channels,
      height,
      width,
      ...(source === undefined ? {} : { source }),
    };
  });
}

/** Some images of a set as bytes, as an evaluation sees them. */
async function picturesOf(
  set: ImageSet,
  image: ImageDataset['image'],
  indices: readonly number[],
): Promise<readonly Uint8Array[]> {
  const some = takeImages(set, image, Uint32Array.from(indices));
  const size = sizeOf([image.channels, image.height, image.width]);
  const pictures: Uint8Array[] = [];
  for await (const { images, size: count } of batchesInOrder(some, image, identityNormalization(image.channels), 64)) {
    for (let place = 0; place < count; place++) {
      // p/255 in float32 gives p back, because it is off by less than ½/255.
      const pixels = images.subarray(place * size, (place + 1) * size);
      pictures.push(Uint8Array.from(pixels, (value) => Math.round(value * 255)));
    }
  }
  return pictures;
}

/** What the report draws of one run. */
export async function historyOf(run: TrainedRun): Promise<RunHistory> {
  return {
    head: run.model.head.name,
    seed: run.config.seed,
    epochs: run.result.epochs,
    scale: run.result.scale,
    confusion: run.evaluation?.confusion ?? [],
    mistakes: await worstMistakes(run),
  };
}
