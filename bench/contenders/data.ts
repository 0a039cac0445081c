import { z } from 'zod';
import { defined } from '../../src/core/errors.ts';
import { randomStream } from '../../src/core/random.ts';
import type { Batch } from '../../src/data/dataset.ts';
import { openBatchLoader, type BatchLoader } from '../../src/data/batches.ts';
import { sharedBytes } from '../../src/data/memory.ts';
import { serve } from './serve.ts';

const options = z.object({
  workers: z.int().nonnegative(),
  batch: z.int().positive(),
  image: z.int().positive(),
  /** Milliseconds for which the calling thread does nothing else before it asks for the next batch, as in a training step. */
  step: z.number().nonnegative(),
});

const CLASSES = 10;
const EPOCH_BATCHES = 32;

async function* endless(loader: BatchLoader): AsyncGenerator<Batch, never, void> {
  for (let epoch = 0; ; epoch++) yield* loader.epoch(epoch);
}

/** The wait for the next batch of random pixels, cropped, mirrored and normalised as the paper does with CIFAR. */
await serve(options, ({ workers, batch, image, step }) => {
  const random = randomStream(0, 'bench', 'data');
  const count = EPOCH_BATCHES * batch;
  const pixels = sharedBytes(count * 3 * image * image);
  for (let place = 0; place < pixels.length; place++) pixels[place] = random.integer(256);
  const loader = openBatchLoader(
    {
      name: 'random pixels',
      image: { channels: 3, height: image, width: image },
      train: {
        kind: 'bytes',
        count,
        pixels,
        labels: Int32Array.from({ length: count }, (_, index) => index % CLASSES),
      },
      normalization: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
    },
    { batchSize: batch, seed: 0, workers, augmentation: { cropPadding: 4, horizontalFlip: true } },
  );
  const batches = endless(loader);
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  return Promise.resolve({
    facts: {},
    call: async () => {
      // A running session blocks the thread in the same way.
      if (step > 0) Atomics.wait(sleeper, 0, 0, step);
      const asked = performance.now();
      const { value } = await batches.next();
      const waited = performance.now() - asked;
      defined(value.images[0], 'first pixel');
      return waited;
    },
  });
});
