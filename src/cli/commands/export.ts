import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { usageError } from '../../core/errors.ts';
import type { WeightsChoice } from '../../runs/classifier-file.ts';
import { exportRun, type ExportTarget, type RunExport } from '../../runs/export-run.ts';
import { exportLanguageRun, isLanguageRun } from '../../runs/language-stored.ts';
import { bytes as bytesText, whole } from '../format.ts';
import { outputOf, type CliContext } from '../io.ts';
import * as parse from '../parse.ts';
import { createReporter } from '../progress.ts';
import { addDeviceOptions, openDevice, type DeviceFlags } from '../run-options.ts';
import { openOptionsOf, type DataFlags } from '../training-options.ts';
import { weightsOption } from './evaluate.ts';

interface ExportFlags extends DeviceFlags, Pick<DataFlags, 'download' | 'dataDir'> {
  readonly out?: string;
  readonly topK?: number;
  readonly split?: string;
  readonly overwrite?: true;
  readonly weights: WeightsChoice;
  readonly quiet?: true;
  readonly json?: true;
}

const examples = `
Examples:
  $ fixhead export runs/photos --weights best --out photos.onnx
  $ fixhead export runs/photos --top-k 5
  $ fixhead export runs/photos --split public/photos

Without --top-k the file is like the run's model.onnx: pixels in 0 … 1 in, all logits out. With it the outputs are classes (int64)
and logits (float32), [batch, K], the largest first. --split writes backbone.onnx (pixels to features), head.json (the fixed head
for openHead of fixhead/head, which runs in WebAssembly) and labels.json. Everything is compared with the trained model on the
run's validation images before it is written. --json prints {run, weights, model, head, features, classes, files: [{path, bytes}],
compared: {images, source}}; source is noise where the run's images cannot be had.
A run of fixhead lm gives two files: FILE, which writes a word at a time, and FILE-scorer.onnx, which judges a text.`;

/** `fixhead export`: a trained run as files for other programs. */
export function addExport(program: Command, context: CliContext): void {
  const command = program
    .command('export')
    .summary('write a trained model for other programs')
    .description(
      'Writes a trained run as an .onnx file, with all logits or its best classes, or as a backbone and a head.',
    )
    .argument('<run>', 'a run’s folder')
    .option('--out <file>', 'the file (default: named after the run, in this folder)')
    .option('--top-k <k>', 'give the K best classes instead of all logits', parse.whole('--top-k', 1))
    .option('--split <folder>', 'write backbone.onnx, head.json and labels.json into a folder')
    .option('--overwrite', 'replace files that are there already')
    .addOption(weightsOption())
    .option('--download', 'fetch a named dataset that is not on this machine')
    .option('--data-dir <folder>', 'where named datasets are looked for first and fetched to');
  addDeviceOptions(command)
    .option('--quiet', 'no progress')
    .option('--json', 'print one JSON document on stdout, everything else on stderr')
    .addHelpText('after', examples)
    .action(async (run: string, flags: ExportFlags) => {
      await exportCommand(run, flags, context);
    });
}

function targetOf(run: string, { out, topK, split }: ExportFlags): ExportTarget {
  if (split !== undefined) {
    if (out !== undefined) {
      throw usageError('--split names the folder of its files', { where: '--out', hint: 'leave one of them out' });
    }
    if (topK !== undefined) {
      throw usageError('the head of a split export gives any number of best classes', {
        where: '--top-k',
        hint: 'leave it out, and call head.topK(features, k)',
      });
    }
    return { kind: 'split', folder: split };
  }
  const stem = `${basename(resolve(run))}${topK === undefined ? '' : `-top${topK}`}`;
  return { kind: 'model', file: out ?? `${stem}.onnx`, ...(topK === undefined ? {} : { topK }) };
}

async function exportCommand(run: string, flags: ExportFlags, { io }: CliContext): Promise<void> {
  const output = outputOf(io, flags.json === true);
  const reporter = createReporter(io.stderr, { quiet: flags.quiet === true });
  try {
    const target = targetOf(run, flags);
    if (await isLanguageRun(run)) {
      if (target.kind === 'split' || target.topK !== undefined) {
        throw usageError('a language model is exported whole', {
          where: target.kind === 'split' ? '--split' : '--top-k',
          hint: 'leave it out',
        });
      }
      const exported = await exportLanguageRun(run, target.file, {
        weights: flags.weights,
        overwrite: flags.overwrite === true,
      });
      output.print(exported.files.map(({ path, bytes }) => `${path}  ${bytesText(bytes)}`).join('\n'));
      output.document(exported);
      return;
    }
    const runtime = await openDevice(flags, reporter.line);
    const written = await exportRun(run, target, {
      runtime,
      weights: flags.weights,
      overwrite: flags.overwrite === true,
      log: reporter.line,
      onDataProgress: reporter.data,
      ...openOptionsOf(flags),
    });
    reporter.close();
    output.print(textOf(written));
    output.document(written);
  } finally {
    reporter.close();
  }
}

function textOf({ files, compared }: RunExport): string {
  const { images, source } = compared;
  return [
    ...files.map(({ path, bytes }) => `${path}  ${bytesText(bytes)}`),
    `Agrees with the trained model on ${whole(images)} ${source === 'noise' ? 'images of noise' : 'validation images'}.`,
  ].join('\n');
}
