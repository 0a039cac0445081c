import { Option, type Command } from 'commander';
import { usageError } from '../../core/errors.ts';
import { distillation } from '../../heads/distillation.ts';
import { formatHead, parseHead } from '../../heads/parse.ts';
import type { HeadSpec } from '../../heads/spec.ts';
import { fixName, planFix, startFix, type FixPlan, type FixSettings } from '../../runs/fix.ts';
import { parsePixels, pixelNames, type PixelChoice } from '../../runs/pixels.ts';
import type { TrainChoice } from '../../surgery/index.ts';
import { fineTuning } from '../defaults.ts';
import { planDocument, planText, showFix } from '../fix-output.ts';
import { freshFolder } from '../folders.ts';
import { whole } from '../format.ts';
import { headChoices, headHelp } from '../head-help.ts';
import { outputOf, type CliContext } from '../io.ts';
import * as parse from '../parse.ts';
import { createReporter } from '../progress.ts';
import {
  addLoweringOption,
  addWorkOptions,
  checkOverwrite,
  openDevice,
  runOptionsOf,
  type WorkFlags,
} from '../run-options.ts';
import {
  addDataOptions,
  addRecipeOptions,
  datasetChoiceOf,
  openOptionsOf,
  recipeOf,
  type DataFlags,
  type RecipeFlags,
} from '../training-options.ts';
import { trainingProgress } from '../training-output.ts';

interface FixFlags extends DataFlags, RecipeFlags, WorkFlags {
  readonly data: string;
  readonly head: HeadSpec;
  readonly train: TrainChoice;
  readonly adapter?: number;
  readonly output?: string;
  readonly node?: string;
  readonly pixels: PixelChoice | 'auto';
  readonly newClasses?: true;
  readonly teacher?: true;
  readonly unlabelled?: true;
  readonly teacherTemperature?: number;
  readonly teacherWeight?: number;
  readonly dryRun?: true;
  readonly seed: number;
  readonly lowering: 'auto' | 'portable';
  readonly out?: string;
  readonly overwrite?: true;
}

const examples = `
Examples:
  $ fixhead fix birds.onnx --data bird-photos/ --dry-run
  $ fixhead fix birds.onnx --data bird-photos/ --head hadamard --epochs 3
  $ fixhead fix resnet50.onnx --data my-photos/ --new-classes --train last=2
  $ fixhead fix resnet50.onnx --data unsorted-photos/ --teacher --unlabelled --train head --adapter 256

What is trained: all layers, the last K blocks (last=K), or the head alone (its scale and bias, and an adapter where one is
asked for). --teacher learns the original’s own answers, which needs no labels.
Pixels: ${pixelNames.join(', ')}, or mean=M,M,M/std=S,S,S; auto tries these on labelled images.
--json prints {classifier: {node, features, classes, parameters, share, how}, before: {accuracy, bytes, milliseconds, …},
after: {…}, output, …}; with --dry-run after and output are null.
The folder then holds model.onnx, with the inputs and outputs of the original, labels.json and report.html.`;

/** `all`, `head`, or `last=K`. */
function trainChoice(text: string): TrainChoice {
  if (text === 'all' || text === 'head') return { kind: text };
  const [, count] = /^last=(\d+)$/.exec(text) ?? [];
  if (count !== undefined && Number(count) >= 1) return { kind: 'blocks', count: Number(count) };
  throw usageError('unknown choice', {
    where: '--train',
    received: text,
    legal: ['all', 'last=K (the last K blocks)', 'head'],
  });
}

/** `fixhead fix`: replaces the classifier of an ONNX model by a fixed head. */
export function addFix(program: Command, context: CliContext): void {
  const command = program
    .command('fix')
    .summary('replace the classifier of an ONNX model')
    .description(
      'Finds the classifier of an .onnx model, replaces it by a fixed head, and fine-tunes the model on your data.',
    )
    .argument('<model>', 'the .onnx file')
    .requiredOption(
      '--data <data>',
      'what to train and measure on: a folder of images by class, features, or a dataset',
    )
    .addOption(new Option('--head <head>', headChoices).argParser(parseHead).default(parseHead('hadamard'), 'hadamard'))
    .addOption(
      new Option('--train <what>', 'which layers: all, last=K blocks, or head')
        .argParser(trainChoice)
        .default({ kind: 'all' }, 'all'),
    )
    .option('--adapter <n>', 'a trained linear layer to n features in front of the head', parse.whole('--adapter', 2))
    .option('--output <name>', 'the output that gives the classes, where the model has several')
    .option('--node <name>', 'the node (or its weights) to replace, where the last product is another one')
    .addOption(
      new Option('--pixels <how>', 'how pixels are fed (see below)')
        .argParser((text) => (text === 'auto' ? text : parsePixels(text)))
        .default('auto'),
    )
    .option('--new-classes', 'the classes of the data replace those of the model')
    .option('--teacher', 'learn the original’s answers instead of labels')
    .option('--unlabelled', 'with --teacher: DATA is a folder of images without classes')
    .option(
      '--teacher-temperature <t>',
      `softens the answers (default: ${distillation.temperature})`,
      parse.real('--teacher-temperature', { above: 0 }),
    )
    .option(
      '--teacher-weight <share>',
      'share of the loss; the labels have the rest (default: 1)',
      parse.real('--teacher-weight', { above: 0 }),
    )
    .option('--dry-run', 'all but the training: what is found, what it would become, how the original does')
    .option('--seed <n>', 'seed of weights, order and augmentation', parse.whole('--seed', 0), 0)
    .option('--out <folder>', 'where everything goes (default: a new runs/fix-DATA-MODEL-HEAD)')
    .option('--overwrite', 'replace the run in that folder');
  addWorkOptions(addLoweringOption(addDataOptions(addRecipeOptions(command))))
    .addHelpText('after', headHelp + examples)
    .action(async (model: string, flags: FixFlags) => {
      await fix(model, flags, context);
    });
}

function teacherOf(flags: FixFlags): FixSettings['original']['teacher'] {
  const { teacher, teacherTemperature: temperature, teacherWeight: weight } = flags;
  if (teacher !== true) {
    if (temperature === undefined && weight === undefined) return undefined;
    const where = temperature === undefined ? '--teacher-weight' : '--teacher-temperature';
    throw usageError('there is no teacher', { where, hint: 'add --teacher' });
  }
  if (weight !== undefined && weight > 1) {
    throw usageError('a share of the loss is at most 1', { where: '--teacher-weight', received: String(weight) });
  }
  if (flags.newClasses === true) {
    throw usageError('the original cannot teach classes that it does not have', {
      where: '--teacher',
      hint: 'leave out --new-classes or --teacher',
    });
  }
  return {
    temperature: temperature ?? distillation.temperature,
    weight: weight ?? distillation.weight,
  };
}

function checkUnlabelled({ unlabelled, teacher, teacherWeight = 1 }: FixFlags): void {
  if (unlabelled !== true || (teacher === true && teacherWeight === 1)) return;
  throw usageError('without labels only a teacher’s answers can be learned', {
    where: '--unlabelled',
    hint: teacher === true ? 'leave out --teacher-weight' : 'add --teacher',
  });
}

function settingsOf(model: string, flags: FixFlags, log: (line: string) => void): FixSettings {
  const { recipe, notes } = recipeOf(flags, flags.data, fineTuning(flags.train));
  for (const note of notes) log(`note: ${note}`);
  const teacher = teacherOf(flags);
  checkUnlabelled(flags);
  const { adapter, output, node, train, head, seed, lowering, pixels } = flags;
  return {
    original: {
      file: model,
      train,
      ...(adapter === undefined ? {} : { adapter }),
      ...(output === undefined ? {} : { output }),
      ...(node === undefined ? {} : { node }),
      ...(teacher === undefined ? {} : { teacher }),
    },
    dataset: { ...datasetChoiceOf(flags.data, flags), ...(flags.unlabelled === true ? { unlabelled: true } : {}) },
    newClasses: flags.newClasses === true,
    ...{ head, recipe, seed, lowering, pixels },
  };
}

async function fix(model: string, flags: FixFlags, context: CliContext): Promise<void> {
  const { io } = context;
  const output = outputOf(io, flags.json === true);
  checkOverwrite(flags.out, flags.overwrite);
  const reporter = createReporter(io.stderr, { quiet: flags.quiet === true });
  const announce = (plan: FixPlan): void => {
    reporter.close();
    output.print(planText(plan));
  };
  try {
    const settings = settingsOf(model, flags, reporter.line);
    const runtime = await openDevice(flags, reporter.line);
    if (flags.quiet !== true) reporter.line(runtime.description);
    const options = {
      ...runOptionsOf(flags, runtime, io, { log: reporter.line, data: reporter.data }),
      ...openOptionsOf(flags),
      onProgress: (done: number, count: number) => {
        reporter.count(`the original on ${whole(done)} of ${whole(count)} images`, done, count);
      },
    };
    if (flags.dryRun === true) {
      const plan = await planFix(settings, options);
      announce(plan);
      output.document(planDocument(plan));
      return;
    }
    const folder = flags.out ?? (await freshFolder('fix', flags.data, fixName(settings)));
    const fixed = await startFix(folder, settings, {
      ...options,
      overwrite: flags.overwrite === true,
      onPlan: announce,
      onEvent: trainingProgress(reporter, formatHead(settings.head), context),
    });
    reporter.close();
    showFix(fixed, output, reporter, context);
  } finally {
    reporter.close();
  }
}
