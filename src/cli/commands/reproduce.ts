import { Option, type Command } from 'commander';
import { missingLines, reproductionRemarks, reproductionTable } from '../../report/reproduce-table.ts';
import type { ReproductionDocument } from '../../report/reproduce-document.ts';
import { fetchMissing, planReproduction, plannedDocument, reproduce } from '../../runs/reproduce.ts';
import { rowsOf, tableOne, tableOneCaveat, tableOneSource } from '../../runs/reproduce-rows.ts';
import { comparisonProgress } from '../comparison-output.ts';
import { exitCodes, outputOf, type CliContext, type Output } from '../io.ts';
import * as parse from '../parse.ts';
import { createReporter } from '../progress.ts';
import { addLoweringOption, addWorkOptions, openDevice, runOptionsOf, type WorkFlags } from '../run-options.ts';
import { openOptionsOf } from '../training-options.ts';

interface ReproduceFlags extends WorkFlags {
  readonly rows?: readonly string[];
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly seeds: readonly number[];
  readonly imagenet?: string;
  readonly download?: true;
  readonly dataDir?: string;
  readonly lowering: 'auto' | 'portable';
  readonly out: string;
  readonly overwrite?: true;
  readonly dryRun?: true;
}

const examples = `
Rows: ${tableOne.map(({ id }) => id).join(', ')}.

Examples:
  $ fixhead reproduce table1 --dry-run
  $ fixhead reproduce table1 --rows resnet56-cifar10 --download
  $ fixhead reproduce table1 --rows resnet56-cifar10 --epochs 10 --out runs/table1-short
  $ fixhead reproduce table1 --rows resnet50-imagenet --imagenet /data/imagenet --device cuda

Rows whose data is here are trained with the paper's recipe, learned against fixed; of the others it is said which data is missing
and how to get it. The parameter columns need no data. The folder gets table.md, table.html, results.json and one comparison
for each row. The same command again goes on after a stop.`;

/** `fixhead reproduce`: the tables of the paper, computed and trained here, beside the published figures. */
export function addReproduce(program: Command, context: CliContext): void {
  const reproduceCommand = program
    .command('reproduce')
    .summary('train the rows of the paper’s table and print both figures')
    .description(
      'Trains the rows of a published table with the paper’s recipes and prints the published figures beside ours.',
    );
  const command = reproduceCommand
    .command('table1')
    .summary('accuracy and parameters of five networks, learned against fixed classifier')
    .description(`${tableOneSource}: learned against fixed classifiers, ours beside the published figures.`)
    .addOption(
      new Option('--rows <list>', 'rows with commas between (default: all)').argParser(
        parse.listOf('--rows', (text) => text),
      ),
    )
    .option(
      '--epochs <n>',
      'train shorter (or longer) than the paper; the schedule keeps its shape',
      parse.whole('--epochs', 1),
    )
    .option('--batch-size <n>', 'images of one step (default: the paper’s)', parse.whole('--batch-size', 1))
    .addOption(
      new Option('--seeds <list>', 'one run of each head for each seed, as in 0,1,2')
        .argParser(parse.seeds)
        .default(parse.seeds('0'), '0'),
    )
    .option('--imagenet <folder>', 'ImageNet: a folder with train/ and val/, or with their tar archives')
    .option('--download', 'fetch CIFAR where it is not on this machine')
    .option('--data-dir <folder>', 'where named datasets are looked for first and fetched to')
    .option('--out <folder>', 'where everything goes', 'runs/reproduce-table1')
    .option('--overwrite', 'replace rows in that folder that were trained with other settings')
    .option('--dry-run', 'print the parameters and which data is missing; train and write nothing');
  addWorkOptions(addLoweringOption(command))
    .addHelpText('after', examples)
    .action(async (flags: ReproduceFlags) => {
      await reproduceTable(flags, context);
    });
}

async function reproduceTable(flags: ReproduceFlags, context: CliContext): Promise<void> {
  const output = outputOf(context.io, flags.json === true);
  const rows = flags.rows === undefined ? tableOne : rowsOf(flags.rows);
  const { allowDownload: _, ...places } = openOptionsOf(flags);
  const planned = await planReproduction({
    rows,
    seeds: flags.seeds,
    lowering: flags.lowering,
    source: tableOneSource,
    caveat: tableOneCaveat,
    ...places,
    ...(flags.epochs === undefined ? {} : { epochs: flags.epochs }),
    ...(flags.batchSize === undefined ? {} : { batchSize: flags.batchSize }),
    ...(flags.imagenet === undefined ? {} : { imagenet: flags.imagenet }),
  });
  const reporter = createReporter(context.io.stderr, { quiet: flags.quiet === true });
  try {
    const download = flags.download === true && flags.dryRun !== true;
    const plan = download ? await fetchMissing(planned, reporter.data) : planned;
    const here = plan.rows.filter(({ data }) => data.kind === 'here');
    if (flags.dryRun === true || here.length === 0) {
      reporter.close();
      show(plannedDocument(plan), output, context);
      output.print(
        here.length === 0
          ? 'Nothing was trained: the data of none of these rows is on this machine.'
          : `Nothing was trained (--dry-run). Data is here for ${here.map(({ row }) => row.id).join(', ')}.`,
      );
      return;
    }
    const runtime = await openDevice(flags, reporter.line);
    if (flags.quiet !== true) reporter.line(runtime.description);
    const runOf = comparisonProgress(reporter, here.length * 2 * flags.seeds.length);
    const { status, document } = await reproduce(flags.out, plan, {
      ...runOptionsOf(flags, runtime, context.io, { log: reporter.line, data: reporter.data }),
      ...places,
      overwrite: flags.overwrite === true,
      onEvent: (row, head, seed, event) => {
        context.io.onTraining?.();
        runOf(`${row} ${head}`, seed)(event);
      },
    });
    reporter.close();
    show(document, output, context);
    if (document.files !== null)
      output.print(`Written: ${document.files.markdown}, table.html and results.json beside it`);
    if (status === 'interrupted') {
      reporter.line('stopped; everything is saved. The same command goes on.');
      context.setExitCode(exitCodes.interrupted);
    }
  } finally {
    reporter.close();
  }
}

function show(document: ReproductionDocument, output: Output, context: CliContext): void {
  output.print(`\n${reproductionTable(document, { width: output.width })}`);
  for (const line of reproductionRemarks(document)) output.print(line);
  for (const { id, notes } of document.rows) {
    if (notes.length > 0) output.print(`\n${id}`);
    for (const note of notes) output.print(`  ${note}`);
  }
  output.print('');
  for (const line of missingLines(document)) output.print(`${line}\n`);
  output.document(document);
  // Set beside the published ones is all that is done about numbers that differ, but not silently.
  if (document.rows.some(({ parameters, share }) => !parameters.matches || !share.matches)) {
    context.setExitCode(exitCodes.failed);
  }
}
