import { inputError } from '../core/errors.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import type { Model } from '../heads/model.ts';
import type { Weights } from '../nn/layer-context.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { evaluateModel, type Evaluation } from './evaluate.ts';
import { featuresFrom } from './features.ts';
import { featuresGraph } from './inference-graph.ts';
import { knnAccuracy, type KnnEvaluation } from './knn.ts';
import type { TaskSpec } from './task.ts';

/** How a model does on the validation images: as a classifier, or by the neighbours of its features. */
export type Judgement = Evaluation | KnnEvaluation;

/** The mean cross-entropy on the validation images in nats; `null` where images have no class to be right about. */
export function lossOf(judgement: Judgement): number | null {
  return 'loss' in judgement ? judgement.loss : null;
}

/** What a judgement may report while it goes on. */
export interface JudgeOptions {
  /** Called with the number of images done and of all: for neighbours, the training images as well. */
  readonly onProgress?: (done: number, count: number) => void;
  /** When in the training it is, for errors: `epoch 3`. */
  readonly where?: string;
}

/**
 * Judges a model with given weights on the validation images by what its task asks for.
 *
 * @throws an input error where the loss or a feature is not a number: training diverged.
 */
export async function judge(
  task: TaskSpec,
  runtime: Runtime,
  model: Model,
  weights: Weights,
  dataset: ImageDataset,
  { onProgress, where }: JudgeOptions = {},
): Promise<Judgement> {
  const { train, validation } = dataset;
  switch (task.kind) {
    case 'classes': {
      const evaluation = await evaluateModel(runtime, model, weights, dataset, validation, {
        onProgress: (done) => onProgress?.(done, validation.count),
      });
      if (Number.isFinite(evaluation.loss)) return evaluation;
      throw inputError(`the validation loss became ${evaluation.loss}`, {
        ...(where === undefined ? {} : { where }),
        hint: 'training diverged: lower the learning rate (--lr) or add warm-up (--warmup); earlier checkpoints are whole',
      });
    }
    case 'instance': {
      const count = train.count + 2 * validation.count;
      const after = (before: number) => ({ onProgress: (done: number) => onProgress?.(before + done, count) });
      await using session = await runtime.createSession(toOnnx(featuresGraph(model, weights)), 'inference');
      const bank = await featuresFrom(session, dataset, train, after(0));
      const queries = await featuresFrom(session, dataset, validation, after(train.count));
      const { neighbours, temperature } = task;
      return await knnAccuracy(runtime, bank, queries, {
        neighbours,
        temperature,
        ...after(train.count + validation.count),
      });
    }
    default:
      return task satisfies never;
  }
}
