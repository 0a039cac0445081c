import { pathToFileURL } from 'node:url';
import type { LanguageEvent } from '../language/trainer.ts';
import { writeLanguageReport } from '../report/language-page.ts';
import { summarizeLanguage } from '../report/language-summary.ts';
import { languageCurves, languageTable } from '../report/language-table.ts';
import type { LanguageComparison } from '../runs/language-compare.ts';
import { languageReportOf } from '../runs/language-document.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { CliContext, Output } from './io.ts';
import { languageProgress, showInterrupted } from './language-output.ts';
import type { Reporter } from './progress.ts';

/** Shows the events of each run of a comparison under its place in it. */
export function comparisonVariants(reporter: Reporter, context: CliContext, count: number) {
  const seen = new Map<string, ReturnType<typeof languageProgress>>();
  return (variant: string, event: LanguageEvent): void => {
    const known = seen.get(variant);
    const show = known ?? languageProgress(reporter, context, `${seen.size + 1}/${count} ${variant}`, seen.size, count);
    if (known === undefined) seen.set(variant, show);
    show(event);
  };
}

/** Writes the report of a comparison and prints its table and what it shows; or how to go on with one that was stopped. */
export async function showLanguageComparison(
  result: LanguageComparison,
  runtime: Runtime,
  output: Output,
  reporter: Reporter,
  context: CliContext,
): Promise<void> {
  const input = await languageReportOf(result, runtime);
  const { document } = input;
  if (document.variants.length > 0) {
    await writeLanguageReport(document.report, input);
    output.print(`\n${languageTable(input, { color: output.color, width: output.width })}`);
    const curves = languageCurves(input, { width: output.width });
    if (curves !== '') output.print(`${curves}\n`);
    for (const sentence of summarizeLanguage(input)) output.print(sentence);
    output.print(`\nReport: ${document.report}`);
    if (output.terminal) output.print(`Open it in a browser: ${pathToFileURL(document.report).href}`);
  }
  output.document(document);
  showInterrupted(result.status, result.folder, reporter, context);
}
