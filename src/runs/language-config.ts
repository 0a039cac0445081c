import { z } from 'zod';
import type { LanguageRecipe } from '../language/trainer.ts';
import type { JsonObject } from '../train/json.ts';
import type { Run, RunConfig } from '../train/run-folder.ts';
import { optimizer, parseConfig, schedule, withoutUndefined } from './config-shapes.ts';
import { embeddingKinds, type LanguageModelSizes, type VectorChoice } from './language-tables.ts';

/** Which text a run was started on: enough to open it again. */
export interface CorpusChoice {
  /** A corpus's name, or folders and files, made absolute. */
  readonly inputs: readonly string[];
  /** Of the division of a text that does not come divided. */
  readonly seed: number;
  readonly minCount?: number;
  readonly maxWords?: number;
  readonly lowercase?: boolean;
  readonly validationFraction?: number;
  readonly testFraction?: number;
}

/** A choice of word vectors with the file that `file` stands for. */
export interface StoredVectorChoice extends VectorChoice {
  /** The file of vectors, made absolute; the run folder holds a copy of its vectors. */
  readonly file?: string;
}

interface SharedSettings {
  readonly corpus: CorpusChoice;
  readonly sizes: LanguageModelSizes;
  readonly recipe: LanguageRecipe;
  readonly seed: number;
  readonly lowering: 'auto' | 'portable';
}

/** Everything that decides a language model's training, but for the text, which the fingerprint stands for. */
export interface LanguageSettings extends SharedSettings {
  readonly choice: StoredVectorChoice;
}

/** The same model trained once with each choice of word vectors. */
export interface LanguageCompareSettings extends SharedSettings {
  readonly choices: readonly StoredVectorChoice[];
}

/** What `config.json` of a language model's run holds. */
export interface LanguageConfig extends LanguageSettings {
  readonly fingerprint: string;
}

/** What `config.json` of a comparison of language models holds. */
export interface LanguageCompareConfig extends LanguageCompareSettings {
  readonly fingerprint: string;
}

const count = z.number().int().positive();
const corpus = z
  .object({
    inputs: z.array(z.string()).min(1),
    seed: z.number().int(),
    minCount: count.optional(),
    maxWords: count.optional(),
    lowercase: z.boolean().optional(),
    validationFraction: z.number().optional(),
    testFraction: z.number().optional(),
  })
  .transform(withoutUndefined);

const choice = z
  .object({
    embedding: z.enum(embeddingKinds),
    tied: z.boolean(),
    fixed: z.boolean(),
    logits: z.enum(['dot', 'cosine']),
    file: z.string().optional(),
  })
  .transform(withoutUndefined);

const shared = {
  corpus,
  sizes: z.object({
    size: count,
    hidden: count,
    layers: count,
    dropout: z.number(),
    bias: z.enum(['unigram', 'zero']),
  }),
  recipe: z.object({
    epochs: count,
    batch: count,
    window: count,
    learningRate: z.number(),
    optimizer,
    schedule,
    clipNorm: z.number().nullable(),
  }),
  seed: z.number().int(),
  lowering: z.enum(['auto', 'portable']),
  fingerprint: z.string(),
};

const runShape = z.object({ ...shared, choice });
const compareShape = z.object({ ...shared, choices: z.array(choice).min(1) });

/** The kinds of runs that language models make. */
export const languageKinds = Object.freeze({ run: 'lm', compare: 'lm-compare' });

/** The settings of a language model's run. @throws an input error naming the damaged settings. */
export function languageConfigOf(run: Run): LanguageConfig {
  return parseConfig(runShape, run, languageKinds.run);
}

/** The settings of a comparison of language models. @throws an input error naming the damaged settings. */
export function languageCompareConfigOf(run: Run): LanguageCompareConfig {
  return parseConfig(compareShape, run, languageKinds.compare);
}

/** Settings as they are stored. They hold plain data only, so JSON keeps them whole. */
export function storedLanguageConfig(settings: LanguageConfig | LanguageCompareConfig): RunConfig {
  const plain = JSON.parse(JSON.stringify(settings)) as JsonObject;
  return { ...plain, version: 1, kind: 'choice' in settings ? languageKinds.run : languageKinds.compare };
}

/** The form of the logits that a choice has unless it is asked for another one. */
export function usualLogits({ fixed }: Pick<VectorChoice, 'fixed'>): VectorChoice['logits'] {
  return fixed ? 'cosine' : 'dot';
}

/** The name of a choice: `word2vec-fixed-tied`. */
export function choiceName(choice: VectorChoice): string {
  const { embedding, tied, fixed, logits } = choice;
  const form = logits === usualLogits(choice) ? [] : [logits];
  return [embedding, ...(fixed ? ['fixed'] : []), tied ? 'tied' : 'untied', ...form].join('-');
}
