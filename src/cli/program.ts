import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addCompare } from './commands/compare.ts';
import { addData } from './commands/data.ts';
import { addEmbed } from './commands/embed.ts';
import { addEvaluate } from './commands/evaluate.ts';
import { addExport } from './commands/export.ts';
import { addFix } from './commands/fix.ts';
import { addGrow } from './commands/grow.ts';
import { addInspect } from './commands/inspect.ts';
import { addGenerate } from './commands/generate.ts';
import { addLm } from './commands/lm.ts';
import { addPredict } from './commands/predict.ts';
import { addReproduce } from './commands/reproduce.ts';
import { addResume } from './commands/resume.ts';
import { addTrain } from './commands/train.ts';
import { reportFailure } from './errors.ts';
import { exitCodes, isSet, type CliContext, type CliIo } from './io.ts';

/** From the package itself, two folders up from both `src/cli` and `dist/cli`. */
function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version?: unknown };
  return typeof version === 'string' ? version : 'unknown';
}

const DEFAULT_HELP_WIDTH = 100;

const summary = `Train, inspect and ship neural-network classifiers whose last layer is fixed.

Start with:
  $ fixhead compare                       a few minutes on two cores, nothing to download
  $ fixhead compare my-photos/            one sub-folder of images for each class
  $ fixhead COMMAND --help                options and an example`;

const epilogue = `
Exit codes: 0 done, 1 failed, 2 wrong use, 130 stopped by Ctrl-C (143: by SIGTERM) after saving.
Environment: FIXHEAD_DATA (folder of datasets), FIXHEAD_DEBUG=1 (as --verbose), NO_COLOR.`;

function createProgram(context: CliContext): Command {
  const { stdout, stderr } = context.io;
  const program = new Command('fixhead')
    .description(summary)
    .version(packageVersion())
    .exitOverride()
    // An option belongs to the command that it follows: lm and lm compare have options of the same name.
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .showHelpAfterError('(--help shows the options)')
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      getOutHelpWidth: () => stdout.columns ?? DEFAULT_HELP_WIDTH,
      getErrHelpWidth: () => stderr.columns ?? DEFAULT_HELP_WIDTH,
    })
    .addHelpText('after', epilogue);
  for (const add of [
    addCompare,
    addTrain,
    addResume,
    addEvaluate,
    addPredict,
    addExport,
    addInspect,
    addFix,
    addGrow,
    addReproduce,
    addLm,
    addGenerate,
    addEmbed,
    addData,
  ])
    add(program, context);
  for (const command of program.commands) {
    command.option('--verbose', 'show where an error happened');
    for (const nested of command.commands) nested.option('--verbose', 'show where an error happened');
  }
  return program;
}

/**
 * Runs one command line (without the program's own name) and gives its exit code. Nothing is thrown; everything that is
 * said goes to the streams given.
 */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const verbose = argv.includes('--verbose') || isSet(io.env['FIXHEAD_DEBUG']);
  let code: number = exitCodes.done;
  const context: CliContext = { io, setExitCode: (value) => void (code = value) };
  try {
    if (argv.length === 0) {
      createProgram(context).outputHelp({ error: true });
      return exitCodes.wrongUse;
    }
    await createProgram(context).parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    return reportFailure(error, io.stderr, verbose);
  }
}
