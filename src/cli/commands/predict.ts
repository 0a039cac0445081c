import type { Command } from 'commander';
import { predictImages, type Prediction } from '../../runs/predict.ts';
import type { WeightsChoice } from '../../runs/classifier-file.ts';
import { percent } from '../format.ts';
import { exitCodes, outputOf, type CliContext } from '../io.ts';
import * as parse from '../parse.ts';
import { createReporter } from '../progress.ts';
import { addDeviceOptions, openDevice, type DeviceFlags } from '../run-options.ts';
import { weightsOption } from './evaluate.ts';

interface PredictFlags extends DeviceFlags {
  readonly top: number;
  readonly weights: WeightsChoice;
  readonly json?: true;
}

/** Beyond so many classes their names are longer than the answer; each answer has its own. */
const MOST_LISTED_LABELS = 1000;

const examples = `
Examples:
  $ fixhead predict runs/photos holiday.jpg
  $ fixhead predict model.onnx inbox/ --top 3 --json

Images are turned, scaled and cropped to the model's size as training images are. An image that cannot be read is named, the
others are still classified, and the exit code is 1. --json prints {model, labels, predictions: [{file, top: [{label, index,
probability}]}], failed: [{file, error}]}; labels is null for more than ${MOST_LISTED_LABELS} classes.`;

/** `fixhead predict`: the most probable classes of image files. */
export function addPredict(program: Command, context: CliContext): void {
  const command = program
    .command('predict')
    .summary('classify images')
    .description('Classifies image files with a trained model.')
    .argument('<model>', 'a run’s folder or an .onnx file')
    .argument('<images...>', 'image files, or folders of them')
    .option('--top <k>', 'how many classes to show for each image', parse.whole('--top', 1), 3)
    .addOption(weightsOption());
  addDeviceOptions(command)
    .option('--json', 'print one JSON document on stdout, everything else on stderr')
    .addHelpText('after', examples)
    .action(async (model: string, images: readonly string[], flags: PredictFlags) => {
      await predict(model, images, flags, context);
    });
}

async function predict(
  model: string,
  images: readonly string[],
  flags: PredictFlags,
  context: CliContext,
): Promise<void> {
  const { io } = context;
  const json = flags.json === true;
  const output = outputOf(io, json);
  const reporter = createReporter(io.stderr, { quiet: false });
  const show = (prediction: Prediction): void => {
    if (prediction.kind === 'failed') reporter.line(`error: ${prediction.error}`);
    else if (!json) output.print(`${prediction.file}: ${textOf(prediction)}`);
  };
  const runtime = await openDevice(flags, reporter.line);
  const { labels, predictions } = await predictImages(model, images, {
    runtime,
    top: flags.top,
    weights: flags.weights,
    onPrediction: show,
    onProgress: (done, count) => {
      if (json) reporter.count(`${done} of ${count} images`, done, count);
    },
    ...(io.signal === undefined ? {} : { signal: io.signal }),
  });
  const read = predictions.filter((each) => each.kind === 'read').map(({ file, top }) => ({ file, top }));
  const failed = predictions.filter((each) => each.kind === 'failed').map(({ file, error }) => ({ file, error }));
  const listed = labels === undefined || labels.length > MOST_LISTED_LABELS ? null : labels;
  output.document({ model, labels: listed, predictions: read, failed });
  if (failed.length > 0) {
    reporter.line(`${failed.length} of ${predictions.length} images could not be read`);
    context.setExitCode(exitCodes.failed);
  }
}

function textOf({ top }: Extract<Prediction, { kind: 'read' }>): string {
  return top.map(({ label, probability }) => `${label} ${percent(probability)}`).join(', ');
}
