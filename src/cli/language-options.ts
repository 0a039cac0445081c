import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { usageError } from '../core/errors.ts';
import { nearestOf } from '../core/suggest.ts';
import type { LanguageRecipe } from '../language/trainer.ts';
import { adam } from '../optim/optimizer.ts';
import { cosineSchedule } from '../optim/schedule.ts';
import { choiceName, type CorpusChoice, type StoredVectorChoice } from '../runs/language-config.ts';
import { embeddingKinds, type EmbeddingKind, type LanguageModelSizes } from '../runs/language-tables.ts';
import * as parse from './parse.ts';
import { addTextOptions, textOptionsOf, type TextFlags } from './text-options.ts';

/** Sizes that have a name: `paper` is the language model of Hoffer, Hubara & Soudry 2018, two layers of 512. */
const namedSizes = {
  small: { size: 128, layers: 1, dropout: 0.1 },
  medium: { size: 256, layers: 2, dropout: 0.2 },
  paper: { size: 512, layers: 2, dropout: 0.5 },
} as const;

type SizeName = keyof typeof namedSizes;
const sizeNames = Object.keys(namedSizes) as SizeName[];

/** Options about a language model and its training. */
export interface LanguageFlags extends TextFlags {
  readonly model: SizeName;
  readonly size?: number;
  readonly hidden?: number;
  readonly layers?: number;
  readonly dropout?: number;
  readonly bias: LanguageModelSizes['bias'];
  readonly epochs: number;
  readonly batchSize: number;
  readonly window: number;
  readonly lr: number;
  readonly warmup: number;
  readonly clip: number;
  readonly seed: number;
  readonly lowering: 'auto' | 'portable';
  readonly download?: true;
  readonly dataDir?: string;
}

const sizeHelp = sizeNames.map((name) => `${name} (${namedSizes[name].layers}×${namedSizes[name].size})`).join(', ');

export function addLanguageOptions(command: Command): Command {
  return addTextOptions(command)
    .option('--model <name>', `layers × numbers of the LSTM: ${sizeHelp}`, parse.oneOf('--model', sizeNames), 'medium')
    .option('--size <n>', 'numbers of a word vector, and of the last layer’s state', parse.whole('--size', 2))
    .option('--hidden <n>', 'numbers of the other layers’ state (default: --size)', parse.whole('--hidden', 1))
    .option('--layers <n>', 'layers of the LSTM', parse.whole('--layers', 1))
    .option('--dropout <p>', 'share of numbers dropped between layers', parse.real('--dropout', { least: 0, below: 1 }))
    .option(
      '--bias <how>',
      'first bias of the classifier: unigram (the words’ log frequencies) or zero',
      parse.oneOf('--bias', ['unigram', 'zero'] as const satisfies readonly LanguageModelSizes['bias'][]),
      'unigram',
    )
    .option('--epochs <n>', 'passes over the training text', parse.whole('--epochs', 1), 6)
    .option('--batch-size <n>', 'places of the text that are read side by side', parse.whole('--batch-size', 1), 32)
    .option('--window <n>', 'words that a gradient goes back', parse.whole('--window', 1), 35)
    .option('--lr <rate>', 'learning rate of Adam', parse.real('--lr', { above: 0 }), 0.002)
    .option(
      '--warmup <epochs>',
      'epochs in which the rate rises, before it falls in a cosine',
      parse.real('--warmup', { least: 0 }),
      0.05,
    )
    .option('--clip <norm>', 'largest norm of the gradients', parse.real('--clip', { above: 0 }), 1)
    .option('--seed <n>', 'seed of weights, dropout and vectors', parse.whole('--seed', 0), 0)
    .option('--download', 'fetch a named corpus that is not on this machine')
    .option('--data-dir <folder>', 'where named corpora are looked for first and fetched to');
}

/** The text that the options choose. */
export function corpusChoiceOf(inputs: readonly string[], flags: LanguageFlags): CorpusChoice {
  return { inputs, ...textOptionsOf(flags) };
}

/** The model's sizes that the options choose; a size that the vectors of a file have wins over the model's own. */
export function languageSizesOf(flags: LanguageFlags): LanguageModelSizes {
  const named = namedSizes[flags.model];
  const size = flags.size ?? named.size;
  return {
    size,
    hidden: flags.hidden ?? size,
    layers: flags.layers ?? named.layers,
    dropout: flags.dropout ?? named.dropout,
    bias: flags.bias,
  };
}

/** @throws a usage error for a warm-up that is longer than the training. */
export function languageRecipeOf({ epochs, batchSize, window, lr, warmup, clip }: LanguageFlags): LanguageRecipe {
  if (warmup >= epochs) {
    throw usageError('the warm-up is not shorter than the training', {
      where: '--warmup',
      expected: `less than ${epochs} epochs`,
      received: String(warmup),
    });
  }
  return {
    epochs,
    batch: batchSize,
    window,
    learningRate: lr,
    optimizer: adam({}),
    schedule: cosineSchedule({ warmupEpochs: warmup }),
    clipNorm: clip,
  };
}

const madeKinds = embeddingKinds.filter((kind) => kind !== 'file');

/** What `--embedding` names: a kind, or a file of word vectors. */
export interface EmbeddingFlag {
  readonly embedding: EmbeddingKind;
  readonly file?: string;
}

/** A kind of word vectors, or the path of a file of them. */
export function embeddingFlag(text: string): EmbeddingFlag {
  const kind = madeKinds.find((each) => each === text);
  if (kind !== undefined) return { embedding: kind };
  if (existsSync(text)) return { embedding: 'file', file: resolve(text) };
  throw usageError('unknown word vectors, and no file of this name', {
    where: '--embedding',
    received: text,
    legal: [...madeKinds, 'a file of vectors in the text form of word2vec, GloVe or fastText'],
    ...nearestOf(text, madeKinds),
  });
}

/** The choice of word vectors of a single run. */
export function vectorChoiceOf(
  { embedding, file }: EmbeddingFlag,
  flags: { readonly tie?: true; readonly fixed?: true; readonly logits?: 'dot' | 'cosine' },
): StoredVectorChoice {
  const fixed = flags.fixed === true;
  return {
    embedding,
    tied: flags.tie === true,
    fixed,
    logits: flags.logits ?? (fixed ? 'cosine' : 'dot'),
    ...(file === undefined ? {} : { file }),
  };
}

/**
 * A variant by its name: a kind of word vectors, then `fixed`, `tied` or `untied`, `dot` or `cosine`, as far as they are meant, with
 * hyphens between.
 */
export function variant(text: string): StoredVectorChoice {
  const [kind = '', ...words] = text.split('-');
  const embedding = madeKinds.find((each) => each === kind);
  const allowed = ['fixed', 'tied', 'untied', 'dot', 'cosine'] as const;
  const wrong = words.find((word) => !allowed.some((each) => each === word));
  if (embedding === undefined || wrong !== undefined) {
    throw usageError('unknown variant', {
      where: '--variants',
      received: text,
      legal: embedding === undefined ? madeKinds : allowed,
      hint: 'as in learned-tied,word2vec-fixed-tied,orthonormal-fixed-untied',
    });
  }
  const fixed = words.includes('fixed');
  const form = words.includes('dot') ? 'dot' : words.includes('cosine') ? 'cosine' : fixed ? 'cosine' : 'dot';
  return { embedding, tied: words.includes('tied'), fixed, logits: form };
}

/** The paper's experiment, with vectors shared and not. */
const paperVariants: readonly StoredVectorChoice[] = [
  'learned',
  'orthonormal-fixed',
  'word2vec-fixed',
  'pmi-fixed',
  'hadamard-fixed',
].flatMap((name) => [variant(`${name}-untied`), variant(`${name}-tied`)]);

/** Names of {@link paperVariants}, for help and defaults. */
export const paperVariantNames = paperVariants.map(choiceName).join(',');

/** Variants with commas between. */
export const variants = parse.listOf('--variants', variant);
