import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { inputError } from '../core/errors.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { modelTensors, type Model } from '../heads/model.ts';
import { initialBuffer, type Weights } from '../nn/layer-context.ts';
import { initialValues } from '../nn/parameters.ts';
import { float32 } from '../core/tensor.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { codeOf, writeFileAtomically } from '../train/atomic.ts';
import { featuresOf, pixelFeatures } from '../train/features.ts';
import { decodeJson } from '../train/json.ts';
import { knnAccuracy, type KnnEvaluation, type NeighbourScore } from '../train/knn.ts';
import type { NeighbourVote } from '../train/task.ts';

/** What features must beat on the same images and with the same vote. */
export interface NeighbourBaselines {
  /** The normalised pixels themselves. */
  readonly pixels: NeighbourScore;
  /** The features of the network before its first step. */
  readonly untrained: NeighbourScore;
}

const score = ({ accuracy, nearest }: KnnEvaluation): NeighbourScore => Object.freeze({ accuracy, nearest });

/** A model's parameters and running statistics as training starts with them. */
function initialWeights(model: Model, seed: number): Weights {
  const { parameters, buffers } = modelTensors(model);
  return new Map([
    ...parameters.map((spec) => [spec.name, float32(spec.shape, initialValues(spec, seed))] as const),
    ...buffers.map((spec) => [spec.name, initialBuffer(spec)] as const),
  ]);
}

/** What baselines are measured on. */
export interface BaselineRequest {
  readonly runtime: Runtime;
  readonly model: Model;
  readonly seed: number;
  readonly dataset: ImageDataset;
  readonly vote: NeighbourVote;
  /** What another run on the same data has measured already. */
  readonly known?: Partial<NeighbourBaselines>;
  readonly signal?: AbortSignal;
}

/** The k-nearest-neighbour accuracy of raw pixels and of the untrained network, on a dataset's own split. */
export async function neighbourBaselines(request: BaselineRequest): Promise<NeighbourBaselines> {
  const { runtime, model, seed, dataset, vote, known = {}, signal } = request;
  const { train, validation } = dataset;
  const options = { ...vote, ...(signal === undefined ? {} : { signal }) };
  const ofPixels = async (): Promise<NeighbourScore> =>
    score(
      await knnAccuracy(
        runtime,
        await pixelFeatures(dataset, train),
        await pixelFeatures(dataset, validation),
        options,
      ),
    );
  const ofUntrained = async (): Promise<NeighbourScore> => {
    const weights = initialWeights(model, seed);
    const bank = await featuresOf(runtime, model, weights, dataset, train);
    return score(
      await knnAccuracy(runtime, bank, await featuresOf(runtime, model, weights, dataset, validation), options),
    );
  };
  return Object.freeze({
    pixels: known.pixels ?? (await ofPixels()),
    untrained: known.untrained ?? (await ofUntrained()),
  });
}

const share = z.number().min(0).max(1);
const scoreShape = z.object({ accuracy: share, nearest: share });
const shape = z.object({ pixels: scoreShape, untrained: scoreShape });

/** Baselines as a run keeps them. @throws an input error where the disk is full or broken. */
export async function writeBaselines(path: string, baselines: NeighbourBaselines): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify(baselines, undefined, 2)}\n`);
}

/** The baselines that a run has measured, or `undefined` where there are none yet. @throws an input error for a damaged file. */
export async function readBaselines(path: string): Promise<NeighbourBaselines | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const result = shape.safeParse(decodeJson(text));
  if (result.success) return result.data;
  throw inputError('the baselines of this run are damaged', {
    where: path,
    hint: 'remove the file; going on with the run measures them again',
  });
}
