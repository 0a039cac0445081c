import { readFile } from 'node:fs/promises';
import { inputError, usageError } from '../core/errors.ts';
import { float32 } from '../core/tensor.ts';
import { kindOf, reasonOf } from '../data/files.ts';
import { detokenise, endOfSentenceWord, tokenise, unknownWord } from '../data/text/tokens.ts';
import { readOnnx, type OnnxModel } from '../graph/onnx-read.ts';
import { generateWords, type SamplingOptions } from '../language/generate.ts';
import type { Runtime, Tensors } from '../runtime/runtime.ts';
import { openRun } from '../train/run-folder.ts';
import { languageKinds } from './language-config.ts';
import { unfinished } from './language-run.ts';

/** What is asked of a model that writes. */
export interface GenerateOptions extends Omit<SamplingOptions, 'never' | 'onWord'> {
  readonly runtime: Runtime;
}

/** What it wrote. */
export interface Generated {
  /** The prompt as the model read it, and what it wrote, as running text. */
  readonly prompt: string;
  readonly text: string;
  /** Token by token, as in the vocabulary. */
  readonly promptTokens: readonly string[];
  readonly tokens: readonly string[];
  /** Words of the prompt that the model does not know: it read `<unk>` for them. */
  readonly unknown: readonly string[];
}

/** The file of a run or the file itself. */
async function modelFileOf(path: string): Promise<string> {
  if ((await kindOf(path)) !== 'folder') return path;
  const run = await openRun(path);
  const { kind } = run.config;
  if (kind !== languageKinds.run) {
    throw inputError('not a language model', {
      where: path,
      expected: 'a run of fixhead lm',
      received: kind === languageKinds.compare ? 'a comparison: give one of the folders in it' : `a run of ${kind}`,
    });
  }
  if ((await kindOf(run.paths.model)) === undefined) throw unfinished(path);
  return run.paths.model;
}

/** The words of a model that was exported, from its metadata. */
function vocabularyOf({ metadata }: OnnxModel, where: string): readonly string[] {
  const words = wordsOf(metadata['vocabulary']);
  if (words !== undefined && words.length >= 2) return words;
  throw inputError('not a language model that fixhead wrote', {
    where,
    expected: 'an .onnx file with its words in the metadata "vocabulary"',
    hint: 'give the folder of a run of fixhead lm, or its model.onnx',
  });
}

/** A list of texts from JSON; `undefined` for anything else. */
function wordsOf(json: string | undefined): readonly string[] | undefined {
  try {
    const value: unknown = JSON.parse(json ?? 'null');
    return Array.isArray(value) && value.every((word): word is string => typeof word === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
}

/** All-zero states for one text, as the model's inputs ask for them. */
function zerosOf({ graph }: OnnxModel, where: string): Tensors {
  const states = graph.inputs.filter((name) => name !== 'words');
  return Object.fromEntries(
    states.map((name) => {
      const size = graph.types.get(name)?.shape[1];
      if (typeof size !== 'number') throw inputError('a state of unknown size', { where, received: name });
      return [name, float32([1, size], new Float32Array(size))];
    }),
  );
}

/** A word of the vocabulary for a word of the prompt: itself, or in another case; `undefined` where it is not known. */
function known(places: ReadonlyMap<string, number>, word: string): number | undefined {
  const capital = word.charAt(0).toUpperCase() + word.slice(1).toLowerCase();
  for (const form of [word, word.toLowerCase(), capital]) {
    const place = places.get(form);
    if (place !== undefined) return place;
  }
  return undefined;
}

/**
 * Text by a language model: a run's folder, or a `model.onnx` of one.
 *
 * The prompt is tokenised as text for training is. A word that the model does not know in any case is read as `<unk>`; an empty prompt
 * starts a new line. `<unk>` is never written.
 *
 * @throws a usage error for a prompt none of whose words the model knows; an input error for a file that is no such model.
 */
export async function generateText(
  path: string,
  prompt: string,
  { runtime, ...sampling }: GenerateOptions,
): Promise<Generated> {
  const file = await modelFileOf(path);
  const bytes = await readFile(file).catch((error: unknown) => {
    throw inputError('the model cannot be read', { where: file, received: reasonOf(error), cause: error });
  });
  const onnx = readOnnx(bytes, file);
  const words = vocabularyOf(onnx, file);
  const places = new Map(words.map((word, place) => [word, place] as const));
  const unk = places.get(unknownWord) ?? 0;
  const tokens = prompt
    .split('\n')
    .flatMap((line, index) => [...(index > 0 ? [endOfSentenceWord] : []), ...tokenise(line)]);
  const read = tokens.map((word) => known(places, word));
  const unknown = tokens.filter((_, place) => read[place] === undefined);
  if (tokens.length > 0 && unknown.length === tokens.length) {
    throw usageError('the model knows none of the words of the prompt', {
      where: '--prompt',
      received: unknown.join(' '),
      hint: `it knows ${words.length} words, such as ${words
        .slice(2, 200)
        .filter((word) => word.length > 4)
        .slice(0, 5)
        .join(', ')}`,
    });
  }
  const eos = places.get(endOfSentenceWord);
  const start = eos === undefined ? [] : [eos];
  await using session = await runtime.createSession(bytes, 'inference');
  const written = await generateWords(session, zerosOf(onnx, file), [...start, ...read.map((place) => place ?? unk)], {
    ...sampling,
    never: [unk],
  });
  const text = (ids: readonly number[]): string[] => ids.map((place) => words[place] ?? unknownWord);
  const promptTokens = text(read.map((place) => place ?? unk));
  const after = text(written);
  const whole = detokenise([...promptTokens, ...after]);
  const beginning = detokenise(promptTokens);
  return Object.freeze({
    prompt: beginning,
    text: whole,
    promptTokens,
    tokens: after,
    unknown,
  });
}
