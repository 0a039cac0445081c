import { Option, type Command } from 'commander';
import { formatHead, parseHead } from '../../heads/parse.ts';
import type { HeadSpec } from '../../heads/spec.ts';
import { checkModelName, modelNameOf, modelNames } from '../../models/registry.ts';
import { startTraining } from '../../runs/training-run.ts';
import { firstRun } from '../defaults.ts';
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
import { showTraining, trainingProgress } from '../training-output.ts';

interface TrainFlags extends DataFlags, RecipeFlags, TaskFlags, WorkFlags {
  readonly model?: string;
  readonly features?: number;
  readonly head: HeadSpec;
  readonly seed: number;
  readonly lowering: 'auto' | 'portable';
  readonly out?: string;
  readonly overwrite?: true;
}

const examples = `
Examples:
  $ fixhead train mnist-small --model cnn --head hadamard
  $ fixhead train my-photos/ --model resnet20 --head orthonormal:seed=3 --epochs 30 --augment crop=4,flip --out runs/photos
  $ fixhead train cifar-10 --model resnet56 --head hadamard --recipe paper-cifar --download
  $ fixhead train fashion-mnist --task instance --model resnet8 --head hadamard --augment crop=4,flip --epochs 3

The folder then holds config.json, metrics.jsonl, checkpoints, model.onnx (pixels in 0 … 1 in, logits out) and labels.json.
With --task instance every training image is a class of its own. model.onnx then gives features of length 1, and they are
judged by the labels of each validation image’s nearest training images, beside raw pixels and the untrained network.
Ctrl-C saves; fixhead resume FOLDER goes on, bit for bit as if it had not been stopped.`;

/** `fixhead train`: one model with one head. */
export function addTrain(program: Command, context: CliContext): void {
  const command = program
    .command('train')
    .summary('train one model')
    .description('Trains one model with one head and exports it as model.onnx.')
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
    .addOption(new Option('--head <head>', headChoices).argParser(parseHead).default(parseHead('hadamard'), 'hadamard'))
    .option('--seed <n>', 'seed of weights, order and augmentation', parse.whole('--seed', 0), 0)
    .option('--out <folder>', 'where everything goes (default: a new runs/train-DATA-MODEL-HEAD)')
    .option('--overwrite', 'replace the run in that folder');
  addWorkOptions(addLoweringOption(addDataOptions(addRecipeOptions(addTaskOptions(command)))))
    .addHelpText('after', headHelp + examples)
    .action(async (data: string, flags: TrainFlags) => {
      await train(data, flags, context);
    });
}

async function train(data: string, flags: TrainFlags, context: CliContext): Promise<void> {
  const { head, seed, lowering } = flags;
  const model = modelNameOf({ ...flags, model: flags.model ?? modelFor(data) });
  const output = outputOf(context.io, flags.json === true);
  // A misspelt name should not cost the reading of the data.
  checkModelName(model);
  checkOverwrite(flags.out, flags.overwrite);
  const { recipe, notes } = recipeOf(flags, data);
  const task = taskOf(flags);
  const reporter = createReporter(context.io.stderr, { quiet: flags.quiet === true });
  try {
    for (const note of notes) reporter.line(`note: ${note}`);
    const folder = flags.out ?? (await freshFolder('train', data, model, formatHead(head)));
    const runtime = await openDevice(flags, reporter.line);
    if (flags.quiet !== true) reporter.line(runtime.description);
    const settings = { dataset: datasetChoiceOf(data, flags), model, head, task, recipe, seed, lowering };
    const run = await startTraining(folder, settings, {
      ...runOptionsOf(flags, runtime, context.io, { log: reporter.line, data: reporter.data }),
      ...openOptionsOf(flags),
      overwrite: flags.overwrite === true,
      onEvent: trainingProgress(reporter, formatHead(head), context),
    });
    reporter.close();
    for (const note of run.dataset.notes) reporter.line(`note: ${note}`);
    showTraining(run, output, reporter, context);
  } finally {
    reporter.close();
  }
}
