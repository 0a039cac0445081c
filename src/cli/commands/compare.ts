import { Option, type Command } from 'commander';
import type { HeadSpec } from '../../heads/spec.ts';
import { checkModelName, modelNameOf, modelNames } from '../../models/registry.ts';
import { startComparison } from '../../runs/compare.ts';
import { firstRun } from '../defaults.ts';
import { comparisonProgress, showComparison } from '../comparison-output.ts';
import { freshFolder } from '../folders.ts';
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
  addTaskOptions,
  datasetChoiceOf,
  modelFor,
  openOptionsOf,
  recipeOf,
  taskOf,
  type DataFlags,
  type RecipeFlags,
  type TaskFlags,
} from '../training-options.ts';

interface CompareFlags extends DataFlags, RecipeFlags, TaskFlags, WorkFlags {
  readonly model?: string;
  readonly features?: number;
  readonly heads: readonly HeadSpec[];
  readonly seeds: readonly number[];
  readonly lowering: 'auto' | 'portable';
  readonly out?: string;
  readonly overwrite?: true;
}

const examples = `
Examples:
  $ fixhead compare
  $ fixhead compare fashion-mnist --model resnet20 --heads learned,hadamard,orthonormal --seeds 0,1,2 --epochs 10
  $ fixhead compare my-photos/ --image-size 48x48 --on-unreadable skip --augment crop=4,flip --out runs/photos

DATA is a named dataset (fixhead data list), a folder with one sub-folder of images for each class, a folder of IDX or
CIFAR files, or a .tar.gz of one of these. Without DATA: ${firstRun.data}, which comes with fixhead.
Ctrl-C saves; fixhead resume FOLDER goes on.`;

/** `fixhead compare`: trains one model with several heads and prints what they cost and give. */
export function addCompare(program: Command, context: CliContext): void {
  const command = program
    .command('compare')
    .summary('train the same model with each head and compare them')
    .description(
      'Trains the same model, from the same weights and batches, with each head; prints a table and writes a report.',
    )
    .argument('[data]', 'the images', firstRun.data)
    .option(
      '--model <name>',
      `backbone: ${modelNames.join(', ')} (default: ${firstRun.model}, or adapter for features)`,
    )
    .option(
      '--features <n>',
      'features that the classifier sees, by an embedding behind the backbone (default: the backbone’s own)',
      parse.whole('--features', 2),
    )
    .addOption(
      new Option('--heads <list>', `heads with commas between: ${headChoices}`)
        .argParser(parse.heads)
        .default(parse.heads(firstRun.heads), firstRun.heads),
    )
    .addOption(
      new Option('--seeds <list>', 'one run of each head for each seed, as in 0,1,2')
        .argParser(parse.seeds)
        .default(parse.seeds(firstRun.seeds), firstRun.seeds),
    )
    .option('--out <folder>', 'where everything goes (default: a new runs/compare-DATA-MODEL)')
    .option('--overwrite', 'replace the run in that folder');
  addWorkOptions(addLoweringOption(addDataOptions(addRecipeOptions(addTaskOptions(command)))))
    .addHelpText('after', headHelp + examples)
    .action(async (data: string, flags: CompareFlags) => {
      await compare(data, flags, context);
    });
}

async function compare(data: string, flags: CompareFlags, context: CliContext): Promise<void> {
  const output = outputOf(context.io, flags.json === true);
  // A misspelt name should not cost the reading of the data.
  const model = modelNameOf({ ...flags, model: flags.model ?? modelFor(data) });
  checkModelName(model);
  checkOverwrite(flags.out, flags.overwrite);
  const { recipe, notes } = recipeOf(flags, data);
  const task = taskOf(flags);
  const reporter = createReporter(context.io.stderr, { quiet: flags.quiet === true });
  try {
    for (const note of notes) reporter.line(`note: ${note}`);
    const folder = flags.out ?? (await freshFolder('compare', data, model));
    const runtime = await openDevice(flags, reporter.line);
    const runOf = comparisonProgress(reporter, flags.heads.length * flags.seeds.length);
    const settings = {
      dataset: datasetChoiceOf(data, flags),
      model,
      heads: flags.heads,
      seeds: flags.seeds,
      task,
      recipe,
      lowering: flags.lowering,
    };
    if (flags.quiet !== true) reporter.line(runtime.description);
    const result = await startComparison(folder, settings, {
      ...runOptionsOf(flags, runtime, context.io, { log: reporter.line, data: reporter.data }),
      ...openOptionsOf(flags),
      overwrite: flags.overwrite === true,
      onEvent: (head, seed, event) => {
        context.io.onTraining?.();
        runOf(head, seed)(event);
      },
    });
    reporter.close();
    showComparison(result, output, reporter, context);
  } finally {
    reporter.close();
  }
}
