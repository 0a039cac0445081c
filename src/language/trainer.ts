import { median } from '../core/statistics.ts';
import type { TextCorpus } from '../data/text/corpus.ts';
import { trainingWindows } from '../data/text/windows.ts';
import type { LanguageModelSpec } from '../models/language-model.ts';
import type { Weights } from '../nn/layer-context.ts';
import type { OptimizerSpec } from '../optim/optimizer.ts';
import { learningRateAt, type ScheduleSpec } from '../optim/schedule.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { checkLoss } from '../train/check-loss.ts';
import type { Checkpoint } from '../train/checkpoint.ts';
import { openProgram, type LoweringChoice } from '../train/step-runner.ts';
import { initialTensors } from '../train/step-program.ts';
import type { TrainStore } from '../train/trainer.ts';
import { scoreText, type TextScore } from './perplexity.ts';
import { languageModelProgram, windowFeeds, type WindowSize } from './program.ts';
import { languageProgressFrom, languageState, type LanguageEpoch, type LanguageProgress } from './progress.ts';

/** Everything that decides how a language model is trained, but for the text, the model and the seed. Plain JSON. */
export interface LanguageRecipe extends WindowSize {
  readonly epochs: number;
  /** η₀ of the schedule. */
  readonly learningRate: number;
  readonly optimizer: OptimizerSpec;
  readonly schedule: ScheduleSpec;
  /** Largest global norm of the gradients; `null` leaves them as they are. */
  readonly clipNorm: number | null;
}

/** What a training tells while it goes on. */
export type LanguageEvent =
  | {
      readonly kind: 'start';
      readonly step: number;
      readonly totalSteps: number;
      readonly stepsPerEpoch: number;
      readonly lowering: string;
    }
  | {
      readonly kind: 'step';
      readonly step: number;
      readonly totalSteps: number;
      /** Counted from 1. */
      readonly epoch: number;
      readonly loss: number;
      /** Mean over the epoch so far. */
      readonly meanLoss: number;
      readonly tokensPerSecond: number;
      readonly learningRate: number;
    }
  | { readonly kind: 'evaluating'; readonly done: number; readonly count: number }
  | { readonly kind: 'epoch'; readonly record: LanguageEpoch }
  | { readonly kind: 'saved'; readonly step: number; readonly reason: 'best' | 'last' };

/** What {@link trainLanguageModel} needs; all of it but the runtime, the store and the callbacks decides the result. */
export interface LanguageTrainOptions {
  readonly spec: LanguageModelSpec;
  readonly corpus: TextCorpus;
  readonly recipe: LanguageRecipe;
  /** Decides initial weights and dropout. */
  readonly seed: number;
  readonly runtime: Runtime;
  /** Continue from here: the rest of the run is the same, bit for bit, as if it had not been cut. */
  readonly checkpoint?: Checkpoint;
  readonly store?: TrainStore;
  /** Save every so many steps besides the end of each epoch; a minute's worth of steps unless given. */
  readonly saveEverySteps?: number;
  /** When it aborts, the run saves and stops after the current step. */
  readonly signal?: AbortSignal;
  /** Called between steps; it should return soon. */
  readonly onEvent?: (event: LanguageEvent) => void;
  readonly lowering?: LoweringChoice;
}

/** How a training ended. */
export interface LanguageTrainResult {
  /** `interrupted` if the signal ended it early. */
  readonly status: 'finished' | 'interrupted';
  /** Parameters at the end, with the optimiser's and the carried state. */
  readonly weights: Weights;
  readonly epochs: readonly LanguageEpoch[];
  /** Median of the steps that were taken now; 0 where none was. */
  readonly tokensPerSecond: number;
}

/** About how many step records a run keeps, evenly spread. */
const RECORDED_STEPS = 400;
const SAVE_INTERVAL_MS = 60_000;

/**
 * Trains a language model on a text: contiguous windows with carried state, one graph run a step, the perplexity of the validation
 * text after each epoch.
 *
 * @throws an input error when the loss is no longer a number (with the step and what to try), when a window does not fit the text, or
 * when a store cannot save.
 */
export async function trainLanguageModel(options: LanguageTrainOptions): Promise<LanguageTrainResult> {
  const { spec, corpus, recipe, seed, runtime, store, signal } = options;
  const emit = options.onEvent ?? (() => undefined);
  const { batch, window } = recipe;
  const { splits, vocabulary } = corpus;
  const first = vocabulary.endOfSentence;
  const windows = trainingWindows(splits.train, batch, window, first);
  const program = languageModelProgram(spec, recipe, recipe);
  const tensors = options.checkpoint?.tensors ?? initialTensors(program, seed);
  await using runner = await openProgram(runtime, program, tensors, options.lowering ?? 'auto', seed);
  const length = { epochs: recipe.epochs, stepsPerEpoch: windows.count };
  const totalSteps = recipe.epochs * windows.count;
  const recordEvery = Math.max(1, Math.round(totalSteps / RECORDED_STEPS));

  let progress: LanguageProgress = languageProgressFrom(options.checkpoint);
  const times: number[] = [];
  let savedAt = performance.now();
  emit({
    kind: 'start',
    step: progress.step,
    totalSteps,
    stepsPerEpoch: windows.count,
    lowering: runner.lowering.kind,
  });

  const tokensPerSecond = (recent: readonly number[]): number =>
    recent.length === 0 ? 0 : (1000 * batch * window) / median(recent);
  const save = async (reason: 'best' | 'last', kept?: Weights): Promise<void> => {
    if (store === undefined) return;
    const { step, epoch, batch: next } = progress;
    const state = languageState(progress);
    await store.save(reason, { step, epoch, batch: next, tensors: kept ?? (await runner.tensors()), state });
    savedAt = performance.now();
    emit({ kind: 'saved', step, reason });
  };
  const finish = async (status: LanguageTrainResult['status']): Promise<LanguageTrainResult> =>
    Object.freeze({
      status,
      weights: await runner.tensors(),
      epochs: progress.epochs,
      tokensPerSecond: tokensPerSecond(times),
    });
  const rateOf = (step: number): number => learningRateAt(recipe.schedule, recipe.learningRate, step - 1, length);

  const takeStep = async (): Promise<void> => {
    const step = progress.step + 1;
    const epoch = progress.epoch + 1;
    const learningRate = rateOf(step);
    const started = performance.now();
    const outputs = await runner.step(
      windowFeeds(recipe, windows.at(progress.batch), progress.batch > 0),
      step,
      learningRate,
    );
    const passed = performance.now() - started;
    times.push(passed);
    const loss = Number(outputs['loss']?.data[0] ?? NaN);
    checkLoss(loss, { step, epoch, runtime });
    progress = {
      ...progress,
      step,
      batch: progress.batch + 1,
      lossSum: progress.lossSum + loss,
      milliseconds: progress.milliseconds + passed,
    };
    if (step % recordEvery === 0 || step === totalSteps)
      await store?.record([{ kind: 'step', step, epoch, loss, learningRate }]);
    emit({
      kind: 'step',
      step,
      totalSteps,
      epoch,
      loss,
      meanLoss: progress.lossSum / progress.batch,
      tokensPerSecond: tokensPerSecond(times.slice(-20)),
      learningRate,
    });
  };

  const closeEpoch = async (): Promise<void> => {
    const weights = await runner.tensors();
    const validation = await scoreText(
      runtime,
      spec,
      weights,
      { ids: splits.validation, first },
      {
        onProgress: (done, count) => {
          emit({ kind: 'evaluating', done, count });
        },
      },
    );
    const record: LanguageEpoch = Object.freeze({
      epoch: progress.epoch + 1,
      step: progress.step,
      trainLoss: progress.lossSum / progress.batch,
      validationLoss: validation.loss,
      learningRate: rateOf(progress.step),
      seconds: progress.milliseconds / 1000,
    });
    const improved = validation.loss < progress.bestLoss;
    progress = {
      ...progress,
      epoch: progress.epoch + 1,
      batch: 0,
      lossSum: 0,
      milliseconds: 0,
      bestLoss: Math.min(progress.bestLoss, validation.loss),
      epochs: [...progress.epochs, record],
    };
    await store?.record([{ kind: 'epoch', ...record }]);
    if (improved) await save('best', weights);
    await save('last', weights);
    emit({ kind: 'epoch', record });
  };

  const saveIsDue = (): boolean =>
    options.saveEverySteps === undefined
      ? performance.now() - savedAt > SAVE_INTERVAL_MS
      : progress.step % options.saveEverySteps === 0;
  const stopped = (): boolean => signal?.aborted === true;

  while (progress.epoch < recipe.epochs) {
    // A run can have been stopped between an epoch's last step and its evaluation.
    while (progress.batch < windows.count) {
      await takeStep();
      if (stopped()) {
        await save('last');
        return await finish('interrupted');
      }
      if (saveIsDue() && progress.batch < windows.count) await save('last');
    }
    await closeEpoch();
    if (stopped() && progress.epoch < recipe.epochs) return await finish('interrupted');
  }
  return await finish('finished');
}

/** The perplexity of the test text. */
export async function scoreTest(
  runtime: Runtime,
  spec: LanguageModelSpec,
  weights: Weights,
  corpus: TextCorpus,
): Promise<TextScore> {
  const { splits, vocabulary } = corpus;
  return await scoreText(runtime, spec, weights, { ids: splits.test, first: vocabulary.endOfSentence });
}
