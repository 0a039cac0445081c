import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { inputError, usageError } from '../core/errors.ts';
import { kindOf, reasonOf } from '../data/files.ts';
import { createWordNumbers, encodeFile, fileLooksTokenised } from '../data/text/encode.ts';
import { listTexts, type SplitName } from '../data/text/layout.ts';
import { vocabularyOf, type Vocabulary } from '../data/text/vocabulary.ts';
import { scoreText, type TextScore } from '../language/perplexity.ts';
import type { LanguageModelSpec } from '../models/language-model.ts';
import type { Weights } from '../nn/layer-context.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { writeFileAtomically } from '../train/atomic.ts';
import { readCheckpoint } from '../train/checkpoint.ts';
import { openRun, type RunPaths } from '../train/run-folder.ts';
import { checkFinished, type WeightsChoice } from './classifier-file.ts';
import { languageConfigOf, languageKinds, type LanguageConfig } from './language-config.ts';
import { exportLanguageModel } from './language-export.ts';
import { languageSpecOf, reopenCorpus, type CorpusOpening } from './language-run.ts';
import { keptEmbedding } from './language-vectors.ts';

/** A trained language model as its run folder holds it: nothing of its text is needed. */
export interface StoredLanguageModel {
  readonly folder: string;
  readonly config: LanguageConfig;
  readonly vocabulary: Vocabulary;
  readonly spec: LanguageModelSpec;
  readonly weights: Weights;
}

/** Whether a path is the folder of a language model's run. */
export async function isLanguageRun(path: string): Promise<boolean> {
  if ((await kindOf(path)) !== 'folder') return false;
  return (
    (await openRun(path).then(
      ({ config }) => config.kind,
      () => '',
    )) === languageKinds.run
  );
}

async function readVocabulary({ vocabulary: path }: RunPaths): Promise<Vocabulary> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw inputError('the words of this run cannot be read', { where: path, received: reasonOf(error), cause: error });
  });
  const broken = inputError('the words of this run are damaged', {
    where: path,
    expected: '{"words": […], "counts": […]}',
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw broken;
  }
  if (typeof value !== 'object' || value === null || !('words' in value) || !('counts' in value)) throw broken;
  const { words, counts } = value;
  const isWords = (list: unknown): list is string[] =>
    Array.isArray(list) && list.every((word) => typeof word === 'string');
  const isCounts = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((count) => typeof count === 'number');
  if (!isWords(words) || !isCounts(counts) || words.length !== counts.length) throw broken;
  return vocabularyOf(words, Float64Array.from(counts));
}

/**
 * Opens the trained model of a run: after the last epoch (`model`), or of a checkpoint.
 *
 * @throws an input error for a run that is not finished (`model`), or has no such checkpoint.
 */
export async function openLanguageModel(
  folder: string,
  weights: WeightsChoice = 'model',
): Promise<StoredLanguageModel> {
  const run = await openRun(folder);
  const config = languageConfigOf(run);
  if (weights === 'model') await checkFinished(folder);
  const vocabulary = await readVocabulary(run.paths);
  const spec = languageSpecOf(config, { vocabulary }, await keptEmbedding(run.paths));
  const path = weights === 'best' ? run.paths.best : run.paths.last;
  if ((await kindOf(path)) === undefined) {
    throw inputError('the run has no checkpoint yet', { where: path, hint: `go on with it: fixhead resume ${folder}` });
  }
  const { checkpoint } = await readCheckpoint(path);
  return Object.freeze({ folder, config, vocabulary, spec, weights: checkpoint.tensors });
}

/** A text in the words of a model. */
async function textIn(path: string, { vocabulary, config }: StoredLanguageModel): Promise<Int32Array> {
  const kind = await kindOf(path);
  if (kind === undefined) throw usageError('no such file or folder', { received: path });
  const files = kind === 'file' ? [path] : (await listTexts(path)).texts;
  if (files.length === 0) throw inputError('a folder without text', { where: path });
  const numbers = createWordNumbers();
  const parts: Int32Array[] = [];
  for (const file of files) {
    const reading = { tokenised: await fileLooksTokenised(file), lowercase: config.corpus.lowercase === true };
    parts.push(await encodeFile(file, reading, numbers));
  }
  const ids = Int32Array.from(numbers.words, vocabulary.idOf);
  return Int32Array.from(parts.flatMap((part) => Array.from(part, (number) => ids[number] ?? vocabulary.unknown)));
}

/** How well a model predicts a text, and how much of it the model has words for. */
export interface LanguageEvaluation extends TextScore {
  /** What was judged: a part of the model's own text, or a path. */
  readonly text: string;
  /** Share of the tokens that are `<unk>` to the model. */
  readonly unknownShare: number;
}

/**
 * The perplexity of a trained model on a part of its own text, or on another one, in its own words: words that it does not know are
 * `<unk>` and count as such.
 *
 * @throws an input error for text that cannot be read or has changed.
 */
export async function evaluateLanguageModel(
  folder: string,
  options: CorpusOpening & {
    readonly runtime: Runtime;
    readonly weights?: WeightsChoice;
    readonly split?: SplitName;
    readonly text?: string;
    readonly onProgress?: (done: number, count: number) => void;
  },
): Promise<LanguageEvaluation> {
  const model = await openLanguageModel(folder, options.weights);
  const { vocabulary, spec, weights, config } = model;
  const split = options.split ?? 'validation';
  const ids =
    options.text === undefined
      ? (await reopenCorpus(config, options)).splits[split]
      : await textIn(options.text, model);
  const unknown = ids.reduce((count, id) => count + (id === vocabulary.unknown ? 1 : 0), 0);
  const text = { ids, first: vocabulary.endOfSentence };
  const progress = options.onProgress === undefined ? {} : { onProgress: options.onProgress };
  const score = await scoreText(options.runtime, spec, weights, text, progress);
  return { ...score, text: options.text ?? split, unknownShare: unknown / ids.length };
}

/** The two files of a language model. */
export interface LanguageExport {
  readonly run: string;
  readonly weights: WeightsChoice;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
}

/**
 * Writes the model of a run as `file`, which writes a word at a time, and beside it `…-scorer.onnx`, which judges a window.
 *
 * @throws a usage error for files that are there already; an input error for a run that is not finished.
 */
export async function exportLanguageRun(
  folder: string,
  file: string,
  { weights = 'model', overwrite = false }: { readonly weights?: WeightsChoice; readonly overwrite?: boolean },
): Promise<LanguageExport> {
  const model = await openLanguageModel(folder, weights);
  const scorer = file.replace(/(\.onnx)?$/i, '-scorer.onnx');
  for (const path of [file, scorer]) {
    if (overwrite || (await kindOf(path)) === undefined) continue;
    throw usageError('there is such a file already', {
      where: path,
      hint: 'name another place, or replace it with --overwrite',
    });
  }
  const { config, spec } = model;
  const exported = exportLanguageModel({ spec, weights: model.weights, corpus: model, config });
  const contents = [
    { path: file, content: exported.model },
    { path: scorer, content: exported.scorer },
  ];
  for (const { path, content } of contents) {
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomically(path, content);
  }
  return {
    run: folder,
    weights,
    files: contents.map(({ path, content }) => ({ path, bytes: content.byteLength })),
  };
}
