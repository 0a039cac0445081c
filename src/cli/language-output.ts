import type { LanguageEvent } from '../language/trainer.ts';
import type { EmbeddingKind } from '../runs/language-tables.ts';
import type { LanguageRun } from '../runs/language-run.ts';
import { generateText } from '../runs/generate.ts';
import { languageRunReportOf } from '../runs/language-document.ts';
import { languageRunSummary } from '../report/language-table.ts';
import { writeLanguageRunReport } from '../report/language-page.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { runPaths } from '../train/run-folder.ts';
import { duration, percent, whole } from './format.ts';
import { exitCodes, type CliContext, type Output } from './io.ts';
import type { Reporter } from './progress.ts';

/** Shows the events of a language model's training: `index` (from 0) of `runs` runs of equal length. */
export function languageProgress(reporter: Reporter, { io }: CliContext, title: string, index = 0, runs = 1) {
  let [totalSteps, epochs, firstStep, started] = [0, 0, 0, performance.now()];
  let validating = '';
  return (event: LanguageEvent): void => {
    io.onTraining?.();
    switch (event.kind) {
      case 'start':
        totalSteps = event.totalSteps;
        epochs = event.totalSteps / event.stepsPerEpoch;
        firstStep = event.step;
        started = performance.now();
        if (event.step > 0 && event.step < event.totalSteps)
          reporter.line(`${title} · going on at step ${event.step} of ${event.totalSteps}`);
        return;
      case 'step': {
        const { step, epoch, meanLoss, tokensPerSecond } = event;
        const each = (performance.now() - started) / Math.max(1, step - firstStep);
        const left = duration(each * (totalSteps - step + (runs - index - 1) * totalSteps));
        validating = `${title} · epoch ${epoch}/${epochs} · perplexity ${perplexity(Math.exp(meanLoss))} · ${whole(tokensPerSecond)} words/s`;
        reporter.count(`${validating} · ${left} left`, index * totalSteps + step, runs * totalSteps + 1);
        return;
      }
      case 'evaluating':
        reporter.count(`${validating} · validating`, event.done, event.count + 1);
        return;
      case 'epoch': {
        const { epoch, trainLoss, validationLoss, seconds } = event.record;
        reporter.progress(
          [
            title,
            `epoch ${epoch}/${epochs}`,
            `training perplexity ${perplexity(Math.exp(trainLoss))}`,
            `validation ${perplexity(Math.exp(validationLoss))}`,
            duration(1000 * seconds),
          ].join(' · '),
        );
        return;
      }
      case 'saved':
        return;
      default:
        event satisfies never;
    }
  };
}

/** Shows how word vectors are made. */
export function vectorProgress(reporter: Reporter): (kind: EmbeddingKind, share: number) => void {
  return (kind, share) => {
    reporter.count(`making ${kind} vectors ${percent(share)}`, share, 1);
  };
}

/** With one decimal; thousands without. */
export function perplexity(value: number): string {
  return value >= 1000 ? whole(value) : value.toFixed(1);
}

/** The result of a run as data: what `lm --json` prints. */
export function languageRunDocument(run: LanguageRun) {
  const { folder, config, corpus, result, parameters, scores, spec } = run;
  const { embedding, fixed, tied, logits } = config.choice;
  return {
    run: folder,
    status: result.status,
    corpus: {
      name: corpus.name,
      tokens: corpus.splits.train.length,
      vocabulary: corpus.vocabulary.words.length,
      unknownShare: corpus.unknownShare,
    },
    embedding,
    fixed,
    tied,
    logits,
    model: { size: spec.size, hidden: spec.hidden, layers: spec.layers },
    seed: config.seed,
    epochs: result.epochs,
    validationPerplexity: scores?.validationPerplexity ?? null,
    testPerplexity: scores?.testPerplexity ?? null,
    parameters: { total: parameters.total, trainable: parameters.trainable },
    tokensPerSecond: scores?.tokensPerSecond ?? null,
    secondsPerEpoch: scores?.secondsPerEpoch ?? null,
    exported: scores === undefined ? null : runPaths(folder).model,
    scorer: scores === undefined ? null : runPaths(folder).scorer,
  };
}

/** Words that a finished model writes for its report. */
const SAMPLE_WORDS = 40;

/** Writes the report of a run and prints its result; or how to go on with one that was stopped. */
export async function showLanguageRun(
  run: LanguageRun,
  runtime: Runtime,
  output: Output,
  reporter: Reporter,
  context: CliContext,
): Promise<void> {
  const { scores, folder } = run;
  if (scores !== undefined) {
    const { model, scorer, report } = runPaths(folder);
    const sampling = { runtime, words: SAMPLE_WORDS, temperature: 0.8 };
    const samples = [
      (await generateText(folder, '', { ...sampling, seed: 0 })).text,
      (await generateText(folder, '', { ...sampling, seed: 1 })).text,
    ];
    const input = await languageRunReportOf(run, runtime, samples);
    await writeLanguageRunReport(report, input);
    output.print(
      [
        `\n${languageRunSummary(input)}`,
        '',
        ...samples.map((text) => `  “${text.trim().replaceAll('\n', '\n   ')} …”`),
        '',
        `Models: ${model} (writes, a word at a time), ${scorer} (judges a text)`,
        `Report: ${report}`,
        `Try: fixhead generate ${folder} --prompt "The"`,
      ].join('\n'),
    );
  }
  output.document(languageRunDocument(run));
  showInterrupted(run.result.status, folder, reporter, context);
}

/** Says how to go on with what was stopped. */
export function showInterrupted(
  status: 'finished' | 'interrupted',
  folder: string,
  reporter: Reporter,
  context: CliContext,
): void {
  if (status === 'finished') return;
  reporter.line(`stopped; everything is saved. Go on with: fixhead resume ${folder}`);
  context.setExitCode(exitCodes.interrupted);
}
