import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { inputError, type FixheadError } from '../core/errors.ts';
import { kindOf } from '../data/files.ts';
import type { OnDataProgress } from '../data/progress.ts';
import { isNamedCorpus, openCorpus, type TextCorpus } from '../data/text/corpus.ts';
import { trainingWindows } from '../data/text/windows.ts';
import { countParameters, type ParameterCounts } from '../heads/model.ts';
import { languageModelProgram } from '../language/program.ts';
import type { TextScore } from '../language/perplexity.ts';
import { scoreTest, trainLanguageModel, type LanguageEvent, type LanguageTrainResult } from '../language/trainer.ts';
import type { LanguageModelSpec } from '../models/language-model.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { writeFileAtomically } from '../train/atomic.ts';
import {
  checkCheckpointFits,
  checkIdentity,
  readCheckpoint,
  writeCheckpoint,
  type Checkpoint,
  type ModelIdentity,
} from '../train/checkpoint.ts';
import { openMetrics, truncateMetrics } from '../train/metrics.ts';
import { checkRunFolder, createRun, lockRun, type LockedRun, type RunPaths } from '../train/run-folder.ts';
import {
  choiceName,
  languageConfigOf,
  storedLanguageConfig,
  type CorpusChoice,
  type LanguageConfig,
  type LanguageSettings,
} from './language-config.ts';
import { writeLanguageExports } from './language-export.ts';
import { languageModelOf } from './language-tables.ts';
import {
  keepEmbedding,
  keptEmbedding,
  vectorsOfChoices,
  type VectorOptions,
  type VectorsByKind,
} from './language-vectors.ts';

/** How a text is found. */
export interface CorpusOpening {
  readonly allowDownload?: boolean;
  readonly cacheDirectory?: string;
  readonly onDataProgress?: OnDataProgress;
}

/** What a run needs besides its settings; nothing here changes its result but the rounding of another device. */
export interface LanguageRunOptions extends VectorOptions, CorpusOpening {
  readonly runtime: Runtime;
  /** Called between steps; it should return soon. */
  readonly onEvent?: (event: LanguageEvent) => void;
  readonly saveEverySteps?: number;
  /** Vectors that are there already, made from the same text with the same size and seed. */
  readonly vectors?: VectorsByKind;
}

/** A finished or interrupted run with what its folder holds. */
export interface LanguageRun {
  readonly folder: string;
  readonly config: LanguageConfig;
  readonly corpus: TextCorpus;
  readonly spec: LanguageModelSpec;
  readonly result: LanguageTrainResult;
  readonly parameters: ParameterCounts;
  /** Of the last epoch and of the test text; `undefined` for an interrupted run. */
  readonly scores: LanguageScores | undefined;
}

/** What `timing.json` of a finished run holds. */
export interface LanguageScores {
  readonly validationPerplexity: number;
  readonly testPerplexity: number;
  readonly testTokens: number;
  readonly secondsPerEpoch: number;
  readonly tokensPerSecond: number;
}

/** A choice that still means the same from another working directory. */
export function absoluteCorpus(choice: CorpusChoice): CorpusChoice {
  const { inputs } = choice;
  const [first = ''] = inputs;
  if (inputs.length === 1 && isNamedCorpus(first)) return choice;
  return { ...choice, inputs: inputs.map((input) => (existsSync(input) ? resolve(input) : input)) };
}

/** Opens the text of a choice. @throws as {@link openCorpus}. */
export async function openCorpusChoice(
  { inputs, ...reading }: CorpusChoice,
  { allowDownload = false, cacheDirectory, onDataProgress }: CorpusOpening,
): Promise<TextCorpus> {
  return await openCorpus(inputs, {
    ...reading,
    allowDownload,
    ...(cacheDirectory === undefined ? {} : { cacheDirectory }),
    ...(onDataProgress === undefined ? {} : { onProgress: onDataProgress }),
  });
}

/** The text of a run, opened again. @throws an input error if it is no longer the text that the run was trained on. */
export async function reopenCorpus(
  { corpus: choice, fingerprint }: Pick<LanguageConfig, 'corpus' | 'fingerprint'>,
  options: CorpusOpening,
): Promise<TextCorpus> {
  const corpus = await openCorpusChoice(choice, options);
  if (corpus.fingerprint !== fingerprint) {
    throw inputError('the text has changed since this run was started', {
      where: choice.inputs.join(', '),
      expected: `fingerprint ${fingerprint.slice(0, 12)}…`,
      received: `${corpus.fingerprint.slice(0, 12)}…`,
      hint: 'put the original text back, or start a new run',
    });
  }
  return corpus;
}

/** The model of a run. */
export function languageSpecOf(
  { choice, sizes, seed }: LanguageSettings,
  corpus: Pick<TextCorpus, 'vocabulary'>,
  vectors: VectorsByKind,
): LanguageModelSpec {
  return languageModelOf(choice, sizes, corpus.vocabulary, seed, vectors.get(choice.embedding));
}

/** Everything that can be wrong with settings is found here, before there is a folder. */
export function checkLanguageSettings(spec: LanguageModelSpec, { recipe }: LanguageSettings, corpus: TextCorpus): void {
  trainingWindows(corpus.splits.train, recipe.batch, recipe.window, corpus.vocabulary.endOfSentence);
  languageModelProgram(spec, recipe, recipe);
}

function identityOf(spec: LanguageModelSpec, config: LanguageConfig): ModelIdentity {
  const program = languageModelProgram(spec, config.recipe, config.recipe);
  return {
    model: 'lstm',
    head: choiceName(config.choice),
    dataset: config.fingerprint,
    parameters: new Map(program.tensors.parameters.map(({ name, shape }) => [name, shape] as const)),
  };
}

/** Trains in a run folder from where its checkpoint stands, and exports the model at the end. */
async function trainInFolder(
  run: LockedRun,
  corpus: TextCorpus,
  checkpoint: Checkpoint | undefined,
  options: LanguageRunOptions,
): Promise<LanguageRun> {
  const config = languageConfigOf(run);
  const { paths } = run;
  const spec = languageSpecOf(config, corpus, await keptEmbedding(paths));
  const identity = identityOf(spec, config);
  const { runtime } = options;
  const result = await trainWithMetrics();
  const { tensors } = languageModelProgram(spec, config.recipe, config.recipe);
  return Object.freeze({
    folder: paths.folder,
    config,
    corpus,
    spec,
    result,
    parameters: countParameters(tensors),
    scores: result.status === 'finished' ? await finalScores() : undefined,
  });

  async function trainWithMetrics(): Promise<LanguageTrainResult> {
    await using metrics = await openMetrics(paths.metrics);
    return await trainLanguageModel({
      spec,
      corpus,
      recipe: config.recipe,
      seed: config.seed,
      runtime,
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
    });
  }

  /** Those of an earlier call where this one took no steps. */
  async function finalScores(): Promise<LanguageScores> {
    const stored = await readScores(paths);
    if (result.tokensPerSecond === 0 && stored !== undefined) return stored;
    const test: TextScore = await scoreTest(runtime, spec, result.weights, corpus);
    const last = result.epochs.at(-1);
    const scores: LanguageScores = {
      validationPerplexity: Math.exp(last?.validationLoss ?? NaN),
      testPerplexity: test.perplexity,
      testTokens: test.tokens,
      secondsPerEpoch: result.epochs.reduce((sum, { seconds }) => sum + seconds, 0) / result.epochs.length,
      tokensPerSecond: result.tokensPerSecond,
    };
    await writeLanguageExports(runtime, paths, { spec, weights: result.weights, corpus, config });
    await writeFileAtomically(paths.timing, `${JSON.stringify(scores)}\n`);
    return scores;
  }
}

async function readScores({ timing }: RunPaths): Promise<LanguageScores | undefined> {
  if ((await kindOf(timing)) === undefined) return undefined;
  return JSON.parse(await readFile(timing, 'utf8')) as LanguageScores;
}

/**
 * Trains a language model in a new run folder.
 *
 * @throws a usage error for settings that do not fit or a folder that is taken; an input error for bad text or vectors, a full disk or
 * diverging training.
 */
export async function startLanguageRun(
  folder: string,
  settings: LanguageSettings,
  options: LanguageRunOptions & { readonly overwrite?: boolean; readonly opened?: TextCorpus },
): Promise<LanguageRun> {
  await checkRunFolder(folder, options);
  const corpus = options.opened ?? (await openCorpusChoice(settings.corpus, options));
  const { choice, sizes, seed } = settings;
  const known = options.vectors ?? new Map();
  const vectors = await vectorsOfChoices([choice], corpus, sizes.size, seed, known, options);
  checkLanguageSettings(languageSpecOf(settings, corpus, vectors), settings, corpus);
  const config = { ...settings, corpus: absoluteCorpus(settings.corpus), fingerprint: corpus.fingerprint };
  await using run = await createRun(folder, storedLanguageConfig(config), { overwrite: options.overwrite ?? false });
  await keepEmbedding(run.paths, vectors, [choice.embedding], sizes.size);
  const { words, counts } = corpus.vocabulary;
  await writeFileAtomically(run.paths.vocabulary, `${JSON.stringify({ words, counts: [...counts] })}\n`);
  return await trainInFolder(run, corpus, undefined, options);
}

/** What a run's last checkpoint holds, or `undefined` if it was cut before the first one. */
export async function lastLanguageCheckpoint(
  { paths }: Pick<LockedRun, 'paths'>,
  config: LanguageConfig,
  spec: LanguageModelSpec,
): Promise<Checkpoint | undefined> {
  if ((await kindOf(paths.last)) === undefined) return undefined;
  const stored = await readCheckpoint(paths.last);
  checkIdentity(stored, identityOf(spec, config));
  const { state } = languageModelProgram(spec, config.recipe, config.recipe);
  checkCheckpointFits(
    stored,
    new Map(state.flatMap(({ parts }) => parts.map(({ key, shape }) => [key, shape] as const))),
  );
  return stored.checkpoint;
}

/**
 * Goes on with a run from its last checkpoint; the result is bit for bit that of an uncut run.
 *
 * @throws an input error if the folder is no run of a language model, another process has it, the text has changed, or the checkpoint
 * does not belong to it.
 */
export async function resumeLanguageRun(
  folder: string,
  options: LanguageRunOptions & { readonly opened?: TextCorpus },
): Promise<LanguageRun> {
  await using run = await lockRun(folder);
  const config = languageConfigOf(run);
  const corpus = options.opened ?? (await reopenCorpus(config, options));
  const spec = languageSpecOf(config, corpus, await keptEmbedding(run.paths));
  const checkpoint = await lastLanguageCheckpoint(run, config, spec);
  await truncateMetrics(run.paths.metrics, checkpoint?.step ?? 0, checkpoint?.epoch ?? 0);
  return await trainInFolder(run, corpus, checkpoint, options);
}

/** Why a run has no trained model yet. */
export function unfinished(folder: string): FixheadError {
  return inputError('this run has not been finished', {
    where: folder,
    hint: `go on with it: fixhead resume ${folder}`,
  });
}
