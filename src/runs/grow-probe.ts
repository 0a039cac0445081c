import { defined, inputError } from '../core/errors.ts';
import { float32 } from '../core/tensor.ts';
import { batchesInOrder } from '../data/batches.ts';
import type { ImageSet } from '../data/dataset.ts';
import { sampleIndices } from '../data/normalization.ts';
import { takeImages } from '../data/split.ts';
import { createBuilder } from '../graph/builder.ts';
import { checkGraph } from '../graph/check.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import type { Geometry } from '../heads/geometry.ts';
import { createLayerContext } from '../nn/layer-context.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { probeGraph, type StoredHead } from '../surgery/index.ts';
import { evaluationBatchSize } from '../train/evaluate.ts';
import { channelsLast, imageInputOf, type ClassifierFile, type OpenClassifier } from './classifier-file.ts';
import type { Probed } from './grow-choose.ts';

/** Images of one group that a class vector is chosen by, at most, and the numbers that their features take: 64 MB. */
const MOST_IMAGES = 20_000;
const MOST_NUMBERS = 2 ** 24;

/** What probing needs besides the model. */
export interface ProbeOptions {
  readonly runtime: Runtime;
  readonly signal?: AbortSignal;
  /** Called with what is looked at and the number of images done and of all. */
  readonly onProgress?: (what: string, done: number, count: number) => void;
}

/**
 * The features and best logits of several groups of images, a sample of those with very many.
 *
 * @param given how the model takes its images
 * @throws an input error where none of a group's images can be decoded.
 */
export async function probeSets(
  file: ClassifierFile,
  stored: StoredHead,
  given: OpenClassifier,
  sets: readonly { readonly what: string; readonly set: ImageSet }[],
  { runtime, signal, onProgress }: ProbeOptions,
): Promise<readonly Probed[]> {
  const { image, normalization, classes } = given;
  const { input, layout } = imageInputOf(file, image);
  const probe = probeGraph(stored);
  const { features: size } = stored.model.head;
  const most = Math.max(1, Math.min(MOST_IMAGES, Math.floor(MOST_NUMBERS / size)));
  await using session = await runtime.createSession(toOnnx(probe.graph), 'inference');

  const probed = async (what: string, all: ImageSet): Promise<Probed> => {
    const set = all.count <= most ? all : takeImages(all, image, sampleIndices(all.count, most));
    const features = new Float32Array(set.count * size);
    const best = new Float32Array(set.count);
    const correct = new Uint8Array(set.count);
    let [count, done] = [0, 0];
    const batchSize = given.batchSize ?? evaluationBatchSize(classes);
    for await (const batch of batchesInOrder(set, image, normalization, batchSize)) {
      signal?.throwIfAborted();
      const images = float32([batch.size, image.channels, image.height, image.width], batch.images);
      const outputs = await session.run({ [input]: layout === 'NHWC' ? channelsLast(images) : images });
      const [rows, logits] = [defined(outputs[probe.features], 'features'), defined(outputs[probe.logits], 'logits')];
      for (const [index, label] of batch.labels.entries()) {
        if (label < 0) continue;
        let own = 0;
        for (let k = 1; k < classes; k++) {
          if (Number(logits.data[index * classes + k]) > Number(logits.data[index * classes + own])) own = k;
        }
        for (let k = 0; k < size; k++) features[count * size + k] = Number(rows.data[index * size + k]);
        best[count] = Number(logits.data[index * classes + own]);
        correct[count] = own === label ? 1 : 0;
        count++;
      }
      done += batch.size;
      onProgress?.(what, done, set.count);
    }
    if (count === 0) throw inputError('none of the images can be decoded', { where: what });
    return { count, features: features.subarray(0, count * size), best: best.subarray(0, count), correct };
  };

  const results: Probed[] = [];
  for (const { what, set } of sets) results.push(await probed(what, set));
  return results;
}

/** The cosines of mean features `[N]` with all vectors of a pool, by its fast product. */
export async function cosinesWith(runtime: Runtime, pool: Geometry, mean: Float32Array): Promise<Float32Array> {
  const b = createBuilder('cosines');
  const means = b.input('means', 'float32', [1, pool.features]);
  b.output(pool.product(createLayerContext(b, new Map()), means), 'cosines');
  await using session = await runtime.createSession(toOnnx(checkGraph(b.build(), 'cosines graph')), 'inference');
  const { cosines } = await session.run({ means: float32([1, mean.length], mean) });
  return Float32Array.from(defined(cosines, 'cosines').data, Number);
}
