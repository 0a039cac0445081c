import type { Command } from 'commander';
import { fetchDataset } from '../../data/registry.ts';
import { dataRoots } from '../../data/locations.ts';
import { listDatasets, verifyDataset } from '../../data/overview.ts';
import { findTextEntry } from '../../data/text/catalog.ts';
import { listCorpora } from '../../data/text/describe.ts';
import { fetchText } from '../../data/text/locate-corpus.ts';
import { whole } from '../format.ts';
import { addGlyphOptions, glyphChoiceOf, type GlyphFlags } from '../glyph-options.ts';
import { exitCodes, outputOf, type CliContext } from '../io.ts';
import { createReporter } from '../progress.ts';
import { addTextData, describeText } from './data-text.ts';

interface DataCommandFlags extends GlyphFlags {
  readonly json?: true;
  readonly dataDir?: string;
  readonly mirror?: string;
  readonly quiet?: true;
  readonly labels?: string;
}

const examples = `
Examples:
  $ fixhead data list
  $ fixhead data fetch cifar-10
  $ fixhead data verify my-photos/
  $ fixhead data sotu
  $ fixhead data describe my-texts/
  $ fixhead data where`;

const inFolder = ({ dataDir }: DataCommandFlags) => (dataDir === undefined ? {} : { cacheDirectory: dataDir });

/** `fixhead data`: which datasets there are, where they lie, and whether they are whole. */
export function addData(program: Command, context: CliContext): void {
  const data = program
    .command('data')
    .summary('list, fetch, verify and describe datasets')
    .description('Lists, fetches, verifies and describes datasets: images and text.')
    .addHelpText('after', examples);
  const nested = (usage: string, description: string): Command =>
    data
      .command(usage)
      .description(description)
      .option('--data-dir <folder>', 'where named datasets are looked for first and fetched to')
      .option('--json', 'print one JSON document on stdout, everything else on stderr')
      .addHelpText('after', examples);
  nested('list', 'Lists the named datasets and whether they are on this machine.').action(
    async (flags: DataCommandFlags) => {
      await list(flags, context);
    },
  );
  nested('fetch <name>', 'Downloads a named dataset, checks it and unpacks it.')
    .option('--mirror <address>', 'a copy of the published files that is tried first')
    .option('--quiet', 'no progress')
    .action(async (name: string, flags: DataCommandFlags) => {
      await fetchNamed(name, flags, context);
    });
  addGlyphOptions(nested('verify <data>', 'Reads all of a dataset (a name or a path) and says what is wrong with it.'))
    .option('--labels <file>', 'labels of features in an .npy or .csv file')
    .option('--quiet', 'no progress')
    .action(async (spec: string, flags: DataCommandFlags) => {
      await verify(spec, flags, context);
    });
  addTextData(nested, context);
  nested('where', 'Prints the folders in which named datasets are looked for.').action((flags: DataCommandFlags) => {
    where(flags, context);
  });
}

async function list(flags: DataCommandFlags, { io }: CliContext): Promise<void> {
  const output = outputOf(io, flags.json === true);
  const datasets = await listDatasets(inFolder(flags));
  for (const { name, description, classes, image, train, validation, available, found, howToGet } of datasets) {
    const { channels, height, width } = image;
    const split = validation === 0 ? `${whole(train)} images` : `${whole(train)} + ${whole(validation)} images`;
    output.print(`${name}: ${description}`);
    output.print(`  ${classes} classes, ${split} of ${channels}×${height}×${width}`);
    output.print(`  ${available ? `here${found === undefined ? '' : `: ${found}`}` : `not here; ${howToGet}`}`);
  }
  output.print('glyphs: characters drawn from the installed fonts, or of your own with glyphs:FOLDER');
  output.print('Or any folder with one sub-folder of images for each class.');
  const corpora = await listCorpora(inFolder(flags));
  for (const { name, description, available, found, howToGet } of corpora) {
    output.print(`${name}: text; ${description}`);
    output.print(`  ${available ? `here${found === undefined ? '' : `: ${found}`}` : `not here; ${howToGet}`}`);
  }
  output.print('Or any folder of .txt files.');
  output.document({ datasets, corpora });
}

async function fetchNamed(name: string, flags: DataCommandFlags, { io }: CliContext): Promise<void> {
  const output = outputOf(io, flags.json === true);
  const reporter = createReporter(io.stderr, { quiet: flags.quiet === true });
  try {
    const options = {
      ...inFolder(flags),
      ...(flags.mirror === undefined ? {} : { mirror: flags.mirror }),
      onProgress: reporter.data,
    };
    const text = findTextEntry(name);
    const folder = text === undefined ? await fetchDataset(name, options) : (await fetchText(text, options)).path;
    reporter.close();
    output.print(folder === undefined ? `${name} comes with fixhead; nothing to fetch` : `${name}: ${folder}`);
    output.document({ name, folder: folder ?? null });
  } finally {
    reporter.close();
  }
}

async function verify(spec: string, flags: DataCommandFlags, context: CliContext): Promise<void> {
  if (findTextEntry(spec) !== undefined) {
    await describeText([spec], flags, context);
    return;
  }
  const output = outputOf(context.io, flags.json === true);
  const reporter = createReporter(context.io.stderr, { quiet: flags.quiet === true });
  try {
    const report = await verifyDataset(spec, {
      ...inFolder(flags),
      ...glyphChoiceOf(flags),
      ...(flags.labels === undefined ? {} : { labels: flags.labels }),
      onProgress: reporter.data,
    });
    reporter.close();
    const { name, ok, problems, notes, files, contents } = report;
    for (const problem of problems) output.print(`problem: ${problem}`);
    for (const note of notes) output.print(`note: ${note}`);
    for (const { file, checksum } of files) output.print(`${file}: checksum ${checksum}`);
    if (contents !== undefined) {
      const { classes, image, train, validation } = contents;
      output.print(
        `${name}: ${classes} classes, ${whole(train)} training and ${whole(validation)} validation images of ${image.channels}×${image.height}×${image.width}`,
      );
    }
    output.print(
      ok ? 'nothing wrong was found' : `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`,
    );
    output.document(report);
    if (!ok) context.setExitCode(exitCodes.failed);
  } finally {
    reporter.close();
  }
}

function where(flags: DataCommandFlags, { io }: CliContext): void {
  const output = outputOf(io, flags.json === true);
  const folders = dataRoots(flags.dataDir);
  output.print(
    'Named datasets are looked for in these folders, in a sub-folder of their name; the first one receives downloads:',
  );
  for (const folder of folders) output.print(`  ${folder}`);
  output.document({ folders });
}
