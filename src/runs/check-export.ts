import { FixheadError, inputError } from '../core/errors.ts';
import { createLargest } from '../core/largest.ts';
import { randomStream } from '../core/random.ts';
import { float32, type HostTensor } from '../core/tensor.ts';
import { batchesInOrder } from '../data/batches.ts';
import type { ImageDataset, ImageSet } from '../data/dataset.ts';
import { identityNormalization } from '../data/normalization.ts';
import { firstImages } from '../data/split.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import type { Model } from '../heads/model.ts';
import type { Weights } from '../nn/layer-context.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { evaluationBatchSize } from '../train/evaluate.ts';
import { evaluationGraph } from '../train/inference-graph.ts';
import { openHead, readHead } from '../wasm/index.ts';
import type { TrainConfig } from './config.ts';
import { COMPARED_IMAGES, isFeatures, LARGEST_PROBABILITY_CHANGE } from './export.ts';
import { reopenDataset, type OpenChoiceOptions } from './prepare.ts';

/** A trained model with images to compare it on with what was exported of it. */
export interface ExportTest {
  readonly runtime: Runtime;
  readonly model: Model;
  readonly weights: Weights;
  readonly data: Pick<ImageDataset, 'image' | 'normalization' | 'validation'>;
}

/** The images of a comparison. */
export interface ComparisonImages extends Pick<ImageDataset, 'image' | 'normalization' | 'validation'> {
  /** `noise` where the run's own data is not to be had. */
  readonly source: 'validation' | 'noise';
}

const NOISE_IMAGES = 64;

function noise({ channels, height, width }: ImageDataset['image']): ImageSet {
  const random = randomStream(0, 'export-comparison');
  const length = NOISE_IMAGES * channels * height * width;
  const [count, labels] = [NOISE_IMAGES, new Int32Array(NOISE_IMAGES)];
  if (isFeatures({ channels, height, width })) {
    return { kind: 'floats', count, values: Float32Array.from({ length }, random.normal), labels };
  }
  return { kind: 'bytes', count, pixels: Uint8Array.from({ length }, () => random.integer(256)), labels };
}

/** The first validation images of a run, or noise where its data is gone or has changed, which `log` is told. */
export async function comparisonImages(
  config: TrainConfig,
  options: OpenChoiceOptions,
  log: (line: string) => void,
): Promise<ComparisonImages> {
  const { image, normalization } = config;
  try {
    const { validation } = await reopenDataset(config, options);
    const some = firstImages(validation, image, COMPARED_IMAGES);
    return { image, normalization, validation: some, source: 'validation' };
  } catch (error) {
    if (!(error instanceof FixheadError) || error.kind === 'internal') throw error;
    log(`note: compared on noise, because the run’s images cannot be had: ${error.message}`);
    return { image, normalization, validation: noise(image), source: 'noise' };
  }
}

/** p(1 − p) ≤ ¼: a probability changes by at most a quarter of what a logit does. */
const LARGEST_LOGIT_CHANGE = 4 * LARGEST_PROBABILITY_CHANGE;

/** Of logits that are so large that this is more, rounding over many layers takes as large a share. */
const LARGEST_SHARE = 1e-4;

const close = (a = NaN, b = NaN): boolean => Math.abs(a - b) <= LARGEST_LOGIT_CHANGE + LARGEST_SHARE * Math.abs(a);

function disagreement(expected: string, received: string): FixheadError {
  return inputError('the exported model does not agree with the trained one', { expected, received });
}

/** Hands over all logits of the trained model, batch by batch, with the same images as pixels in 0 … 1. */
async function eachBatch(
  { runtime, model, weights, data }: ExportTest,
  compare: (logits: Float32Array, pixels: HostTensor<'float32'>) => Promise<void>,
): Promise<void> {
  const { image, normalization, validation } = data;
  const size = evaluationBatchSize(model.head.classes);
  await using own = await runtime.createSession(toOnnx(evaluationGraph(model, weights)), 'inference');
  const { mean, std } = normalization;
  for await (const pixels of batchesInOrder(validation, image, identityNormalization(image.channels), size)) {
    const shape = [pixels.size, image.channels, image.height, image.width];
    const plane = image.height * image.width;
    const normalized = pixels.images.map((value, place) => {
      const channel = Math.floor(place / plane) % image.channels;
      return (value - (mean[channel] ?? 0)) / (std[channel] ?? 1);
    });
    const { logits } = await own.run({ images: float32(shape, normalized) });
    await compare(floats(logits, 'logits'), float32(shape, pixels.images));
  }
}

/**
 * Compares all logits of what was exported with the trained model's.
 *
 * @param logitsOf logits `[batch, classes]` of images `[batch, channels, height, width]` with pixels in 0 … 1
 * @throws an input error where they differ by more than float32 rounding explains.
 */
export async function checkLogits(
  test: ExportTest,
  logitsOf: (images: HostTensor<'float32'>) => Promise<Float32Array>,
): Promise<void> {
  await eachBatch(test, async (own, images) => {
    const exported = await logitsOf(images);
    const wrong = own.findIndex((logit, index) => !close(logit, exported[index]));
    if (wrong < 0) return;
    const place = wrong % test.model.head.classes;
    throw disagreement(
      `logit ${String(own[wrong])} of class ${place}, give or take ${LARGEST_LOGIT_CHANGE}`,
      String(exported[wrong]),
    );
  });
}

/** {@link checkLogits} of a model in one file. */
export async function checkModel(test: ExportTest, bytes: Uint8Array): Promise<void> {
  await using session = await test.runtime.createSession(bytes, 'inference');
  await checkLogits(test, async (images) => floats((await session.run({ images }))['logits'], 'logits'));
}

/** {@link checkLogits} of a backbone and its head's JSON text, run as a web page does it: the head in WebAssembly. */
export async function checkSplit(test: ExportTest, backbone: Uint8Array, headText: string): Promise<void> {
  await using session = await test.runtime.createSession(backbone, 'inference');
  using head = await openHead(readHead(JSON.parse(headText)));
  await checkLogits(test, async (images) =>
    head.logits(floats((await session.run({ images }))['features'], 'features')),
  );
}

/**
 * Runs a model that gives its k best classes and compares them with all logits of the trained one.
 *
 * @throws an input error for classes that are not the best, logits that are not theirs, or an order that is not descending, beyond
 * what float32 rounding explains.
 */
export async function checkTopClasses(test: ExportTest, bytes: Uint8Array, k: number): Promise<void> {
  await using session = await test.runtime.createSession(bytes, 'inference');
  const { classes } = test.model.head;
  await eachBatch(test, async (own, images) => {
    const top = await session.run({ images });
    const [chosen, logits] = [wholes(top['classes']), floats(top['logits'], 'logits')];
    for (let row = 0; row < own.length / classes; row++) {
      const all = own.subarray(row * classes, (row + 1) * classes);
      checkRow(all, chosen.slice(row * k, (row + 1) * k), logits.subarray(row * k, (row + 1) * k));
    }
  });
}

function checkRow(all: Float32Array, chosen: readonly number[], logits: Float32Array): void {
  const best = createLargest(chosen.length);
  best.offer(all);
  const { values } = best.ranked();
  const right = chosen.map(
    (place, rank) =>
      close(all[place], logits[rank]) &&
      close(values[rank], logits[rank]) &&
      (rank === 0 || (logits[rank - 1] ?? NaN) >= (logits[rank] ?? NaN)),
  );
  if (right.every(Boolean) && new Set(chosen).size === chosen.length) return;
  throw disagreement(
    `the classes of the logits ${Array.from(values.subarray(0, 5), (value) => value.toFixed(3)).join(', ')}`,
    `classes ${chosen.slice(0, 5).join(', ')}`,
  );
}

function floats(value: HostTensor | undefined, name: string): Float32Array {
  if (value?.dtype === 'float32') return value.data;
  throw inputError('the exported model gives something else', { where: name, expected: 'float32' });
}

function wholes(value: HostTensor | undefined): readonly number[] {
  if (value?.dtype === 'int64') return Array.from(value.data, Number);
  throw inputError('the exported model gives something else', { where: 'classes', expected: 'int64' });
}
