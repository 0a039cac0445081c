import { mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { inputError, usageError, type FixheadError } from '../core/errors.ts';
import { kindOf, reasonOf } from '../data/files.ts';
import { codeOf, removeTemporaryFiles, writeFileAtomically } from './atomic.ts';
import { decodeJson, encodeJson, isJsonObject, type JsonObject } from './json.ts';
import { isLockName, lockFolder, type FolderLock } from './lock.ts';

/** The settings a run was started with. Besides version and kind it holds what its command wants to find again. */
export interface RunConfig extends JsonObject {
  readonly version: 1;
  /** What made the run: `train`, `compare`. */
  readonly kind: string;
}

/** Where the files of a run are. */
export interface RunPaths {
  readonly folder: string;
  readonly config: string;
  readonly metrics: string;
  readonly checkpoints: string;
  /** The newest checkpoint. */
  readonly last: string;
  /** The checkpoint with the best validation accuracy so far. */
  readonly best: string;
  readonly model: string;
  readonly labels: string;
  /** The class vectors of custom heads: a copy, since the run must not depend on the file that they came from. */
  readonly vectors: string;
  /** The model of a file whose classifier the run replaces: a copy, since the run must not depend on the file. */
  readonly original: string;
  /** What was measured of that model before the first step. */
  readonly before: string;
  /** Step times of a finished run: what reading it again cannot measure. */
  readonly timing: string;
  /** What raw pixels and the untrained network reach, where a run is judged by neighbours. */
  readonly baselines: string;
  /** Word vectors that a language model was started with: made from its text or read from a file. */
  readonly embedding: string;
  /** The words of a language model with their counts. */
  readonly vocabulary: string;
  /** A language model that judges text. */
  readonly scorer: string;
  readonly report: string;
}

/** The paths of the run in `folder`, which need not exist. */
export function runPaths(folder: string): RunPaths {
  const checkpoints = join(folder, 'checkpoints');
  return Object.freeze({
    folder,
    config: join(folder, 'config.json'),
    metrics: join(folder, 'metrics.jsonl'),
    checkpoints,
    last: join(checkpoints, 'last.safetensors'),
    best: join(checkpoints, 'best.safetensors'),
    model: join(folder, 'model.onnx'),
    labels: join(folder, 'labels.json'),
    vectors: join(folder, 'class-vectors.safetensors'),
    original: join(folder, 'original.onnx'),
    before: join(folder, 'before.json'),
    timing: join(folder, 'timing.json'),
    baselines: join(folder, 'baselines.json'),
    embedding: join(folder, 'embedding.safetensors'),
    vocabulary: join(folder, 'vocabulary.json'),
    scorer: join(folder, 'scorer.onnx'),
    report: join(folder, 'report.html'),
  });
}

/** The folder of one of the runs that a comparison in `folder` consists of. */
export function nestedRunFolder(folder: string, head: string, seed: number): string {
  return join(folder, `${head}-seed${seed}`);
}

/** A run, for reading. */
export interface Run {
  readonly paths: RunPaths;
  readonly config: RunConfig;
}

/** A run that this process alone writes to. To be disposed of, so that other processes can go on with it. */
export class LockedRun implements Run {
  readonly paths: RunPaths;
  readonly config: RunConfig;
  readonly #lock: FolderLock;

  constructor(run: Run, lock: FolderLock) {
    this.paths = run.paths;
    this.config = run.config;
    this.#lock = lock;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lock[Symbol.asyncDispose]();
  }
}

export interface CreateRunOptions {
  /** Replace a run that is in the folder. Files that are not of a run stay. */
  readonly overwrite?: boolean;
}

/**
 * Starts a run in a new or empty folder, or in the place of an earlier run.
 *
 * @throws FixheadError of kind `usage` where the folder holds a run and `overwrite` is not given, or holds other files;
 * of kind `input` where another process has the run or the folder cannot be written.
 */
export async function createRun(
  folder: string,
  config: RunConfig,
  { overwrite = false }: CreateRunOptions = {},
): Promise<LockedRun> {
  const text = encodeJson({ format: runFormat, ...config }, 'config', 2);
  const paths = runPaths(resolve(folder));
  // Before the lock, so that a folder that is not ours is not touched; and after it, since another process may have
  // started a run meanwhile.
  await checkFree(paths, overwrite);
  await mkdir(paths.folder, { recursive: true }).catch((error: unknown) => {
    throw inputError('the folder cannot be made', { where: paths.folder, received: reasonOf(error), cause: error });
  });
  const lock = await lockFolder(paths.folder);
  try {
    await checkFree(paths, overwrite);
    await removeRunFiles(paths);
    await mkdir(paths.checkpoints, { recursive: true });
    // The old config.json is there until now: a replacement that is cut off leaves a run folder.
    await writeFileAtomically(paths.config, `${text}\n`);
    return new LockedRun({ paths, config }, lock);
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Opens a run for reading; another process may be writing to it.
 *
 * @throws FixheadError of kind `input` where the folder holds no run, or its `config.json` cannot be read, is damaged or
 * comes from another version.
 */
export async function openRun(folder: string): Promise<Run> {
  const paths = runPaths(resolve(folder));
  return { paths, config: await readConfig(paths) };
}

/**
 * Opens a run to go on with it: locks it and removes what killed processes left of unfinished files.
 *
 * @throws FixheadError of kind `input` as {@link openRun}, and where another process has the run.
 */
export async function lockRun(folder: string): Promise<LockedRun> {
  await openRun(folder);
  const lock = await lockFolder(resolve(folder));
  try {
    const run = await openRun(folder);
    await removeLeftovers(run.paths);
    return new LockedRun(run, lock);
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

/** The mark in `config.json` by which a run folder is told from a folder that happens to have a file of this name. */
const runFormat = 'fixhead-run';

async function readConfig({ folder, config: path }: RunPaths): Promise<RunConfig> {
  const text = await readFile(path, 'utf8').catch(async (error: unknown) => {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw await notARun(folder);
    throw inputError('cannot be read', { where: path, received: reasonOf(error), cause: error });
  });
  const value = decodeJson(text);
  if (value === undefined) {
    throw inputError('not valid JSON', {
      where: path,
      received: text.trim() === '' ? 'an empty file' : `${text.length} characters, the last ones ${quoteEnd(text)}`,
      hint: 'the file is damaged or was edited; put it right or start the run again',
    });
  }
  if (!isJsonObject(value) || value['format'] !== runFormat) {
    throw inputError('not the settings of a run', {
      where: path,
      expected: `an object with "format": "${runFormat}"`,
      received: isJsonObject(value) ? `an object with ${Object.keys(value).join(', ') || 'nothing'}` : 'something else',
      hint: 'give the folder of a run',
    });
  }
  const { format: _, version, kind, ...rest } = value;
  if (version !== 1) {
    throw inputError('a run of another version', {
      where: path,
      expected: 'version 1',
      received: version === undefined ? 'none' : JSON.stringify(version),
      hint: 'use the version of fixhead that made the run',
    });
  }
  if (typeof kind !== 'string') {
    throw inputError('a run without a kind', { where: path, expected: '"kind": a text', received: typeof kind });
  }
  return { version, kind, ...rest };
}

async function notARun(folder: string): Promise<FixheadError> {
  const kind = await kindOf(folder);
  return inputError('not a run', {
    where: folder,
    expected: 'a folder with a config.json',
    received: kind === undefined ? 'nothing there' : kind === 'file' ? 'a file' : 'a folder without one',
    hint: 'give the folder that was the output of train or compare',
  });
}

function quoteEnd(text: string): string {
  return JSON.stringify(text.trimEnd().slice(-20));
}

/**
 * Checks that a run may be started in a folder, before anything that takes long.
 *
 * @throws FixheadError of kind `usage` as {@link createRun}.
 */
export async function checkRunFolder(folder: string, { overwrite = false }: CreateRunOptions = {}): Promise<void> {
  await checkFree(runPaths(resolve(folder)), overwrite);
}

/** Checks that a run may be started here. */
async function checkFree(paths: RunPaths, overwrite: boolean): Promise<void> {
  const where = paths.folder;
  const kind = await kindOf(where);
  if (kind === undefined) return;
  if (kind === 'file') throw usageError('a file is in the place of the run folder', { where, hint: 'choose another' });
  const names = (await readdir(where)).filter((name) => !isLockName(name));
  // A process that was killed while it started a run leaves at most this.
  const unfinished = await Promise.all(names.map((name) => isUnfinished(name, paths)));
  if (unfinished.every(Boolean)) return;
  const config = await readConfig(paths).catch((error: unknown) => error);
  if (config instanceof Error) {
    throw usageError('the folder holds files that are not of a run', {
      where,
      received: `${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`,
      hint: 'choose a new or empty folder',
      cause: config,
    });
  }
  if (!overwrite) {
    throw usageError('the folder holds a run already', {
      where,
      hint: `choose another folder, go on with the run (fixhead resume ${where}) or replace it (--overwrite)`,
    });
  }
}

async function isUnfinished(name: string, paths: RunPaths): Promise<boolean> {
  if (name === basename(paths.checkpoints)) {
    return (await kindOf(paths.checkpoints)) === 'folder' && (await readdir(paths.checkpoints)).length === 0;
  }
  return /^\.config\.json\.[0-9a-f]{12}\.tmp$/.test(name);
}

/** An earlier run's files in the folder itself except its `config.json`. */
const ownFiles = (paths: RunPaths): readonly string[] => {
  const { metrics, model, labels, vectors, original, before, timing, baselines } = paths;
  const { embedding, vocabulary, scorer, report } = paths;
  return [metrics, model, labels, vectors, original, before, timing, baselines, embedding, vocabulary, scorer, report];
};

/** Removes an earlier run's files except its `config.json`; files of others stay. */
async function removeRunFiles(paths: RunPaths): Promise<void> {
  await removeLeftovers(paths);
  for (const file of [paths.last, paths.best, ...ownFiles(paths)]) await rm(file, { force: true });
  // A folder with other files in it stays.
  await rmdir(paths.checkpoints).catch(() => undefined);
}

/** Removes what killed processes left of unfinished files. */
async function removeLeftovers(paths: RunPaths): Promise<void> {
  const { folder, config, checkpoints, last, best } = paths;
  await removeTemporaryFiles(
    folder,
    [config, ...ownFiles(paths)].map((path) => basename(path)),
  );
  await removeTemporaryFiles(
    checkpoints,
    [last, best].map((path) => basename(path)),
  );
}
