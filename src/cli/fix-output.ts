import Table from 'cli-table3';
import type { ClassChange, FixMeasure } from '../report/fix-document.ts';
import { summarizeFix } from '../report/fix-page.ts';
import type { FixPlan } from '../runs/fix.ts';
import type { FixedRun } from '../runs/fix-result.ts';
import { runPaths } from '../train/run-folder.ts';
import { bytes, percent, whole } from './format.ts';
import { exitCodes, type CliContext, type Output } from './io.ts';
import type { Reporter } from './progress.ts';

const MISSING = '–';
const orMissing = (value: number | null, show: (value: number) => string): string =>
  value === null ? MISSING : show(value);

/** What was found and what it would become, before anything is trained. */
export function planText({ classifier, parameters, before, model, settings }: FixPlan): string {
  const { original } = settings;
  const trained = parameters.trainable;
  const lines = [
    `${original?.file ?? ''}: ${whole(classifier.features)} features to ${whole(classifier.classes)} classes at ${classifier.node}`,
    `its classifier has ${whole(classifier.parameters)} of ${whole(before.measure.parameters)} parameters, ${percent(classifier.share)}`,
    `with head ${model.head.name}: ${whole(parameters.classifierTrainable)} numbers in the classifier, ${whole(trained)} of ${whole(parameters.total)} parameters are trained`,
    ...(before.measure.accuracy === null
      ? []
      : [
          `before: accuracy ${percent(before.measure.accuracy)}, ${orMissing(before.measure.milliseconds, milliseconds)} an image`,
        ]),
  ];
  return lines.join('\n');
}

const milliseconds = (value: number): string => `${value.toPrecision(3)} ms`;

/** What `fix --dry-run --json` prints. */
export function planDocument({ classifier, before, parameters }: FixPlan) {
  return { classifier, before: before.measure, after: null, output: null, parameters, notes: before.notes };
}

/** What `fix --json` prints. */
export function fixDocument({ run, document }: FixedRun) {
  const paths = runPaths(run.folder);
  return {
    status: run.result.status,
    run: run.folder,
    classifier: document?.classifier ?? null,
    head: run.model.head.name,
    trained: document?.trained ?? null,
    before: document?.before ?? null,
    after: document?.after ?? null,
    classes: document?.classes ?? [],
    notes: document?.notes ?? [],
    output: document === undefined ? null : paths.model,
    report: document === undefined ? null : paths.report,
  };
}

const rows: readonly (readonly [label: string, value: (measure: FixMeasure) => string])[] = [
  ['accuracy', ({ accuracy }) => orMissing(accuracy, percent)],
  ['top 5', ({ top5 }) => orMissing(top5, percent)],
  ['loss', ({ loss }) => orMissing(loss, (value) => value.toFixed(4))],
  ['parameters', ({ parameters }) => whole(parameters)],
  ['in the classifier', ({ classifierParameters }) => whole(classifierParameters)],
  ['file', (measure) => bytes(measure.bytes)],
  ['one image', (measure) => orMissing(measure.milliseconds, milliseconds)],
];

/** Most classes that are listed in a terminal; the report has the rest. */
const LISTED_CLASSES = 5;

function changedMost(classes: readonly ClassChange[]): readonly string[] {
  const changed = classes
    .flatMap(({ label, before, after }) => (before === null || before === after ? [] : [{ label, before, after }]))
    .sort((a, b) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before))
    .slice(0, LISTED_CLASSES);
  if (changed.length === 0) return [];
  return [
    'Classes that changed most:',
    ...changed.map(({ label, before, after }) => `  ${label}: ${percent(before)} → ${percent(after)}`),
  ];
}

/** Prints what replacing the classifier came to, or how to go on with a run that was stopped. */
export function showFix(fixed: FixedRun, output: Output, reporter: Reporter, context: CliContext): void {
  const { run, document } = fixed;
  if (document !== undefined) {
    const table = new Table({
      head: ['', 'original', 'new'],
      style: { head: [], border: [] },
      colAligns: ['left', 'right', 'right'],
    });
    for (const [label, value] of rows) table.push([label, value(document.before), value(document.after)]);
    const paths = runPaths(run.folder);
    output.print(
      [
        table.toString(),
        summarizeFix(document),
        ...changedMost(document.classes),
        `Model: ${paths.model}`,
        `Report: ${paths.report}`,
      ].join('\n'),
    );
  }
  output.document(fixDocument(fixed));
  if (run.result.status === 'interrupted') {
    reporter.line(`stopped; everything is saved. Go on with: fixhead resume ${run.folder}`);
    context.setExitCode(exitCodes.interrupted);
  }
}
