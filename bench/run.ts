import { availableParallelism } from 'node:os';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { FixheadError, usageError } from '../src/core/errors.ts';
import { nearestOf } from '../src/core/suggest.ts';
import type { BenchDocument, Measured, Progress } from './document.ts';
import { benchData } from './data.ts';
import { benchDecode } from './decode.ts';
import { benchFwht } from './fwht.ts';
import { benchHead, type HeadBenchOptions } from './head.ts';
import { benchInference } from './inference.ts';
import { benchLmRecurrence } from './lm-recurrence.ts';
import { benchLmStep } from './lm-step.ts';
import { describeMachine, loadNow } from './machine.ts';
import { benchMillion } from './million.ts';
import { writeResults } from './results.ts';
import { textTable } from './table.ts';
import { profileSteps, timeCreation } from './step-profile.ts';
import { stepModels } from './step-models.ts';
import { benchTrainStep } from './train-step.ts';
import { benchWordSoftmax, type WordSoftmaxOptions } from './word-softmax.ts';

/** Options that every bench has. */
interface Shared {
  readonly json?: boolean;
  readonly write?: boolean;
  readonly date: string;
  readonly threads: number;
  readonly quick?: boolean;
  readonly python?: string;
}

interface TrainStepWords extends Shared {
  readonly models: readonly string[];
  readonly batch?: number;
  readonly image?: number;
  readonly steps?: number;
  readonly checkpointActivations?: boolean;
  readonly profile?: boolean;
  readonly create?: boolean;
}

interface InferenceWords extends Shared {
  readonly models: readonly string[];
  readonly batch: readonly number[];
  readonly steps?: number;
}

interface HeadWords extends Shared {
  readonly chromium: string;
  readonly sizes: HeadBenchOptions['sizes'];
  readonly batch: readonly number[];
  readonly steps?: number;
  readonly calls?: number;
}

interface FwhtWords extends Shared {
  readonly exponents: readonly number[];
  readonly ffht?: string;
  readonly steps?: number;
}

interface DataWords extends Shared {
  readonly batch: number;
  readonly image: number;
  readonly steps?: number;
}

interface DecodeWords extends Shared {
  readonly batch: number;
  readonly image: number;
  readonly images?: number;
  readonly steps?: number;
}

interface MillionWords extends Shared {
  readonly classes: number;
  readonly features: number;
  readonly batch: number;
  readonly bases: number;
  readonly budget: number;
  readonly steps?: number;
}

interface LmRecurrenceWords extends Shared {
  readonly hidden: readonly number[];
  readonly layers: number;
  readonly window: number;
  readonly batch: number;
  readonly steps?: number;
}

interface LmStepWords extends LmRecurrenceWords {
  readonly words: number;
}

interface WordSoftmaxWords extends Shared {
  readonly sizes: WordSoftmaxOptions['sizes'];
  readonly steps?: number;
}

function whole(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError('It must be a whole number of at least 1.');
}

const list = (text: string): readonly string[] => text.split(',').map((part) => part.trim());
const wholes = (text: string): readonly number[] => list(text).map(whole);

function sizes(text: string): HeadBenchOptions['sizes'] {
  return list(text).map((size) => {
    const [, features = '', classes = ''] = /^(\d+)x(\d+)$/.exec(size) ?? [];
    if (features === '') throw new InvalidArgumentError('It must look like 2048x1000: features x classes.');
    return { features: whole(features), classes: whole(classes) };
  });
}

function places(text: string): WordSoftmaxOptions['sizes'] {
  return list(text).map((size) => {
    const [, batch = '', features = '', words = ''] = /^(\d+)x(\d+)x(\d+)$/.exec(size) ?? [];
    if (batch === '') throw new InvalidArgumentError('It must look like 1120x256x16000: rows x features x words.');
    return { batch: whole(batch), features: whole(features), words: whole(words) };
  });
}

const WORD_SIZES = '1120x256x16000,700x512x33000';
const STEP_MODELS = stepModels.map(({ name }) => name).join(',');
const FWHT_EXPONENTS = '9,10,11,12,13,14,15,16';
const HEAD_SIZES = '512x512,2048x1000,512x100000,1024x1000000';

/** Debian's PyTorch belongs to the system's interpreter, which need not be the first on the path. */
const interpretersOf = ({ python }: Shared): readonly string[] =>
  python === undefined ? ['python3', '/usr/bin/python3'] : [python];

const progress: Progress = (line) => process.stderr.write(`${line}\n`);

/** Runs a bench and reports what it measured. */
async function execute(name: string, options: Shared, measure: () => Promise<Measured>): Promise<void> {
  const loadBefore = loadNow();
  if (loadBefore > 0.5) progress(`note: the machine is busy (load ${loadBefore}); expect unsteady numbers`);
  const { rows, peers } = await measure();
  const document: BenchDocument = { name, machine: await describeMachine(peers, loadBefore), rows };
  if (options.write === true) {
    const settings = process.argv.slice(2).filter((word) => word !== '--json');
    await writeResults(document, `npm run bench -- ${settings.join(' ')}`, options.date);
  }
  process.stdout.write(options.json === true ? `${JSON.stringify(document, null, 2)}\n` : textTable(document));
}

function bench(program: Command, name: string, question: string): Command {
  return program
    .command(name)
    .summary(question)
    .description(question)
    .option('--json', 'print one JSON document: name, machine, rows')
    .option('--write', "put the table into bench/RESULTS.md in place of this bench's earlier one")
    .addOption(
      new Option('--date <day>', 'the day that --write notes').default(new Date().toISOString().slice(0, 10), 'today'),
    )
    .addOption(
      new Option('--threads <n>', 'threads of every contender')
        .argParser(whole)
        .default(availableParallelism(), 'one for each core'),
    )
    .option('--python <path>', 'the interpreter that has PyTorch (default: python3, then /usr/bin/python3)')
    .option('--quick', 'few rounds: to see that it works, not to quote');
}

function createProgram(): Command {
  const program = new Command('npm run bench --')
    .description('Measures fixhead beside its peers. bench/RESULTS.md has results and says how to read them.')
    .configureOutput({ writeErr: (text) => process.stderr.write(text) })
    .exitOverride()
    .addHelpText('after', '\nExample:\n  npm run --silent bench -- head --json > head.json');

  bench(program, 'train-step', 'time and peak memory of a training step against PyTorch')
    .addOption(
      new Option('--models <names>', 'models that the peers have, comma-separated')
        .argParser(list)
        .default(list(STEP_MODELS), STEP_MODELS),
    )
    .option('--batch <n>', 'images in a batch (default: 128, 64 or 16, by model)', whole)
    .option('--image <pixels>', 'height and width of an image (default: 32 or 224, by model)', whole)
    .option('--steps <n>', 'counted steps of each contender (default: 15 or 9, by model; 3 with --quick)', whole)
    .option('--checkpoint-activations', 'compute activations again in the backward pass')
    .option('--profile', 'instead, tell where the time of a step goes: by operator, and its ten slowest nodes')
    .option('--create', 'instead, time what happens before the first step')
    .action(async (options: TrainStepWords) => {
      const quick = options.quick === true;
      const settings = {
        ...options,
        batch: options.batch,
        image: options.image,
        steps: options.steps ?? (quick ? 3 : undefined),
        warmup: quick ? 1 : 2,
        matmul: quick ? 512 : 2048,
        interpreters: interpretersOf(options),
        checkpoint: options.checkpointActivations === true,
      };
      if (options.profile === true) process.stdout.write(await profileSteps(settings));
      else if (options.create === true) process.stdout.write(await timeCreation(settings));
      else await execute('train-step', options, () => benchTrainStep(settings, progress));
    });

  bench(program, 'inference', 'time and peak memory of the graph that users get against PyTorch eager')
    .addOption(
      new Option('--models <names>', 'models that the peers have, comma-separated')
        .argParser(list)
        .default(list(STEP_MODELS), STEP_MODELS),
    )
    .addOption(new Option('--batch <list>', 'batch sizes, comma-separated').argParser(wholes).default([1, 32], '1,32'))
    .option('--steps <n>', 'counted rounds (default: 15; 2 with --quick)', whole)
    .action((options: InferenceWords) => {
      const quick = options.quick === true;
      const settings = {
        ...options,
        batches: options.batch,
        rounds: options.steps ?? (quick ? 2 : 15),
        matmul: quick ? 512 : 2048,
        interpreters: interpretersOf(options),
      };
      return execute('inference', options, () => benchInference(settings, progress));
    });

  bench(program, 'head', 'a Hadamard classifier at inference against the dense product')
    .addOption(
      new Option('--sizes <list>', 'features x classes, comma-separated')
        .argParser(sizes)
        .default(sizes(HEAD_SIZES), HEAD_SIZES),
    )
    .addOption(new Option('--batch <list>', 'batch sizes, comma-separated').argParser(wholes).default([1, 64], '1,64'))
    .option('--steps <n>', 'counted rounds (default: 40; 3 with --quick)', whole)
    .option('--calls <n>', 'calls in a round, fewer of a slow contender (default: 50; 5 with --quick)', whole)
    .option('--chromium <path>', 'the browser that runs the WebAssembly head too', 'chromium')
    .action((options: HeadWords) => {
      const quick = options.quick === true;
      const settings = {
        ...options,
        batches: options.batch,
        rounds: options.steps ?? (quick ? 3 : 40),
        calls: options.calls ?? (quick ? 5 : 50),
        interpreters: interpretersOf(options),
      };
      return execute('head', options, () => benchHead(settings, progress));
    });

  bench(program, 'fwht', 'the WebAssembly Walsh-Hadamard transform against FFHT in C')
    .addOption(
      new Option('--exponents <list>', 'base-2 logarithms of the lengths, comma-separated')
        .argParser(wholes)
        .default(wholes(FWHT_EXPONENTS), FWHT_EXPONENTS),
    )
    .addOption(
      new Option('--ffht <folder>', 'the source of github.com/FALCONN-LIB/FFHT, which gcc compiles').env('FFHT'),
    )
    .option('--steps <n>', 'counted rounds (default: 40; 3 with --quick)', whole)
    .action((options: FwhtWords) => {
      const quick = options.quick === true;
      const settings = {
        exponents: options.exponents,
        ffht: options.ffht,
        rounds: options.steps ?? (quick ? 3 : 40),
        calls: quick ? 3 : 15,
      };
      return execute('fwht', options, () => benchFwht(settings, progress));
    });

  bench(program, 'data', 'the wait for a batch that a worker thread prepares ahead')
    .option('--batch <n>', 'images in a batch', whole, 128)
    .option('--image <pixels>', 'height and width of an image', whole, 32)
    .option('--steps <n>', 'counted rounds (default: 7; 2 with --quick)', whole)
    .action((options: DataWords) => {
      const quick = options.quick === true;
      const settings = { ...options, rounds: options.steps ?? (quick ? 2 : 7), calls: quick ? 3 : 16 };
      return execute('data', options, () => benchData(settings, progress));
    });

  bench(program, 'decode', 'JPEG files to augmented batches of ImageNet’s size against torchvision with Pillow')
    .option('--batch <n>', 'images in a batch', whole, 32)
    .option('--image <pixels>', 'height and width of the images of a batch', whole, 224)
    .option('--images <n>', 'files of an epoch (default: 512; 66 with --quick)', whole)
    .option('--steps <n>', 'counted epochs of each contender (default: 9; 2 with --quick)', whole)
    .action((options: DecodeWords) => {
      const quick = options.quick === true;
      const settings = {
        ...options,
        images: options.images ?? (quick ? 66 : 512),
        rounds: options.steps ?? (quick ? 2 : 9),
        interpreters: interpretersOf(options),
      };
      return execute('decode', options, () => benchDecode(settings, progress));
    });

  bench(program, 'million', 'a training step of a classifier of a million classes, exact and sampled')
    .option('--classes <n>', 'classes', whole, 1_000_000)
    .option('--features <n>', 'features', whole, 1024)
    .option('--batch <n>', 'samples in a batch', whole, 64)
    .option('--bases <n>', 'bases that the sampled softmax draws', whole, 4)
    .option('--budget <megabytes>', 'memory of the learned head beside which ours is timed', whole, 2000)
    .option('--steps <n>', 'counted steps of each contender (default: 15; 2 with --quick)', whole)
    .action((options: MillionWords) => {
      const quick = options.quick === true;
      const settings = {
        ...options,
        rounds: options.steps ?? (quick ? 2 : 15),
        peerRounds: quick ? 1 : 3,
        warmup: quick ? 1 : 2,
        matmul: quick ? 512 : 2048,
        interpreters: interpretersOf(options),
      };
      return execute('million', options, () => benchMillion(settings, progress));
    });

  bench(program, 'lm-recurrence', 'the LSTM of a language model: unrolled, Scan, LSTM operator and PyTorch')
    .addOption(
      new Option('--hidden <list>', 'sizes of the state, comma-separated')
        .argParser(wholes)
        .default([256, 512], '256,512'),
    )
    .option('--layers <n>', 'layers', whole, 2)
    .option('--window <n>', 'steps of a window', whole, 35)
    .option('--batch <n>', 'windows in a batch', whole, 32)
    .option('--steps <n>', 'counted rounds (default: 25; 2 with --quick)', whole)
    .action((options: LmRecurrenceWords) => {
      const quick = options.quick === true;
      const settings = {
        ...options,
        rounds: options.steps ?? (quick ? 2 : 25),
        warmup: quick ? 1 : 2,
        matmul: quick ? 512 : 2048,
        interpreters: interpretersOf(options),
      };
      return execute('lm-recurrence', options, () => benchLmRecurrence(settings, progress));
    });

  bench(program, 'lm-step', 'a training step of a language model, learned and fixed, against PyTorch')
    .addOption(
      new Option('--hidden <list>', 'sizes of the state and of a word vector, comma-separated')
        .argParser(wholes)
        .default([256, 512], '256,512'),
    )
    .option('--layers <n>', 'layers', whole, 2)
    .option('--words <n>', 'words of the vocabulary', whole, 16_000)
    .option('--window <n>', 'words of a window', whole, 35)
    .option('--batch <n>', 'windows in a batch', whole, 32)
    .option('--steps <n>', 'counted steps of each contender (default: 11; 2 with --quick)', whole)
    .action((options: LmStepWords) => {
      const quick = options.quick === true;
      const settings = {
        ...options,
        rounds: options.steps ?? (quick ? 2 : 11),
        warmup: quick ? 1 : 2,
        matmul: quick ? 512 : 2048,
        interpreters: interpretersOf(options),
      };
      return execute('lm-step', options, () => benchLmStep(settings, progress));
    });

  bench(program, 'word-softmax', 'the softmax over a vocabulary: loss and gradients beside its matrix products alone')
    .addOption(
      new Option('--sizes <list>', 'rows x features x words, comma-separated')
        .argParser(places)
        .default(places(WORD_SIZES), WORD_SIZES),
    )
    .option('--steps <n>', 'counted steps of each contender (default: 15; 2 with --quick)', whole)
    .action((options: WordSoftmaxWords) => {
      const quick = options.quick === true;
      const settings = {
        ...options,
        rounds: options.steps ?? (quick ? 2 : 15),
        warmup: quick ? 1 : 2,
        matmul: quick ? 512 : 2048,
      };
      return execute('word-softmax', options, () => benchWordSoftmax(settings, progress));
    });

  program.argument('[name]', 'the bench to run; without one they are listed').action((name: string | undefined) => {
    const names = program.commands.map((command) => command.name());
    if (name !== undefined) throw usageError(`unknown bench ${name}`, { legal: names, ...nearestOf(name, names) });
    const lines = program.commands.map((command) => `  ${command.name().padEnd(12)}${command.summary()}`);
    process.stdout.write(`${['Benches:', ...lines, '', 'npm run bench -- NAME --help shows options.'].join('\n')}\n`);
  });
  return program;
}

/** The exit code: 0 done, 1 failed, 2 wrong use. */
async function main(words: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync([...words], { from: 'user' });
    return 0;
  } catch (problem) {
    if (problem instanceof CommanderError) return problem.exitCode === 0 ? 0 : 2;
    if (problem instanceof FixheadError) {
      process.stderr.write(`${problem.message}\n`);
      return problem.kind === 'usage' ? 2 : 1;
    }
    throw problem;
  }
}

process.exitCode = await main(process.argv.slice(2));
