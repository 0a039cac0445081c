import { readFile, stat } from 'node:fs/promises';
import type { ImageDataset } from '../data/dataset.ts';
import { codesName } from '../heads/assignment/codes.ts';
import { countParameters, modelTensors, type Model, type ParameterCounts } from '../heads/model.ts';
import { sizeNote } from '../models/registry.ts';
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
import type { Evaluation } from '../train/evaluate.ts';
import type { OnTrainEvent } from '../train/events.ts';
import { judge, type Judgement } from '../train/judge.ts';
import { openMetrics, truncateMetrics } from '../train/metrics.ts';
import { createRun, lockRun, type LockedRun, type RunPaths } from '../train/run-folder.ts';
import { checkPrecision } from '../train/precision.ts';
import { selfTest } from '../train/self-test.ts';
import { classesTask, headClasses, trainingData } from '../train/task.ts';
import { train, type TrainResult } from '../train/trainer.ts';
import { trainingProgram } from '../train/training-program.ts';
import { storedConfig, trainConfigOf, type TrainConfig, type TrainSettings } from './config.ts';
import { checkExported } from './check-classifier.ts';
import { readClassifierFile } from './classifier-file.ts';
import { keepVectors, vectorsFor, type VectorsByHead } from './class-vectors.ts';
import { neighbourBaselines, readBaselines, writeBaselines, type NeighbourBaselines } from './baselines.ts';
import { checkExportedEmbedding, exportEmbedding, exportModel } from './export.ts';
import { teacherOf, type Original } from './original.ts';
import { keptParts } from './parts.ts';
import { labelledBy } from './unlabelled.ts';
import {
  absoluteChoice,
  fittingRecipe,
  modelOf,
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
  /** The class vectors of custom heads, by the heads' names, for a new run; read from the heads' files unless given. */
  readonly classVectors?: VectorsByHead;
  /** What another run on the same data, backbone and seed has measured already; see {@link TrainedRun}. */
  readonly knownBaselines?: Partial<NeighbourBaselines>;
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
  readonly evaluation: Judgement | undefined;
  /** What raw pixels and the untrained network reach, where the task is judged by neighbours. */
  readonly baselines: NeighbourBaselines | undefined;
  /** Size of `model.onnx`; 0 for an interrupted run. */
  readonly exportedBytes: number;
}

/** What a checkpoint of a run must agree with. */
export function identityOf(model: Model, { task }: TrainConfig, dataset: ImageDataset): ModelIdentity {
  const { fingerprint } = trainingData(task, dataset);
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
  const parts = await keptParts(run, config);
  const model = modelOf(config, parts);
  const teacher =
    config.original === undefined || parts.cut === undefined ? undefined : teacherOf(parts.cut, config.original);
  const identity = identityOf(model, config, dataset);
  await checkPrecision(options.runtime, config.recipe.precision);
  await selfTest(options.runtime, options.log, config.recipe.precision);
  const baselines = await storedBaselines();
  const result = await trainWithMetrics();
  const evaluation = result.status === 'finished' ? await finalEvaluation() : undefined;
  const exportedBytes = evaluation === undefined ? 0 : await writeExport(evaluation);
  return Object.freeze({
    folder: paths.folder,
    config,
    model: result.model,
    dataset,
    result: await withStoredStepTime(),
    parameters: countParameters(modelTensors(model)),
    evaluation,
    baselines,
    exportedBytes,
  });

  async function trainWithMetrics(): Promise<TrainResult> {
    await using metrics = await openMetrics(paths.metrics);
    return await train({
      model,
      dataset,
      task: config.task,
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
      ...(teacher === undefined ? {} : { teacher }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
      ...(options.saveEverySteps === undefined ? {} : { saveEverySteps: options.saveEverySteps }),
      ...(options.dataWorkers === undefined ? {} : { dataWorkers: options.dataWorkers }),
    });
  }

  async function finalEvaluation(): Promise<Judgement> {
    return result.evaluation ?? (await judge(config.task, options.runtime, result.model, result.weights, dataset));
  }

  /** Measured before the first step, so that a run that diverges still shows what it had to beat. */
  async function storedBaselines(): Promise<NeighbourBaselines | undefined> {
    const { task, seed } = config;
    if (task.kind !== 'instance') return undefined;
    const stored = await readBaselines(paths.baselines);
    if (stored !== undefined) return stored;
    const { runtime, knownBaselines: known = {} } = options;
    const { neighbours, temperature } = task;
    const measured = await neighbourBaselines({
      ...{ runtime, model, seed, dataset, known },
      vote: { neighbours, temperature },
    });
    await writeBaselines(paths.baselines, measured);
    return measured;
  }

  async function writeExport(own: Judgement): Promise<number> {
    const bytes = 'loss' in own ? await classifierBytes(own) : await embeddingBytes();
    await writeFileAtomically(paths.model, bytes);
    return bytes.byteLength;
  }

  async function classifierBytes(own: Evaluation): Promise<Uint8Array> {
    const bytes = exportModel(result.model, result.weights, dataset);
    await checkExported(options.runtime, bytes, dataset, own);
    await writeFileAtomically(paths.labels, `${JSON.stringify(dataset.classes, undefined, 2)}\n`);
    return bytes;
  }

  async function embeddingBytes(): Promise<Uint8Array> {
    const bytes = exportEmbedding(result.model, result.weights, dataset);
    await checkExportedEmbedding(options.runtime, bytes, model, result.weights, dataset);
    return bytes;
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
  const task = settings.task ?? classesTask;
  return {
    ...settings,
    task,
    headClasses: headClasses(task, dataset),
    dataset: absoluteChoice(settings.dataset, dataset),
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
  options: RunOptions & {
    readonly overwrite?: boolean;
    /** The model whose classifier the run replaces, where the settings name one. */
    readonly original?: Original;
    /** Called once the run's folder is there, before its first step. */
    readonly onCreated?: (paths: RunPaths) => Promise<void>;
  },
): Promise<TrainedRun> {
  const config = completeConfig(settings, dataset, options.log ?? (() => undefined));
  const vectors = options.classVectors ?? (await vectorsFor([config.head]));
  const { original } = options;
  // Names and sizes are checked before the folder exists.
  const model = modelOf(config, { vectors, ...(original === undefined ? {} : { cut: original.cut }) });
  trainingProgram(model, config.recipe);
  await checkPrecision(options.runtime, config.recipe.precision);
  const note = original === undefined ? sizeNote(model.backbone) : undefined;
  if (note !== undefined) options.log?.(`note: ${note}`);
  await using run = await createRun(folder, storedConfig('train', config), { overwrite: options.overwrite ?? false });
  await keepVectors(run.paths, vectors, [config.head]);
  if (original !== undefined) await writeFileAtomically(run.paths.original, original.file.bytes);
  await options.onCreated?.(run.paths);
  return await trainInFolder(run, dataset, undefined, options);
}

/** What a run's last checkpoint holds, or `undefined` if it was cut before the first one. */
async function lastCheckpoint(
  run: LockedRun,
  config: TrainConfig,
  dataset: ImageDataset,
): Promise<Checkpoint | undefined> {
  const exists = await stat(run.paths.last).then(
    () => true,
    (error: unknown) => {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    },
  );
  if (!exists) return undefined;
  const stored = await readCheckpoint(run.paths.last);
  const model = modelOf(config, await keptParts(run, config));
  checkIdentity(stored, identityOf(model, config, dataset));
  const expected = trainingProgram(model, config.recipe).state.flatMap(({ parts }) =>
    parts.map(({ key, shape }) => [key, shape] as const),
  );
  const codes = stored.checkpoint.tensors.get(codesName);
  checkCheckpointFits(
    stored,
    new Map([...expected, ...(codes === undefined ? [] : [[codesName, [model.head.classes]] as const])]),
  );
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
  const reopened = options.dataset ?? (await reopenDataset(config, options));
  const dataset =
    config.dataset.unlabelled === true && options.dataset === undefined
      ? await labelledBy(options.runtime, await readClassifierFile(run.paths.original), reopened, options)
      : reopened;
  const checkpoint = await lastCheckpoint(run, config, dataset);
  await truncateMetrics(run.paths.metrics, checkpoint?.step ?? 0, checkpoint?.epoch ?? 0);
  return await trainInFolder(run, dataset, checkpoint, options);
}
