import { Option, type Command } from 'commander';
import { usageError } from '../../core/errors.ts';
import { evaluatePath } from '../../runs/evaluate.ts';
import { evaluateLanguageModel, isLanguageRun } from '../../runs/language-stored.ts';
import type { WeightsChoice } from '../../runs/classifier-file.ts';
import { percent, whole } from '../format.ts';
import { addGlyphOptions, glyphChoiceOf } from '../glyph-options.ts';
import { judgementDocument, neighbourText } from '../judgement.ts';
import { outputOf, type CliContext } from '../io.ts';
import * as parse from '../parse.ts';
import { createReporter } from '../progress.ts';
import { addDeviceOptions, openDevice, type DeviceFlags } from '../run-options.ts';
import { addFileOptions, fileChoiceOf, openOptionsOf, type DataFlags } from '../training-options.ts';

interface EvaluateFlags extends DeviceFlags, Omit<DataFlags, 'imageSize'> {
  readonly split: 'validation' | 'train' | 'test';
  readonly weights: WeightsChoice;
  readonly knn?: number;
  readonly quiet?: true;
  readonly json?: true;
}

const examples = `
Examples:
  $ fixhead evaluate runs/photos
  $ fixhead evaluate runs/photos other-photos/ --split train
  $ fixhead evaluate model.onnx fashion-mnist --json

Without DATA a run is evaluated on its own data. Images of a folder take the model's size, and classes are matched by
name. --json prints {accuracy, top5, loss, count}: shares of 1, and the mean cross-entropy in nats.
A model that was trained with --task instance has no classes: its features are judged by the labels of the nearest training
images, and --json prints {accuracy, nearest, top5, neighbours, temperature, count}; nearest is the share that the one nearest
image gets right.
A run of fixhead lm is judged by the perplexity of its own text, or of DATA, a text file or a folder of them, in its own words;
--json prints {text, tokens, loss, perplexity, unknownShare}.`;

export function weightsOption(): Option {
  return new Option(
    '--weights <which>',
    'of a run: model (model.onnx, after the last epoch), or checkpoint last or best',
  )
    .argParser(parse.oneOf('--weights', ['model', 'last', 'best']))
    .default('model');
}

/** `fixhead evaluate`: accuracy and loss of a run's model or an `.onnx` file. */
export function addEvaluate(program: Command, context: CliContext): void {
  const command = program
    .command('evaluate')
    .summary('measure a trained model')
    .description('Runs a trained model on labelled images and prints its accuracy and loss.')
    .argument('<model>', 'a run’s folder or an .onnx file')
    .argument('[data]', 'the images (default: the run’s own)')
    .option(
      '--split <which>',
      'validation or train; of a language model’s text also test',
      parse.oneOf('--split', ['validation', 'train', 'test']),
      'validation',
    )
    .addOption(weightsOption())
    .option('--knn <k>', 'of a model that gives features: neighbours that vote', parse.whole('--knn', 1))
    .option(
      '--validation-fraction <share>',
      'share of DATA held out for validation',
      parse.real('--validation-fraction', { above: 0, below: 1 }),
    )
    .option('--data-seed <n>', 'seed of that division', parse.whole('--data-seed', 0), 0)
    .option('--on-unreadable <what>', 'skip or fail', parse.oneOf('--on-unreadable', ['skip', 'fail']), 'fail')
    .option('--download', 'fetch a named dataset that is not on this machine')
    .option('--data-dir <folder>', 'where named datasets are looked for first and fetched to');
  addDeviceOptions(addFileOptions(addGlyphOptions(command)))
    .option('--quiet', 'no progress')
    .option('--json', 'print one JSON document on stdout, everything else on stderr')
    .addHelpText('after', examples)
    .action(async (model: string, data: string | undefined, flags: EvaluateFlags) => {
      if (await isLanguageRun(model)) await evaluateLanguage(model, data, flags, context);
      else await evaluate(model, data, flags, context);
    });
}

/** A language model's perplexity, on its own text or another one. */
async function evaluateLanguage(
  model: string,
  text: string | undefined,
  flags: EvaluateFlags,
  { io }: CliContext,
): Promise<void> {
  const output = outputOf(io, flags.json === true);
  const reporter = createReporter(io.stderr, { quiet: flags.quiet === true });
  try {
    const result = await evaluateLanguageModel(model, {
      runtime: await openDevice(flags, reporter.line),
      split: flags.split,
      weights: flags.weights,
      onDataProgress: reporter.data,
      onProgress: (done, count) => {
        reporter.count(`${whole(done)} of ${whole(count)} windows`, done, count);
      },
      ...openOptionsOf(flags),
      ...(text === undefined ? {} : { text }),
    });
    reporter.close();
    const { tokens, perplexity, loss, unknownShare } = result;
    output.print(
      `${whole(tokens)} words of ${result.text}: perplexity ${perplexity.toFixed(2)} (${loss.toFixed(4)} nats a word), ${percent(unknownShare)} of them unknown to the model`,
    );
    output.document(result);
  } finally {
    reporter.close();
  }
}

async function evaluate(
  model: string,
  data: string | undefined,
  flags: EvaluateFlags,
  { io }: CliContext,
): Promise<void> {
  const { split } = flags;
  if (split === 'test') {
    throw usageError('only a language model’s text has a test part', {
      where: '--split',
      legal: ['validation', 'train'],
    });
  }
  const output = outputOf(io, flags.json === true);
  const reporter = createReporter(io.stderr, { quiet: flags.quiet === true });
  try {
    const runtime = await openDevice(flags, reporter.line);
    const fraction = flags.validationFraction;
    const result = await evaluatePath(model, {
      runtime,
      split,
      weights: flags.weights,
      ...(flags.knn === undefined ? {} : { neighbours: flags.knn }),
      log: reporter.line,
      onDataProgress: reporter.data,
      onProgress: (done, count) => {
        reporter.count(`${whole(done)} of ${whole(count)} images`, done, count);
      },
      ...openOptionsOf(flags),
      ...(io.signal === undefined ? {} : { signal: io.signal }),
      ...(data === undefined
        ? {}
        : {
            data: {
              spec: data,
              seed: flags.dataSeed,
              onUnreadable: flags.onUnreadable,
              ...fileChoiceOf(flags),
              ...(fraction === undefined ? {} : { validationFraction: fraction }),
              ...glyphChoiceOf(flags),
            },
          }),
    });
    reporter.close();
    for (const note of result.dataset.notes) reporter.line(`note: ${note}`);
    const { accuracy, top5, count } = result;
    const measured =
      'loss' in result
        ? `accuracy ${percent(accuracy)}, top 5 ${percent(top5)}, loss ${result.loss.toFixed(4)}`
        : `k-NN accuracy ${neighbourText(result)}, ${whole(result.vote.neighbours)} neighbours`;
    output.print(`${whole(count)} ${split} images of ${result.dataset.name}: ${measured}`);
    output.document(judgementDocument(result));
  } finally {
    reporter.close();
  }
}
