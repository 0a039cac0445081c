import { inputError, usageError } from '../core/errors.ts';
import { permutation, randomStream } from '../core/random.ts';
import { inlineSource, workerSource } from './batch-source.ts';
import type { PreparedBatch } from './preparer.ts';
import type {
  Augmentation,
  Batch,
  ByteImages,
  FloatImages,
  ImageDataset,
  ImageSet,
  ImageShape,
  Normalization,
} from './dataset.ts';
import { placeText } from './encoded/files.ts';
import { checkedAugmentation, noAugmentation, prepareBatch } from './prepare-batch.ts';

/** How training batches are made. */
export interface LoaderOptions {
  readonly batchSize: number;
  readonly seed: number;
  /** No augmentation unless given. */
  readonly augmentation?: Augmentation;
  /** Threads that prepare batches ahead; 1 unless given. 0 prepares them on the calling thread, with the same bytes. */
  readonly workers?: number;
  /** How many batches are prepared ahead of the one in use; 3 unless given. */
  readonly ahead?: number;
  /**
   * Whether the memory of a batch is used again for a later one (the default). A batch is then good until the next one is asked
   * for; after that its `images` are gone (empty). Turn it off to keep batches.
   */
  readonly recycle?: boolean;
}

/** Training batches of one dataset, prepared ahead. Release it with `await using` or `loader[Symbol.asyncDispose]()`. */
export interface BatchLoader extends AsyncDisposable {
  /** ⌊training images / batch size⌋: the last images of an epoch's order that do not fill a batch wait for another epoch. */
  readonly batchesPerEpoch: number;
  /**
   * The batches of epoch `epoch` (0, 1, …) from number `startBatch` on; the earlier ones are not prepared. Batch b holds the images at places
   * b·batchSize … (b+1)·batchSize−1 of the epoch's order, the shuffle `(seed, 'shuffle', epoch)`.
   */
  readonly epoch: (epoch: number, startBatch?: number) => AsyncIterable<Batch>;
  /** What was prepared since the loader was opened. */
  readonly activity: () => LoaderActivity;
}

/** How a loader keeps up with training. */
export interface LoaderActivity {
  /** Images of the batches that were prepared. */
  readonly images: number;
  /** How many images all workers together prepare in a second while they work; 0 before the first batch. */
  readonly imagesPerSecond: number;
  /** Milliseconds for which batches were waited for. */
  readonly waitedMilliseconds: number;
  /** Image files that could not be decoded and were replaced by others, in order of their names' places; empty unless they are skipped. */
  readonly unreadable: readonly string[];
}

/**
 * Opens a loader of shuffled, augmented, normalised training batches, all of `batchSize` images.
 *
 * Throws an input error for a training set smaller than one batch and a usage error for options out of range.
 */
export function openBatchLoader(
  dataset: Pick<ImageDataset, 'name' | 'image' | 'train' | 'normalization'>,
  options: LoaderOptions,
): BatchLoader {
  const { batchSize, seed, workers = 1, ahead = 3, recycle = true } = options;
  checkWhole('batch size', batchSize, 1, 1 << 20);
  checkWhole('number of data workers', workers, 0, 64);
  checkWhole('number of batches prepared ahead', ahead, 1, 64);
  const { image, train, normalization } = dataset;
  const batchesPerEpoch = Math.floor(train.count / batchSize);
  if (batchesPerEpoch === 0) {
    throw inputError('fewer training images than one batch', {
      where: dataset.name,
      expected: `at least ${batchSize} (the batch size)`,
      received: `${train.count}`,
      hint: `choose a batch size of at most ${train.count}`,
    });
  }
  const augmentation = checkedAugmentation(options.augmentation ?? noAugmentation, image, train.kind);
  const recipe = { set: train, image, normalization, augmentation, seed };
  const source = workers === 0 ? inlineSource(recipe) : workerSource(recipe, workers);
  let [images, workMilliseconds, waitedMilliseconds] = [0, 0, 0];
  const unreadable = new Set<number>();
  const take = async (next: Promise<PreparedBatch> | undefined): Promise<PreparedBatch | undefined> => {
    const asked = performance.now();
    const batch = await next;
    waitedMilliseconds += performance.now() - asked;
    if (batch === undefined) return undefined;
    images += batch.size;
    workMilliseconds += batch.milliseconds;
    for (const place of batch.unreadable) unreadable.add(place);
    return batch;
  };

  async function* epochBatches(epoch: number, startBatch: number): AsyncGenerator<Batch, void, void> {
    const order = permutation(train.count, randomStream(seed, 'shuffle', epoch));
    const queue: Promise<PreparedBatch>[] = [];
    let asked = startBatch;
    // A failure is for whoever awaits the batch, who may be busy or gone when it happens.
    const ask = (): void => {
      const batch = source.prepare(epoch, order.slice(asked * batchSize, (asked + 1) * batchSize));
      batch.catch(() => undefined);
      queue.push(batch);
      asked++;
    };
    // Without workers, preparing ahead would only delay the first batch.
    const depth = workers === 0 ? 1 : ahead + 1;
    try {
      for (let taken = startBatch; taken < batchesPerEpoch; taken++) {
        while (asked < batchesPerEpoch && queue.length < depth) ask();
        const batch = await take(queue.shift());
        if (batch === undefined) return;
        yield batch;
        if (recycle) source.recycle(batch);
      }
    } finally {
      // Stopped early: what was prepared ahead is not needed, but its memory is.
      for (const batch of queue) void batch.then(source.recycle, () => undefined);
    }
  }

  return Object.freeze({
    batchesPerEpoch,
    epoch: (epoch: number, startBatch = 0) => {
      checkWhole('epoch', epoch, 0, Number.MAX_SAFE_INTEGER);
      checkWhole('first batch', startBatch, 0, batchesPerEpoch);
      return epochBatches(epoch, startBatch);
    },
    activity: () => ({
      images,
      imagesPerSecond: workMilliseconds === 0 ? 0 : (1000 * images * Math.max(1, workers)) / workMilliseconds,
      waitedMilliseconds,
      unreadable: namesOf(train, unreadable),
    }),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  });
}

/** The batches of one epoch, each with memory of its own; see {@link openBatchLoader}, which is the better choice for several epochs. */
export async function* trainingBatches(
  dataset: Pick<ImageDataset, 'name' | 'image' | 'train' | 'normalization'>,
  options: LoaderOptions & { readonly epoch: number; readonly startBatch?: number },
): AsyncGenerator<Batch, void, void> {
  await using loader = openBatchLoader(dataset, { recycle: false, ...options });
  yield* loader.epoch(options.epoch, options.startBatch);
}

function namesOf(set: ImageSet, places: ReadonlySet<number>): readonly string[] {
  if (set.kind !== 'encoded') return [];
  return [...places].sort((a, b) => a - b).map((place) => placeText(set.files, place));
}

/**
 * The images of a set that is held in memory in order, normalised and not augmented; the last batch may be smaller. Each batch has memory of its own.
 * {@link batchesInOrder} takes any set.
 */
export function* evaluationBatches(
  set: ByteImages | FloatImages,
  image: ImageShape,
  normalization: Normalization,
  batchSize: number,
): Generator<Batch, void, void> {
  checkWhole('batch size', batchSize, 1, 1 << 20);
  const recipe = { set, image, normalization, augmentation: noAugmentation, seed: 0 };
  for (const indices of inOrder(set.count, batchSize)) yield prepareBatch(recipe, 0, indices);
}

function inOrder(count: number, batchSize: number): readonly Uint32Array[] {
  return Array.from({ length: Math.ceil(count / batchSize) }, (_, batch) => {
    const start = batch * batchSize;
    return Uint32Array.from({ length: Math.min(batchSize, count - start) }, (_, place) => start + place);
  });
}

/** Batches prepared ahead of an evaluation: few, because it takes them faster than training does. */
const EVALUATION_AHEAD = 2;

/**
 * The images of any set in order, normalised and not augmented; the last batch may be smaller. Image files are decoded in a worker thread, ahead of their turn,
 * so that they are ready while ONNX Runtime blocks this thread. Each batch has memory of its own.
 *
 * @throws an input error for an image that cannot be decoded; where such images are skipped, they have the label −1.
 */
export async function* batchesInOrder(
  set: ImageSet,
  image: ImageShape,
  normalization: Normalization,
  batchSize: number,
): AsyncGenerator<Batch, void, void> {
  if (set.kind !== 'encoded') {
    yield* evaluationBatches(set, image, normalization, batchSize);
    return;
  }
  checkWhole('batch size', batchSize, 1, 1 << 20);
  const recipe = { set, image, normalization, augmentation: noAugmentation, seed: 0, evaluation: true };
  const waiting = inOrder(set.count, batchSize).values();
  await using source = workerSource(recipe, 1);
  const queue: Promise<PreparedBatch>[] = [];
  for (;;) {
    while (queue.length <= EVALUATION_AHEAD) {
      const next = waiting.next();
      if (next.done === true) break;
      const batch = source.prepare(0, next.value);
      // A failure is for whoever awaits the batch.
      batch.catch(() => undefined);
      queue.push(batch);
    }
    const batch = await queue.shift();
    if (batch === undefined) return;
    yield batch;
  }
}

function checkWhole(what: string, value: number, smallest: number, largest: number): void {
  if (Number.isInteger(value) && value >= smallest && value <= largest) return;
  throw usageError(`the ${what} is out of range`, {
    expected: `a whole number from ${smallest} to ${largest}`,
    received: String(value),
  });
}
