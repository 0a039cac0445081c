import { defined, inputError } from '../core/errors.ts';
import { median } from '../core/statistics.ts';
import type { HostTensor } from '../core/tensor.ts';
import { openBatchLoader } from '../data/batches.ts';
import type { Batch, ImageDataset } from '../data/dataset.ts';
import { canAssign } from '../heads/assignment/codes.ts';
import type { Model } from '../heads/model.ts';
import type { Weights } from '../nn/layer-context.ts';
import { learningRateAt } from '../optim/schedule.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { assignClasses, type AssignmentRecord } from './assign-classes.ts';
import { checkLoss } from './check-loss.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { DecodingRate, EpochRecord, OnTrainEvent } from './events.ts';
import { judge, lossOf, type Judgement } from './judge.ts';
import type { MetricRecord } from './metrics.ts';
import { progressFrom, progressState, type Progress } from './progress.ts';
import type { Recipe } from './recipe.ts';
import type { LoweringChoice } from './step-runner.ts';
import { checkHeadFits, classesTask, trainingData, type TaskSpec } from './task.ts';
import { skippedIn } from './loss-scaling.ts';
import { openStage, type Stage } from './stage.ts';
import type { Teacher } from './training-program.ts';

/** Where a run keeps what it must not lose. `train` without a store keeps everything in memory. */
export interface TrainStore {
  /** Keeps metrics, in the order of the calls. */
  readonly record: (records: readonly MetricRecord[]) => Promise<void>;
  /** Keeps a checkpoint: the newest, or the one with the best validation accuracy. */
  readonly save: (reason: 'best' | 'last', checkpoint: Checkpoint) => Promise<void>;
}

/** What `train` needs; all of it but the runtime, the store and the callbacks decides the result. */
export interface TrainOptions {
  readonly model: Model;
  readonly dataset: ImageDataset;
  /** What the model learns to tell apart: the classes of the data unless given. */
  readonly task?: TaskSpec;
  readonly recipe: Recipe;
  /** Decides initial weights, shuffling and augmentation; with the same seed two heads see the same batches on the same backbone. */
  readonly seed: number;
  readonly runtime: Runtime;
  /** Continue from here: the rest of the run is the same, bit for bit, as if it had not been cut. */
  readonly checkpoint?: Checkpoint;
  readonly store?: TrainStore;
  /** Save every so many steps besides the end of each epoch; a minute's worth of steps unless given. */
  readonly saveEverySteps?: number;
  /** When it aborts, the run saves and stops after the current step. */
  readonly signal?: AbortSignal;
  readonly onEvent?: OnTrainEvent;
  readonly lowering?: LoweringChoice;
  /** A model whose answers are learned along with the labels, or instead of them. */
  readonly teacher?: Teacher;
  /** Threads that prepare batches (default 1; 0 for the calling thread). */
  readonly dataWorkers?: number;
}

/** How a training run ended. */
export interface TrainResult {
  /** `interrupted` if the signal ended it early. */
  readonly status: 'finished' | 'interrupted';
  /** The model as it was trained: the one that was asked for, its classes on the vectors that they were assigned to. */
  readonly model: Model;
  /** Parameters and running statistics at the end, with the optimiser's state. */
  readonly weights: Weights;
  readonly epochs: readonly EpochRecord[];
  /** Of the last epoch, on the validation set; `undefined` if no epoch was finished here. */
  readonly evaluation: Judgement | undefined;
  /** Median milliseconds of a training step, without the preparation of its batch. */
  readonly stepMilliseconds: number;
  /** α of each recorded step, before its update; empty for a head without a learned scale. */
  readonly scale: readonly { readonly step: number; readonly value: number }[];
  /** What each assignment of classes to class vectors did. */
  readonly assignments: readonly AssignmentRecord[];
  /** Steps of the whole run that changed nothing because gradients were not finite in 16-bit floats; 0 in float32. */
  readonly skippedSteps: number;
}

/** About how many step records a run keeps, evenly spread. */
const RECORDED_STEPS = 400;
const SAVE_INTERVAL_MS = 60_000;
/** So many halvings take the loss scale from 2¹⁶ to 2⁻¹⁶: it is not the scale that is wrong. */
const SKIPPED_IN_A_ROW = 32;

function checkSkips(inARow: number, step: number): void {
  if (inARow < SKIPPED_IN_A_ROW) return;
  throw inputError(`gradients were not finite in ${inARow} steps in a row, up to step ${step}`, {
    hint: 'the numbers of this training are too large for 16-bit floats: train without --precision mixed, or with a lower learning rate',
  });
}

/**
 * Trains a model: shuffled batches, one graph run a step, validation after each epoch.
 *
 * @throws an input error when the loss is no longer a number (with the step and what to try), when gradients do not fit 16-bit floats, or when a store cannot save; a
 * usage error for a head with another number of classes than the task.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { model, dataset, recipe, seed, runtime, store, signal } = options;
  const emit: OnTrainEvent = options.onEvent ?? (() => undefined);
  const task = options.task ?? classesTask;
  checkHeadFits(model, task, dataset);
  await using loader = openBatchLoader(trainingData(task, dataset), {
    batchSize: recipe.batchSize,
    seed,
    augmentation: recipe.augmentation,
    workers: options.dataWorkers ?? 1,
  });
  await using stage = await openStage(options, model, options.checkpoint?.tensors);
  const stepsPerEpoch = loader.batchesPerEpoch;
  const length = { epochs: recipe.epochs, stepsPerEpoch };
  const totalSteps = recipe.epochs * stepsPerEpoch;
  const recordEvery = Math.max(1, Math.round(totalSteps / RECORDED_STEPS));

  let progress: Progress = progressFrom(options.checkpoint);
  let evaluation: Judgement | undefined;
  const times: number[] = [];
  let [skippedBefore, skippedInARow] = [skippedIn(options.checkpoint?.tensors), 0];
  let savedAt = performance.now();
  emit({ kind: 'start', step: progress.step, totalSteps, stepsPerEpoch, lowering: stage.lowering });

  const save = async (reason: 'best' | 'last', tensors?: ReadonlyMap<string, HostTensor>): Promise<void> => {
    if (store === undefined) return;
    const { step, epoch, batch } = progress;
    await store.save(reason, {
      step,
      epoch,
      batch,
      tensors: tensors ?? (await stage.tensors()),
      state: progressState(progress),
    });
    savedAt = performance.now();
    emit({ kind: 'saved', step, reason });
  };
  const finish = async (status: TrainResult['status']): Promise<TrainResult> => {
    const weights = await stage.tensors();
    return Object.freeze({
      status,
      model: stage.model(),
      weights,
      epochs: progress.epochs,
      evaluation,
      stepMilliseconds: median(times),
      scale: progress.scale,
      assignments: progress.assignments,
      skippedSteps: skippedIn(weights),
    });
  };

  // Since the epoch began.
  let [epochStarted, waitedBefore] = [performance.now(), 0];
  const told = new Set<string>();
  const decodingRate = (): DecodingRate | undefined => {
    if (dataset.train.kind !== 'encoded') return undefined;
    const { imagesPerSecond, waitedMilliseconds } = loader.activity();
    const passed = performance.now() - epochStarted;
    return { imagesPerSecond, waiting: Math.min(1, (waitedMilliseconds - waitedBefore) / Math.max(passed, 1)) };
  };
  const tellUnreadable = (): void => {
    const files = loader.activity().unreadable.filter((file) => !told.has(file));
    if (files.length > 0) emit({ kind: 'unreadable', files });
    for (const file of files) told.add(file);
  };

  const takeStep = async (batch: Batch): Promise<void> => {
    const step = progress.step + 1;
    const epoch = progress.epoch + 1;
    const learningRate = learningRateAt(recipe.schedule, recipe.learningRate, step - 1, length);
    const started = performance.now();
    const { loss, correct, scale, skipped } = await stage.step(batch, step, learningRate);
    times.push(performance.now() - started);
    checkLoss(loss, { step, epoch, runtime, precision: recipe.precision ?? 'float32' });
    skippedInARow = skipped > skippedBefore ? skippedInARow + 1 : 0;
    skippedBefore = skipped;
    checkSkips(skippedInARow, step);
    const recorded = step % recordEvery === 0 || step === totalSteps;
    progress = {
      ...progress,
      step,
      batch: progress.batch + 1,
      lossSum: progress.lossSum + loss,
      correctSum: progress.correctSum + correct,
      scale: recorded && scale !== undefined ? [...progress.scale, { step, value: scale }] : progress.scale,
    };
    if (recorded) {
      const accuracy = correct / recipe.batchSize;
      await store?.record([{ kind: 'step', step, epoch, loss, accuracy, learningRate, scale: scale ?? null }]);
    }
    const accuracy = progress.correctSum / (progress.batch * recipe.batchSize);
    const imagesPerSecond = (1000 * recipe.batchSize) / median(times.slice(-20));
    const decoding = decodingRate();
    const event = {
      kind: 'step',
      step,
      totalSteps,
      epoch,
      loss,
      accuracy,
      imagesPerSecond,
      learningRate,
      scale,
      ...(recipe.precision === 'mixed' ? { skipped } : {}),
    } as const;
    emit(decoding === undefined ? event : { ...event, decoding });
  };

  const closeEpoch = async (): Promise<void> => {
    const learningRate = learningRateAt(recipe.schedule, recipe.learningRate, progress.step - 1, length);
    const ended = await endEpoch(options, stage, progress, learningRate);
    const { record, tensors } = ended;
    evaluation = ended.evaluation;
    const improved = record.validationAccuracy > progress.bestAccuracy;
    progress = {
      ...progress,
      epoch: progress.epoch + 1,
      batch: 0,
      lossSum: 0,
      correctSum: 0,
      epochs: [...progress.epochs, record],
      bestAccuracy: Math.max(progress.bestAccuracy, record.validationAccuracy),
    };
    await store?.record([{ kind: 'epoch', ...record }]);
    if (improved) await save('best', tensors);
    await save('last', tensors);
    emit({ kind: 'epoch', record, evaluation });
  };

  /** Before the first step of an epoch that the recipe names; whether there was something to do. What came of it is saved at once. */
  const assign = async (): Promise<boolean> => {
    const { epoch, step } = progress;
    const due = recipe.assignment.includes(epoch) && !progress.assignments.some((done) => done.epoch === epoch);
    if (!due || progress.batch > 0 || !canAssign(model.head.spec)) return false;
    const weights = await stage.tensors();
    const data = trainingData(task, dataset);
    const found = await assignClasses(runtime, stage.model(), weights, data, epoch, (part, done, count) => {
      emit({ kind: 'assigning', stage: part, done, count });
    });
    await stage.continueWith(found.model);
    progress = { ...progress, assignments: [...progress.assignments, found.record] };
    const { before, after } = found.record;
    await store?.record([{ kind: 'assignment', step, epoch, assignment: { before, after } }]);
    await save('last');
    emit({ kind: 'assigned', record: found.record });
    return true;
  };

  const saveIsDue = (): boolean =>
    options.saveEverySteps === undefined
      ? performance.now() - savedAt > SAVE_INTERVAL_MS
      : progress.step % options.saveEverySteps === 0;
  const stopped = (): boolean => signal?.aborted === true;

  while (progress.epoch < recipe.epochs) {
    if ((await assign()) && stopped()) return await finish('interrupted');
    // A run can have been stopped between an epoch's last step and its evaluation.
    if (progress.batch < stepsPerEpoch) {
      epochStarted = performance.now();
      waitedBefore = loader.activity().waitedMilliseconds;
      for await (const batch of loader.epoch(progress.epoch, progress.batch)) {
        await takeStep(batch);
        if (stopped()) {
          await save('last');
          return await finish('interrupted');
        }
        if (saveIsDue() && progress.batch < stepsPerEpoch) await save('last');
      }
    }
    tellUnreadable();
    await closeEpoch();
    if (stopped() && progress.epoch < recipe.epochs) return await finish('interrupted');
  }
  return await finish('finished');
}

interface EndedEpoch {
  readonly record: EpochRecord;
  readonly evaluation: Judgement;
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

async function endEpoch(
  options: TrainOptions,
  stage: Stage,
  progress: Progress,
  learningRate: number,
): Promise<EndedEpoch> {
  const { dataset, recipe, runtime, onEvent, task = classesTask } = options;
  const tensors = await stage.tensors();
  const evaluation = await judge(task, runtime, stage.model(), tensors, dataset, {
    onProgress: (done, count) => onEvent?.({ kind: 'evaluating', done, count }),
    where: `epoch ${progress.epoch + 1}`,
  });
  const record: EpochRecord = {
    epoch: progress.epoch + 1,
    step: progress.step,
    trainLoss: progress.lossSum / progress.batch,
    trainAccuracy: progress.correctSum / (progress.batch * recipe.batchSize),
    validationLoss: lossOf(evaluation),
    validationAccuracy: evaluation.accuracy,
    learningRate,
  };
  return { record: Object.freeze(record), evaluation, tensors };
}

/** The record of the last finished epoch. */
export function lastEpoch(result: Pick<TrainResult, 'epochs'>): EpochRecord {
  return defined(result.epochs.at(-1), 'a finished epoch');
}
