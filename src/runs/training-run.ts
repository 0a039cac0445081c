import { readFile, stat } from 'node:fs/promises';
import type { ImageDataset } from '../data/dataset.ts';
import { countParameters, modelTensors, type Model, type ParameterCounts } from '../heads/model.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { codeOf, writeFileAtomically } from '../train/atomic.ts';
import {
  checkCheckpointFits,
  checkIdentity,
  readCheckpoint,
  writeCheckpoint,
  type Checkpoint,
  type ModelIdentity,
} from '../train/checkpoint.ts';
import { evaluateModel, type Evaluation } from '../train/evaluate.ts';
import type { OnTrainEvent } from '../train/events.ts';
import { openMetrics, truncateMetrics } from '../train/metrics.ts';
import { createRun, lockRun, type LockedRun } from '../train/run-folder.ts';
import { selfTest } from '../train/self-test.ts';
import { train, type TrainResult } from '../train/trainer.ts';
import { trainingProgram } from '../train/training-program.ts';
import { storedConfig, trainConfigOf, type TrainConfig, type TrainSettings } from './config.ts';
import { checkExported, exportModel } from './export.ts';
import {
  absoluteChoice,
  fittingRecipe,
  modelFor,
  openChoice,
  reopenDataset,
  type OpenChoiceOptions,
} from './prepare.ts';

/** What a run needs besides its settings; nothing here changes its result but the rounding of another device. */
export interface RunOptions extends OpenChoiceOptions {
  readonly runtime: Runtime;
  readonly signal?: AbortSignal;
  readonly onEvent?: OnTrainEvent;
  readonly saveEverySteps?: number;
  readonly dataWorkers?: number;
  /** Receives one line for each decision that a reader should know about. */
  readonly log?: (line: string) => void;
}

/** A finished or interrupted run with what its folder holds. */
export interface TrainedRun {
  readonly folder: string;
  readonly config: TrainConfig;
  readonly model: Model;
  readonly dataset: ImageDataset;
  readonly result: TrainResult;
  readonly parameters: ParameterCounts;
  /** Of the last epoch; `undefined` for an interrupted run. */
  readonly evaluation: Evaluation | undefined;
  /** Size of `model.onnx`; 0 for an interrupted run. */
  readonly exportedBytes: number;
}

function identityOf(model: Model, fingerprint: string): ModelIdentity {
  const parameters = new Map(modelTensors(model).parameters.map(({ name, shape }) => [name, shape] as const));
  return { model: model.name, head: model.head.name, dataset: fingerprint, parameters };
}

/** Trains in a run folder from where its checkpoint stands, and exports the model at the end. */
async function trainInFolder(
  run: LockedRun,
  dataset: ImageDataset,
  checkpoint: Checkpoint | undefined,
  options: RunOptions,
): Promise<TrainedRun> {
  const config = trainConfigOf(run);
  const { paths } = run;
  const model = modelFor(config.model, config.head, dataset);
  const identity = identityOf(model, config.fingerprint);
  await selfTest(options.runtime, options.log);
  const result = await trainWithMetrics();
  const evaluation = result.status === 'finished' ? await finalEvaluation() : undefined;
  const exportedBytes = evaluation === undefined ? 0 : await writeExport(evaluation);
  return Object.freeze({
    folder: paths.folder,
    config,
    model,
    dataset,
    result: await withStoredStepTime(),
    parameters: countParameters(modelTensors(model)),
    evaluation,
    exportedBytes,
  });

  async function trainWithMetrics(): Promise<TrainResult> {
    await using metrics = await openMetrics(paths.metrics);
    return await train({
      model,
      dataset,
      recipe: config.recipe,
      seed: config.seed,
      runtime: options.runtime,
      lowering: config.lowering,
      store: {
        record: (records) => metrics.append(...records),
        save: async (reason, saved) => {
          await metrics.flush();
          await writeCheckpoint(reason === 'best' ? paths.best : paths.last, saved, identity);
        },
      },
      ...(checkpoint === undefined ? {} : { checkpoint }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
      ...(options.saveEverySteps === undefined ? {} : { saveEverySteps: options.saveEverySteps }),
      ...(options.dataWorkers === undefined ? {} : { dataWorkers: options.dataWorkers }),
    });
  }

  async function finalEvaluation(): Promise<Evaluation> {
    return (
      result.evaluation ?? (await evaluateModel(options.runtime, model, result.weights, dataset, dataset.validation))
    );
  }

  async function writeExport(own: Evaluation): Promise<number> {
    const bytes = exportModel(model, result.weights, dataset);
    await checkExported(options.runtime, bytes, dataset, own);
    await writeFileAtomically(paths.model, bytes);
    await writeFileAtomically(paths.labels, `${JSON.stringify(dataset.classes, undefined, 2)}\n`);
    return bytes.byteLength;
  }

  /** A run that was finished earlier takes no steps now: its step time is the one it measured then. */
  async function withStoredStepTime(): Promise<TrainResult> {
    if (result.stepMilliseconds > 0) {
      await writeFileAtomically(paths.timing, `${JSON.stringify({ stepMilliseconds: result.stepMilliseconds })}\n`);
      return result;
    }
    const stored = await readFile(paths.timing, 'utf8').then(
      (text) => Number((JSON.parse(text) as { stepMilliseconds?: unknown }).stepMilliseconds),
      () => 0,
    );
    return { ...result, stepMilliseconds: Number.isFinite(stored) ? stored : 0 };
  }
}

/** The settings with what the opened data adds. */
export function completeConfig(
  settings: TrainSettings,
  dataset: ImageDataset,
  log: (line: string) => void,
): TrainConfig {
  return {
    ...settings,
    dataset: absoluteChoice(settings.dataset),
    recipe: fittingRecipe(settings.recipe, dataset, log),
    fingerprint: dataset.fingerprint,
    classes: dataset.classes,
    image: dataset.image,
    normalization: dataset.normalization,
  };
}

/**
 * Trains a model in a new run folder.
 *
 * @throws a usage error for unknown names, a head without room for the classes or a folder that is taken; an input error for bad
 * data, a full disk or diverging training.
 */
export async function startTraining(
  folder: string,
  settings: TrainSettings,
  options: RunOptions & { readonly overwrite?: boolean },
): Promise<TrainedRun> {
  const dataset = await openChoice(settings.dataset, options);
  return await startTrainingOn(dataset, folder, settings, options);
}

/** `startTraining` on data that is open already. */
export async function startTrainingOn(
  dataset: ImageDataset,
  folder: string,
  settings: TrainSettings,
  options: RunOptions & { readonly overwrite?: boolean },
): Promise<TrainedRun> {
  const config = completeConfig(settings, dataset, options.log ?? (() => undefined));
  // Names and sizes are checked before the folder exists.
  trainingProgram(modelFor(config.model, config.head, dataset), config.recipe);
  await using run = await createRun(folder, storedConfig('train', config), { overwrite: options.overwrite ?? false });
  return await trainInFolder(run, dataset, undefined, options);
}

/** What a run's last checkpoint holds, or `undefined` if it was cut before the first one. */
async function lastCheckpoint(run: LockedRun, model: Model, config: TrainConfig): Promise<Checkpoint | undefined> {
  const exists = await stat(run.paths.last).then(
    () => true,
    (error: unknown) => {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    },
  );
  if (!exists) return undefined;
  const stored = await readCheckpoint(run.paths.last);
  checkIdentity(stored, identityOf(model, config.fingerprint));
  const expected = trainingProgram(model, config.recipe).state.flatMap(({ parts }) =>
    parts.map(({ key, shape }) => [key, shape] as const),
  );
  checkCheckpointFits(stored, new Map(expected));
  return stored.checkpoint;
}

/**
 * Goes on with a run from its last checkpoint; the result is bit for bit that of an uncut run. A finished run is evaluated again.
 *
 * @throws an input error if the folder is no training run, another process has it, the data has changed, or the checkpoint does
 * not belong to it.
 */
export async function resumeTraining(
  folder: string,
  options: RunOptions & { readonly dataset?: ImageDataset },
): Promise<TrainedRun> {
  await using run = await lockRun(folder);
  const config = trainConfigOf(run);
  const dataset = options.dataset ?? (await reopenDataset(config.dataset, config.fingerprint, options));
  const checkpoint = await lastCheckpoint(run, modelFor(config.model, config.head, dataset), config);
  await truncateMetrics(run.paths.metrics, checkpoint?.step ?? 0, checkpoint?.epoch ?? 0);
  return await trainInFolder(run, dataset, checkpoint, options);
}
