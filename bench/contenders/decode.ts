import { z } from 'zod';
import { defined } from '../../src/core/errors.ts';
import { openBatchLoader } from '../../src/data/batches.ts';
import { openDataset } from '../../src/data/registry.ts';
import { imageNetCrop } from '../../src/data/resized-crop.ts';
import { serve } from './serve.ts';

const options = z.object({
  folder: z.string(),
  image: z.int().positive(),
  batch: z.int().positive(),
  workers: z.int().nonnegative(),
});

/** An epoch of decoded, cut out, mirrored and normalised batches. Nothing is prepared beyond its end. */
await serve(options, async ({ folder, image, batch, workers }) => {
  const dataset = await openDataset(folder, {
    inMemory: 'never',
    normalization: 'imagenet',
    imageSize: { height: image, width: image, channels: 3 },
    validationFraction: 1e-6,
  });
  const loader = openBatchLoader(dataset, {
    batchSize: batch,
    seed: 0,
    workers,
    augmentation: { cropPadding: 0, horizontalFlip: true, randomResizedCrop: imageNetCrop },
  });
  let epoch = 0;
  return {
    facts: {},
    call: async () => {
      for await (const { images } of loader.epoch(epoch)) defined(images[0], 'first pixel');
      epoch++;
      return undefined;
    },
  };
});
