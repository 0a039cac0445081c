import type { Command } from 'commander';
import { startLanguageComparison } from '../../runs/language-compare.ts';
import { choiceName, type StoredVectorChoice } from '../../runs/language-config.ts';
import { startLanguageRun } from '../../runs/language-run.ts';
import { freshFolder } from '../folders.ts';
import { outputOf, type CliContext } from '../io.ts';
import {
  addLanguageOptions,
  corpusChoiceOf,
  embeddingFlag,
  languageRecipeOf,
  languageSizesOf,
  paperVariantNames,
  variants,
  vectorChoiceOf,
  type EmbeddingFlag,
  type LanguageFlags,
} from '../language-options.ts';
import { comparisonVariants, showLanguageComparison } from '../language-comparison-output.ts';
import { languageProgress, showLanguageRun, vectorProgress } from '../language-output.ts';
import * as parse from '../parse.ts';
import { createReporter, type Reporter } from '../progress.ts';
import { addDeviceOptions, addLoweringOption, checkOverwrite, openDevice, type DeviceFlags } from '../run-options.ts';
import { openOptionsOf } from '../training-options.ts';

interface SharedFlags extends LanguageFlags, DeviceFlags {
  readonly out?: string;
  readonly overwrite?: true;
  readonly saveEvery?: number;
  readonly quiet?: true;
  readonly json?: true;
}

interface LmFlags extends SharedFlags {
  readonly embedding: EmbeddingFlag;
  readonly tie?: true;
  readonly fixed?: true;
  readonly logits?: 'dot' | 'cosine';
}

interface CompareFlags extends SharedFlags {
  readonly variants: readonly StoredVectorChoice[];
}

const textHelp = `
TEXT is a named corpus (sotu, wikitext-2), a folder in the layout of WikiText or the Penn Treebank (wiki.train.tokens …,
train.txt …), any folder of .txt files, or text files; what does not come divided is divided by --data-seed.
Ctrl-C saves; fixhead resume FOLDER goes on.`;

const examples = `
Examples:
  $ fixhead lm sotu --embedding word2vec --fixed --tie
  $ fixhead lm my-texts/ --embedding pmi --fixed --epochs 10 --out runs/mine
  $ fixhead lm wikitext-2 --download --model paper --embedding glove.6B.300d.txt --size 300 --fixed --tie
${textHelp}
--embedding: learned; orthonormal (random), hadamard (computed, not stored), word2vec, pmi (made from the training text), or a
file of vectors. Without --fixed they are where training starts. --tie predicts words with the vectors that they enter with.
Fixed vectors give logits α·cos(vector, state) + bias, trained ones ⟨vector, state⟩ + bias, unless --logits says otherwise.`;

const compareExamples = `
Examples:
  $ fixhead lm compare sotu
  $ fixhead lm compare my-texts/ --variants learned-tied,word2vec-fixed-tied,orthonormal-fixed-tied --epochs 4
${textHelp}
A variant is a kind of word vectors and then, with hyphens between, fixed, tied or untied, and dot or cosine. --json prints
{corpus: {tokens, vocabulary}, variants: [{embedding, fixed, tied, validationPerplexity, testPerplexity,
parameters: {total, trainable}, secondsPerEpoch}], report}.`;

function addSharedOptions(command: Command): Command {
  addLoweringOption(addLanguageOptions(command))
    .option('--out <folder>', 'where everything goes (default: a new folder in runs/)')
    .option('--overwrite', 'replace the run in that folder');
  return addDeviceOptions(command)
    .option('--save-every <steps>', 'save every so many steps (default: once a minute)', parse.whole('--save-every', 1))
    .option('--quiet', 'no progress')
    .option('--json', 'print one JSON document on stdout, everything else on stderr');
}

/** `fixhead lm`: trains a word-level language model; `fixhead lm compare`: the paper's experiment with it. */
export function addLm(program: Command, context: CliContext): void {
  const command = program
    .command('lm')
    // The options of compare are its own, not those of lm.
    .enablePositionalOptions()
    .summary('train a language model whose word vectors may be fixed, or compare several')
    .description('Trains a word-level LSTM language model on text and says how well it predicts held-out text.')
    .argument('[text...]', 'the text')
    .option(
      '--embedding <kind>',
      'word vectors: learned, orthonormal, hadamard, word2vec, pmi or a file',
      embeddingFlag,
      embeddingFlag('learned'),
    )
    .option('--tie', 'predict words with the vectors that they enter with')
    .option('--fixed', 'do not train the word vectors')
    .option('--logits <form>', 'dot or cosine', parse.oneOf('--logits', ['dot', 'cosine']));
  addSharedOptions(command)
    .addHelpText('after', examples)
    .action(async (inputs: readonly string[], flags: LmFlags) => {
      await lm(inputs, flags, context);
    });

  const compare = command
    .command('compare')
    .summary('train the same model with each kind of word vectors')
    .description(
      'Trains the same language model with each kind of word vectors, shared and not; prints a table and writes a report.',
    )
    .argument('[text...]', 'the text')
    .option('--variants <list>', 'variants with commas between', variants, variants(paperVariantNames));
  addSharedOptions(compare)
    .addHelpText('after', compareExamples)
    .action(async (inputs: readonly string[], flags: CompareFlags) => {
      await compareModels(inputs, flags, context);
    });
}

function optionsOf(flags: SharedFlags, reporter: Reporter, { io }: CliContext) {
  return {
    log: reporter.line,
    onDataProgress: reporter.data,
    onVectors: vectorProgress(reporter),
    overwrite: flags.overwrite === true,
    ...openOptionsOf(flags),
    ...(io.signal === undefined ? {} : { signal: io.signal }),
    ...(flags.saveEvery === undefined ? {} : { saveEverySteps: flags.saveEvery }),
  };
}

function settingsOf(inputs: readonly string[], flags: SharedFlags) {
  return {
    corpus: corpusChoiceOf(inputs, flags),
    sizes: languageSizesOf(flags),
    recipe: languageRecipeOf(flags),
    seed: flags.seed,
    lowering: flags.lowering,
  };
}

async function lm(given: readonly string[], flags: LmFlags, context: CliContext): Promise<void> {
  const output = outputOf(context.io, flags.json === true);
  checkOverwrite(flags.out, flags.overwrite);
  const inputs = given.length === 0 ? ['sotu'] : given;
  const settings = { ...settingsOf(inputs, flags), choice: vectorChoiceOf(flags.embedding, flags) };
  const reporter = createReporter(context.io.stderr, { quiet: flags.quiet === true });
  try {
    const title = choiceName(settings.choice);
    const folder = flags.out ?? (await freshFolder('lm', inputs[0] ?? '', title));
    const runtime = await openDevice(flags, reporter.line);
    reporter.progress(runtime.description);
    const run = await startLanguageRun(folder, settings, {
      ...optionsOf(flags, reporter, context),
      runtime,
      onEvent: languageProgress(reporter, context, title),
    });
    reporter.close();
    await showLanguageRun(run, runtime, output, reporter, context);
  } finally {
    reporter.close();
  }
}

async function compareModels(given: readonly string[], flags: CompareFlags, context: CliContext): Promise<void> {
  const output = outputOf(context.io, flags.json === true);
  checkOverwrite(flags.out, flags.overwrite);
  const inputs = given.length === 0 ? ['sotu'] : given;
  const settings = { ...settingsOf(inputs, flags), choices: flags.variants };
  const reporter = createReporter(context.io.stderr, { quiet: flags.quiet === true });
  try {
    const folder = flags.out ?? (await freshFolder('lm-compare', inputs[0] ?? ''));
    const runtime = await openDevice(flags, reporter.line);
    reporter.progress(runtime.description);
    const result = await startLanguageComparison(folder, settings, {
      ...optionsOf(flags, reporter, context),
      runtime,
      onEvent: comparisonVariants(reporter, context, flags.variants.length),
    });
    reporter.close();
    await showLanguageComparison(result, runtime, output, reporter, context);
  } finally {
    reporter.close();
  }
}
