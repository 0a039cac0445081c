import { Option, type Command } from 'commander';
import { usageError } from '../../core/errors.ts';
import type { ImageShape } from '../../data/dataset.ts';
import type { ClassVectors, FeatureSign } from '../../heads/geometry.ts';
import { createHead } from '../../heads/head.ts';
import { formatHead, parseHead } from '../../heads/parse.ts';
import type { HeadSpec } from '../../heads/spec.ts';
import { createModel } from '../../heads/model.ts';
import { createBackbone, modelNameOf, modelNames } from '../../models/registry.ts';
import { writeHeadReport } from '../../report/head-page.ts';
import { vectorsFor } from '../../runs/class-vectors.ts';
import {
  examinePath,
  inspectHead,
  inspectModel,
  timedInspection,
  type Inspected,
  type RunInspectionOptions,
} from '../../runs/inspect.ts';
import { whole } from '../format.ts';
import { headHelp } from '../head-help.ts';
import { inspectionText } from '../inspect-text.ts';
import { outputOf, type CliContext } from '../io.ts';
import * as parse from '../parse.ts';
import { createReporter, type Reporter } from '../progress.ts';
import { addDeviceOptions, openDevice, type DeviceFlags } from '../run-options.ts';

interface InspectFlags extends DeviceFlags {
  readonly model?: string;
  readonly head?: HeadSpec;
  readonly classes?: number;
  readonly features?: number;
  readonly featuresSign?: FeatureSign;
  readonly image?: ImageShape;
  readonly images?: number;
  readonly dataDir?: string;
  readonly timing: boolean;
  readonly report?: string;
  readonly quiet?: true;
  readonly json?: true;
}

const defaultClasses = 10;
const defaultImage: ImageShape = { channels: 3, height: 32, width: 32 };
const signs = ['signed', 'non-negative'] as const satisfies readonly FeatureSign[];

const examples = `
Examples:
  $ fixhead inspect --head hadamard --classes 100000 --features 1024
  $ fixhead inspect --head simplex --classes 100 --features 128 --report head.html
  $ fixhead inspect --model resnet56 --head learned --classes 10 --image 3x32x32
  $ fixhead inspect runs/photos
  $ fixhead inspect resnet50.onnx --json

Cosines are measured: of all pairs up to 4096 class vectors, of a random sample above. Multiply-adds are those of convolutions and
matrix products for one image. In an .onnx file of another program the classifier is the last MatMul, Gemm or 1×1 convolution with
constant weights before the first output. --json prints {model, head, geometry, cost, parameters, memory, vectors, scale, timing,
training, classifier, layers, notes, …}; docs/inspect.md has all of it.`;

/** `fixhead inspect`: what a head is, promises and costs; layers and classifier of a model; what training did to a run's head. */
export function addInspect(program: Command, context: CliContext): void {
  const command = program
    .command('inspect')
    .summary('show what a head, a model or a run’s classifier is and costs')
    .description('Measures the class vectors of a head, a run or an .onnx file, and shows what its classifier costs.')
    .argument('[path]', 'a run’s folder or an .onnx file; or name a --head or a --model')
    .addOption(
      new Option('--head <head>', 'a head, with its options behind colons (with --model: default hadamard)').argParser(
        parseHead,
      ),
    )
    .option('--classes <n>', `number of classes (with --model: default ${defaultClasses})`, parse.whole('--classes', 2))
    .option('--features <n>', 'number of features (a --model has its own unless given)', parse.whole('--features', 2))
    .addOption(
      new Option(
        '--features-sign <sign>',
        'signed (the default), or non-negative as after a ReLU; for a --head without --model',
      ).argParser(parse.oneOf('--features-sign', signs)),
    )
    .option('--model <name>', `backbone: ${modelNames.join(', ')}`)
    .option('--image <CxHxW>', 'shape of an image, for --model (default: 3x32x32)', parse.imageShape)
    .option(
      '--images <n>',
      'of a run: how many images of each split to compute features of, 0 for none (default: 2000)',
      parse.whole('--images', 0),
    )
    .option('--data-dir <folder>', 'of a run: where named datasets are looked for first')
    .option('--report <file>', 'write a page with tables and charts')
    .option('--no-timing', 'do not measure how long the head takes on this machine');
  addDeviceOptions(command)
    .option('--quiet', 'no progress')
    .option('--json', 'print one JSON document on stdout, everything else on stderr')
    .addHelpText('after', headHelp + examples)
    .action(async (path: string | undefined, flags: InspectFlags) => {
      await inspect(path, flags, context);
    });
}

async function inspect(path: string | undefined, flags: InspectFlags, { io }: CliContext): Promise<void> {
  const output = outputOf(io, flags.json === true);
  const reporter = createReporter(io.stderr, { quiet: flags.quiet === true });
  try {
    const inspected =
      path === undefined
        ? await inspectNamed(flags)
        : await examinePath(path, pathOptions(path, flags, reporter, io.signal));
    const document =
      flags.timing && inspected.head !== undefined
        ? await timedInspection(inspected, await openDevice(flags, reporter.line))
        : inspected.document;
    reporter.close();
    if (flags.report !== undefined) await writeHeadReport(flags.report, document);
    output.print(inspectionText(document, output.width));
    if (flags.report !== undefined) output.print(`Report: ${flags.report}`);
    output.document(document);
  } finally {
    reporter.close();
  }
}

/** The options of a head and a model that need not exist. */
const described = ['model', 'head', 'classes', 'features', 'featuresSign', 'image'] as const;

function pathOptions(
  path: string,
  flags: InspectFlags,
  reporter: Reporter,
  signal: AbortSignal | undefined,
): RunInspectionOptions {
  if (described.some((option) => flags[option] !== undefined)) {
    throw usageError('a path and a model or head at once', {
      received: path,
      hint: '--model, --head, --classes, --features, --features-sign and --image describe what need not exist; a path names what does',
    });
  }
  const { images, dataDir } = flags;
  return {
    runtime: () => openDevice(flags, reporter.line),
    onProgress: (done, count) => {
      reporter.count(`${whole(done)} of ${whole(count)} images`, done, count);
    },
    onDataProgress: reporter.data,
    ...(signal === undefined ? {} : { signal }),
    ...(images === undefined ? {} : { images }),
    ...(dataDir === undefined ? {} : { cacheDirectory: dataDir }),
  };
}

/** A model or a head that the options name. */
async function inspectNamed(flags: InspectFlags): Promise<Inspected> {
  for (const [option, value] of [
    ['--images', flags.images],
    ['--data-dir', flags.dataDir],
  ] as const) {
    if (value !== undefined) throw usageError(`${option} is about a run`, { hint: 'name the run’s folder' });
  }
  return flags.model === undefined ? await namedHead(flags) : await namedModel(flags.model, flags);
}

async function namedModel(name: string, flags: InspectFlags): Promise<Inspected> {
  const { head = parseHead('hadamard'), image = defaultImage, features, featuresSign } = flags;
  if (featuresSign !== undefined) {
    throw usageError('--features-sign and --model at once', {
      hint: 'a model’s features have a sign of their own; leave --model out to look at a head alone',
    });
  }
  const vectors = await classVectorsOf(head);
  const classes = flags.classes ?? vectors?.classes ?? defaultClasses;
  const backbone = createBackbone(modelNameOf({ model: name, ...(features === undefined ? {} : { features }) }), image);
  const model = createModel(backbone, head, classes, vectors);
  return { document: inspectModel(model), head: model.head };
}

async function namedHead(flags: InspectFlags): Promise<Inspected> {
  const { head: spec, featuresSign: sign = 'signed', image } = flags;
  if (spec === undefined) {
    const given = [flags.classes, flags.features].some((value) => value !== undefined);
    throw usageError(given ? '--classes and --features are of a head' : 'nothing to inspect', {
      hint: given
        ? 'name the --head, as in --head hadamard --classes 1000 --features 512'
        : 'name a run’s folder, an .onnx file, a --model, or a --head with --classes and --features',
    });
  }
  if (image !== undefined) throw usageError('--image is about a --model', { hint: 'leave it out, or name a --model' });
  const vectors = await classVectorsOf(spec);
  const { classes = vectors?.classes, features = vectors?.features } = flags;
  if (classes === undefined || features === undefined) {
    throw usageError('a head needs --classes and --features', {
      received: classes === undefined ? 'no --classes' : 'no --features',
      hint: 'as in --head hadamard --classes 1000 --features 512, or name a --model to put the head on',
    });
  }
  const head = createHead(spec, { classes, features, sign, ...(vectors === undefined ? {} : { vectors }) });
  return { document: inspectHead(head, sign), head };
}

/** What a custom head consists of; nothing for others. */
async function classVectorsOf(spec: HeadSpec): Promise<ClassVectors | undefined> {
  return (await vectorsFor([spec])).get(formatHead(spec));
}
