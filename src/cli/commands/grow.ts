import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { usageError } from '../../core/errors.ts';
import { kindOf } from '../../data/files.ts';
import { cosineSchedule } from '../../optim/schedule.ts';
import { openTrainingRun } from '../../runs/classifier-file.ts';
import type { TrainConfig } from '../../runs/config.ts';
import { checkFree, planGrowth, writeGrowth, type Growth, type GrowSettings } from '../../runs/grow.ts';
import { divisionOf, startGrowth } from '../../runs/grow-run.ts';
import type { Recipe } from '../../train/recipe.ts';
import { freshFolder } from '../folders.ts';
import { whole } from '../format.ts';
import { growDocument, growthText, scoresTable, showGrownRun } from '../grow-output.ts';
import { outputOf, type CliContext, type Output } from '../io.ts';
import * as parse from '../parse.ts';
import { createReporter } from '../progress.ts';
import { addWorkOptions, openDevice, runOptionsOf, type WorkFlags } from '../run-options.ts';
import { addRecipeOptions, openOptionsOf, recipeOf, type DataFlags, type RecipeFlags } from '../training-options.ts';
import { trainingProgress } from '../training-output.ts';

interface GrowFlags extends RecipeFlags, WorkFlags, Pick<DataFlags, 'download' | 'dataDir' | 'validationFraction'> {
  readonly class: string;
  readonly data: string;
  readonly old?: string;
  readonly dataSeed?: number;
  readonly onUnreadable?: 'skip' | 'fail';
  readonly dryRun?: true;
  readonly out?: string;
  readonly overwrite?: true;
}

/** What training on is, where nothing is asked for: short and with small steps, so that the old classes keep what they know. */
const trainingOn = { epochs: 2, learningRate: 0.01 };

const examples = `
Examples:
  $ fixhead grow runs/animals --class zebra --data zebra-photos/
  $ fixhead grow runs/animals --class zebra --data zebra-photos/ --epochs 0 --out animals.onnx
  $ fixhead grow animals.onnx --class zebra --data zebra-photos/ --old animal-photos/

The new class takes an unused class vector of the fixed head; the old classes keep theirs. A run is trained on its own data and the
new images in a new run folder (${trainingOn.epochs} epochs at learning rate ${trainingOn.learningRate} unless asked otherwise); with --epochs 0, and for an .onnx file that
fixhead wrote, nothing is trained: vector and bias are chosen by the features of the images, and a new .onnx file is written.
--json prints {class, slot, cosine, bias, old: {classes, images, before, after, takenForNew}, new: {train, images, accuracy},
output, …}; old is null where there is no data of the old classes.`;

/** `fixhead grow`: one class more for a model with a fixed head. */
export function addGrow(program: Command, context: CliContext): void {
  const command = program
    .command('grow')
    .summary('add a class to a model with a fixed head')
    .description('Gives a new class an unused class vector of a model, with or without training.')
    .argument('<model>', 'a run’s folder, or an .onnx file that fixhead wrote')
    .requiredOption('--class <name>', 'the name of the new class')
    .requiredOption('--data <folder>', 'a folder with images of the new class')
    .option('--old <data>', 'of an .onnx file: data of the old classes, to choose the bias by and to measure on')
    .option(
      '--validation-fraction <share>',
      'of an .onnx file: share of the images held out to measure on (default: 0.2)',
      parse.real('--validation-fraction', { above: 0, below: 1 }),
    )
    .option('--data-seed <n>', 'of an .onnx file: seed of that division (default: 0)', parse.whole('--data-seed', 0))
    .option(
      '--on-unreadable <what>',
      'images that cannot be read: skip (and say which) or fail (default: as the run; fail)',
      parse.oneOf('--on-unreadable', ['skip', 'fail']),
    )
    .option('--download', 'fetch a named dataset that is not on this machine')
    .option('--data-dir <folder>', 'where named datasets are looked for first and fetched to')
    .option('--dry-run', 'all but the training and the writing')
    .option('--out <path>', 'the new run’s folder, or the new .onnx file without training')
    .option('--overwrite', 'replace what is there');
  addWorkOptions(addRecipeOptions(command)).addHelpText('after', examples);
  const epochs = command.options.find(({ long }) => long === '--epochs');
  epochs?.argParser(parse.whole('--epochs', 0));
  command.action(async (path: string, flags: GrowFlags) => {
    await grow(path, flags, context);
  });
}

function refuseForRun(flags: GrowFlags): void {
  for (const [option, value] of [
    ['--old', flags.old],
    ['--validation-fraction', flags.validationFraction],
    ['--data-seed', flags.dataSeed],
  ] as const) {
    if (value === undefined) continue;
    throw usageError('a run has its own data, divided as it is', {
      where: option,
      hint: 'leave it out, or name the run’s model.onnx in place of the run',
    });
  }
}

function settingsOf(path: string, flags: GrowFlags, config: TrainConfig | undefined): GrowSettings {
  const named = { path, class: flags.class, folder: flags.data };
  if (config !== undefined) {
    refuseForRun(flags);
    return {
      ...named,
      ...divisionOf(config),
      ...(flags.onUnreadable === undefined ? {} : { onUnreadable: flags.onUnreadable }),
    };
  }
  if (flags.epochs !== undefined && flags.epochs > 0) {
    throw usageError('only a run can be trained on, and this is a file', {
      where: '--epochs',
      received: String(flags.epochs),
      hint: `leave it out to add the class without training; to train the file on data of all classes: fixhead fix ${path} --data DATA --new-classes`,
    });
  }
  const { old, dataSeed: seed = 0, onUnreadable = 'fail', validationFraction } = flags;
  const division = { seed, onUnreadable, ...(validationFraction === undefined ? {} : { validationFraction }) };
  return { ...named, ...division, ...(old === undefined ? {} : { old: { spec: old, ...division, inMemory: 'auto' } }) };
}

/** The run's recipe, shorter and with smaller steps, with what the options change. */
function recipeFor(
  flags: GrowFlags,
  config: TrainConfig,
): { readonly recipe: Recipe; readonly notes: readonly string[] } {
  return recipeOf(flags, config.dataset.spec, {
    ...config.recipe,
    ...trainingOn,
    schedule: cosineSchedule({}),
    assignment: [],
  });
}

/** The file that a grown model without training goes to: `MODEL-CLASS.onnx` in this folder. */
function defaultFile(path: string, name: string): string {
  const plain = name.replaceAll(/[^\p{L}\p{N}._-]+/gu, '-');
  return `${basename(resolve(path)).replace(/\.onnx$/i, '')}-${plain}.onnx`;
}

async function grow(path: string, flags: GrowFlags, context: CliContext): Promise<void> {
  const { io } = context;
  const output = outputOf(io, flags.json === true);
  const reporter = createReporter(io.stderr, { quiet: flags.quiet === true });
  try {
    const config = (await kindOf(path)) === 'folder' ? (await openTrainingRun(path)).config : undefined;
    const settings = settingsOf(path, flags, config);
    const trained = config !== undefined && flags.epochs !== 0 ? recipeFor(flags, config) : undefined;
    const file = flags.out ?? defaultFile(path, flags.class);
    if (trained === undefined && flags.dryRun !== true) await checkFree(file, flags.overwrite === true);
    const runtime = await openDevice(flags, reporter.line);
    if (flags.quiet !== true) reporter.line(runtime.description);
    const options = {
      ...runOptionsOf(flags, runtime, io, { log: reporter.line, data: reporter.data }),
      ...openOptionsOf(flags),
    };
    const growth = await planGrowth(settings, {
      ...options,
      onProgress: (what, done, count) => {
        reporter.count(`${what}: ${whole(done)} of ${whole(count)} images`, done, count);
      },
    });
    reporter.close();
    output.print(growthText(growth));
    if (flags.dryRun === true || trained === undefined) {
      if (flags.dryRun !== true) await writeGrowth(file, growth);
      showFile(growth, flags.dryRun === true ? null : file, output);
      return;
    }
    for (const note of trained.notes) reporter.line(`note: ${note}`);
    const folder = flags.out ?? (await freshFolder('grow', path, flags.class));
    const run = { ...settings, recipe: trained.recipe };
    const grown = await startGrowth(folder, growth, run, {
      ...options,
      overwrite: flags.overwrite === true,
      onEvent: trainingProgress(reporter, growth.stored.model.head.name, context),
    });
    reporter.close();
    showGrownRun(growth, grown, output, reporter, context);
  } finally {
    reporter.close();
  }
}

function showFile(growth: Growth, file: string | null, output: Output): void {
  output.print([scoresTable(growth), ...(file === null ? [] : [`Model: ${file}`])].join('\n'));
  output.document(growDocument(growth, file));
}
