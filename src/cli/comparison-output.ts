import { pathToFileURL } from 'node:url';
import { summarise } from '../report/summary.ts';
import { comparisonTable } from '../report/table.ts';
import type { Comparison } from '../runs/compare.ts';
import { exitCodes, type CliContext, type Output } from './io.ts';
import type { Reporter } from './progress.ts';

/** Prints a comparison's table, what it shows and where its report is; or how to go on with one that was stopped. */
export function showComparison(result: Comparison, output: Output, reporter: Reporter, context: CliContext): void {
  const { document } = result;
  for (const [label, note] of result.report.provenance) if (label === 'Note') reporter.line(`note: ${note}`);
  if (document.heads.length > 0) {
    output.print(`\n${comparisonTable(document, { color: output.color, width: output.width })}`);
    for (const sentence of summarise(document)) output.print(sentence);
    output.print(`\nReport: ${document.report}`);
    if (output.terminal) output.print(`Open it in a browser: ${pathToFileURL(document.report).href}`);
  }
  output.document(document);
  if (result.status === 'interrupted') {
    reporter.line(`stopped; everything is saved. Go on with: fixhead resume ${result.folder}`);
    context.setExitCode(exitCodes.interrupted);
  }
}

/** Names the run of each event by its place in the comparison. */
export function comparisonProgress(reporter: Reporter, count: number) {
  const seen = new Map<string, ReturnType<Reporter['run']>>();
  return (head: string, seed: number): ReturnType<Reporter['run']> => {
    const key = `${head} seed ${seed}`;
    const known = seen.get(key);
    if (known !== undefined) return known;
    const created = reporter.run(`${seen.size + 1}/${count} ${key}`, seen.size, count);
    seen.set(key, created);
    return created;
  };
}
