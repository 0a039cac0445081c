import type { Command } from 'commander';
import { inputError } from '../../core/errors.ts';
import { formatHead } from '../../heads/parse.ts';
import { resumeComparison } from '../../runs/compare.ts';
import { compareConfigOf, trainConfigOf } from '../../runs/config.ts';
import { finishFix } from '../../runs/fix-result.ts';
import { resumeLanguageComparison } from '../../runs/language-compare.ts';
import { choiceName, languageCompareConfigOf, languageConfigOf, languageKinds } from '../../runs/language-config.ts';
import { resumeLanguageRun } from '../../runs/language-run.ts';
import { resumeTraining } from '../../runs/training-run.ts';
import { openRun } from '../../train/run-folder.ts';
import { comparisonProgress, showComparison } from '../comparison-output.ts';
import { showFix } from '../fix-output.ts';
import { outputOf, type CliContext } from '../io.ts';
import { comparisonVariants, showLanguageComparison } from '../language-comparison-output.ts';
import { languageProgress, showLanguageRun, vectorProgress } from '../language-output.ts';
import { createReporter } from '../progress.ts';
import { addWorkOptions, openDevice, runOptionsOf, type WorkFlags } from '../run-options.ts';
import { openOptionsOf, type DataFlags } from '../training-options.ts';
import { showTraining, trainingProgress } from '../training-output.ts';

interface ResumeFlags extends WorkFlags, Pick<DataFlags, 'download' | 'dataDir'> {}

const examples = `
Examples:
  $ fixhead resume runs/compare-mnist-small-resnet8
  $ fixhead resume runs/photos --threads 2

The settings are those that the run was started with. On the same device the result is bit for bit that of a run that was
never stopped. A run that is finished is evaluated and shown again.`;

/** `fixhead resume`: goes on with a training run or a comparison. */
export function addResume(program: Command, context: CliContext): void {
  const command = program
    .command('resume')
    .summary('go on with a run that was stopped')
    .description('Goes on with a training run or a comparison from its last checkpoint.')
    .argument('<folder>', 'the run')
    .option('--download', 'fetch a named dataset that is no longer on this machine')
    .option('--data-dir <folder>', 'where named datasets are looked for first and fetched to');
  addWorkOptions(command)
    .addHelpText('after', examples)
    .action(async (folder: string, flags: ResumeFlags) => {
      await resume(folder, flags, context);
    });
}

async function resume(folder: string, flags: ResumeFlags, context: CliContext): Promise<void> {
  const output = outputOf(context.io, flags.json === true);
  const run = await openRun(folder);
  const { kind } = run.config;
  if (kind !== 'train' && kind !== 'compare' && kind !== languageKinds.run && kind !== languageKinds.compare) {
    throw inputError(`a run of the unknown kind ${kind}`, {
      where: run.paths.config,
      legal: ['train', 'compare', ...Object.values(languageKinds)],
    });
  }
  const reporter = createReporter(context.io.stderr, { quiet: flags.quiet === true });
  try {
    const runtime = await openDevice(flags, reporter.line);
    if (flags.quiet !== true) reporter.line(runtime.description);
    const options = {
      ...runOptionsOf(flags, runtime, context.io, { log: reporter.line, data: reporter.data }),
      ...openOptionsOf(flags),
    };
    if (kind === languageKinds.run) {
      const title = choiceName(languageConfigOf(run).choice);
      const onEvent = languageProgress(reporter, context, title);
      const trained = await resumeLanguageRun(folder, { ...options, onEvent });
      reporter.close();
      await showLanguageRun(trained, runtime, output, reporter, context);
      return;
    }
    if (kind === languageKinds.compare) {
      const { choices } = languageCompareConfigOf(run);
      const onEvent = comparisonVariants(reporter, context, choices.length);
      const compared = await resumeLanguageComparison(folder, {
        ...options,
        onVectors: vectorProgress(reporter),
        onEvent,
      });
      reporter.close();
      await showLanguageComparison(compared, runtime, output, reporter, context);
      return;
    }
    if (kind === 'train') {
      const { head, original } = trainConfigOf(run);
      const trained = await resumeTraining(folder, {
        ...options,
        onEvent: trainingProgress(reporter, formatHead(head), context),
      });
      reporter.close();
      if (original === undefined) showTraining(trained, output, reporter, context);
      else showFix(await finishFix(trained, { runtime }), output, reporter, context);
      return;
    }
    const { heads, seeds } = compareConfigOf(run);
    const runOf = comparisonProgress(reporter, heads.length * seeds.length);
    const result = await resumeComparison(folder, {
      ...options,
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
