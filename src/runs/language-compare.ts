import { isDeepStrictEqual } from 'node:util';
import { usageError } from '../core/errors.ts';
import { kindOf } from '../data/files.ts';
import { join } from 'node:path';
import type { TextCorpus } from '../data/text/corpus.ts';
import type { LanguageEvent } from '../language/trainer.ts';
import { checkRunFolder, createRun, lockRun, openRun, runPaths, type LockedRun } from '../train/run-folder.ts';
import {
  choiceName,
  languageCompareConfigOf,
  languageConfigOf,
  storedLanguageConfig,
  type LanguageCompareSettings,
  type LanguageConfig,
  type LanguageSettings,
} from './language-config.ts';
import {
  absoluteCorpus,
  checkLanguageSettings,
  languageSpecOf,
  openCorpusChoice,
  reopenCorpus,
  resumeLanguageRun,
  startLanguageRun,
  type LanguageRun,
  type LanguageRunOptions,
} from './language-run.ts';
import { keepEmbedding, keptEmbedding, vectorsOfChoices, type VectorsByKind } from './language-vectors.ts';

/** What a comparison needs besides its settings; nothing here changes its result. */
export interface LanguageCompareOptions extends Omit<LanguageRunOptions, 'onEvent'> {
  /** Receives the events of each run, with the name of its choice of word vectors. */
  readonly onEvent?: (variant: string, event: LanguageEvent) => void;
}

/** A comparison that has ended. */
export interface LanguageComparison {
  readonly status: 'finished' | 'interrupted';
  readonly folder: string;
  readonly corpus: TextCorpus;
  /** Its finished runs, in the order of the choices. */
  readonly runs: readonly LanguageRun[];
}

/** Whether a folder holds the run of exactly these settings. */
async function isRunOf(folder: string, expected: LanguageConfig): Promise<boolean> {
  if ((await kindOf(runPaths(folder).config)) === undefined) return false;
  const run = await openRun(folder);
  return isDeepStrictEqual(languageConfigOf(run), languageConfigOf({ ...run, config: storedLanguageConfig(expected) }));
}

async function compareInFolder(
  run: LockedRun,
  corpus: TextCorpus,
  vectors: VectorsByKind,
  options: LanguageCompareOptions,
): Promise<LanguageComparison> {
  const { choices, ...shared } = languageCompareConfigOf(run);
  const { onEvent, ...rest } = options;
  const runs: LanguageRun[] = [];
  let status: LanguageComparison['status'] = 'finished';
  for (const choice of choices) {
    if (status === 'interrupted') break;
    const name = choiceName(choice);
    const config = { ...shared, choice };
    const folder = join(run.paths.folder, name);
    const own = { ...rest, vectors, opened: corpus, onEvent: (event: LanguageEvent) => onEvent?.(name, event) };
    // The comparison owns its nested folders: a new one replaces runs that an earlier one left there.
    const trained = (await isRunOf(folder, config))
      ? await resumeLanguageRun(folder, own)
      : await startLanguageRun(folder, settingsOf(config), { ...own, overwrite: true });
    if (trained.result.status === 'interrupted') status = 'interrupted';
    else runs.push(trained);
  }
  return Object.freeze({ status, folder: run.paths.folder, corpus, runs });
}

const settingsOf = ({ fingerprint: _, ...settings }: LanguageConfig): LanguageSettings => settings;

/**
 * Trains the same model with each choice of word vectors, on the same windows, each in a run folder within this one.
 *
 * @throws as `startLanguageRun`; everything that can be checked is checked before training.
 */
export async function startLanguageComparison(
  folder: string,
  settings: LanguageCompareSettings,
  options: LanguageCompareOptions & { readonly overwrite?: boolean },
): Promise<LanguageComparison> {
  const { choices, sizes, seed } = settings;
  const names = choices.map(choiceName);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw usageError('a variant is listed twice', { received: repeated });
  await checkRunFolder(folder, options);
  const corpus = await openCorpusChoice(settings.corpus, options);
  const vectors = await vectorsOfChoices(choices, corpus, sizes.size, seed, options.vectors ?? new Map(), options);
  for (const choice of choices) {
    const own = { ...settings, choice };
    checkLanguageSettings(languageSpecOf(own, corpus, vectors), own, corpus);
  }
  const config = { ...settings, corpus: absoluteCorpus(settings.corpus), fingerprint: corpus.fingerprint };
  await using run = await createRun(folder, storedLanguageConfig(config), { overwrite: options.overwrite ?? false });
  await keepEmbedding(run.paths, vectors, [...vectors.keys()], sizes.size);
  return await compareInFolder(run, corpus, vectors, options);
}

/** Goes on with a comparison: finished runs are read again, a cut run is resumed, the others are trained. */
export async function resumeLanguageComparison(
  folder: string,
  options: LanguageCompareOptions,
): Promise<LanguageComparison> {
  await using run = await lockRun(folder);
  const config = languageCompareConfigOf(run);
  const corpus = await reopenCorpus(config, options);
  const { choices, sizes, seed } = config;
  const kept = await keptEmbedding(run.paths);
  const vectors = await vectorsOfChoices(choices, corpus, sizes.size, seed, kept, options);
  return await compareInFolder(run, corpus, vectors, options);
}
