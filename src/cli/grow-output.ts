import Table from 'cli-table3';
import type { Growth, NewScores, OldScores } from '../runs/grow.ts';
import type { GrownRun } from '../runs/grow-run.ts';
import { runPaths } from '../train/run-folder.ts';
import { percent, whole } from './format.ts';
import { exitCodes, type CliContext, type Output } from './io.ts';
import type { Reporter } from './progress.ts';

const MISSING = '–';
const orMissing = (value: number | null | undefined): string =>
  value === null || value === undefined ? MISSING : percent(value);

const nameOf = ({ labels }: Growth): string => labels.at(-1) ?? '';

interface Scores {
  readonly old: OldScores | undefined;
  readonly new: NewScores;
}

/** What `grow --json` prints. */
export function growDocument(growth: Growth, output: string | null, grown?: GrownRun) {
  const { choice, slots, scores, form, biased, notes, stored } = growth;
  const reached: Scores = grown === undefined ? scores : (grown.scores ?? scores);
  return {
    status: grown?.run.result.status ?? 'finished',
    class: nameOf(growth),
    head: stored.model.head.name,
    slot: choice.slot,
    slots,
    cosine: choice.cosine,
    bias: biased ? choice.bias : null,
    form,
    old: reached.old ?? null,
    new: reached.new,
    untrained: grown === undefined ? null : { old: scores.old ?? null, new: scores.new },
    run: grown === undefined ? null : grown.run.folder,
    output,
    notes,
  };
}

/** The vector that was found, and how the model does with it. */
export function growthText(growth: Growth): string {
  const { choice, slots, biased, labels, stored } = growth;
  const { classes } = stored.model.head;
  return [
    `${nameOf(growth)} takes class vector ${whole(choice.slot)} of ${whole(slots)}, of which ${whole(classes)} were taken; mean cosine with its images ${choice.cosine.toFixed(3)}${biased ? `, bias ${choice.bias.toFixed(3)}` : ''}`,
    `${whole(labels.length)} classes: ${labels.length <= 12 ? labels.join(', ') : `${labels.slice(0, 10).join(', ')}, …, ${nameOf(growth)}`}`,
  ].join('\n');
}

/** Accuracies before and after, those after a training in a column of their own. */
export function scoresTable(growth: Growth, trained?: Scores): string {
  const { scores, labels } = growth;
  const name = nameOf(growth);
  const { images } = scores.new;
  const table = new Table({
    head: ['', 'before', 'with the class', ...(trained === undefined ? [] : ['trained'])],
    style: { head: [], border: [] },
    colAligns: ['left', 'right', 'right', 'right'],
  });
  const row = (title: string, before: string, value: (of: Scores) => string): void => {
    table.push([title, before, value(scores), ...(trained === undefined ? [] : [value(trained)])]);
  };
  const count = scores.old === undefined ? '' : ` (${whole(scores.old.images)} images)`;
  row(`the ${whole(labels.length - 1)} old classes${count}`, orMissing(scores.old?.before), ({ old }) =>
    orMissing(old?.after),
  );
  row(`taken for ${name}`, MISSING, ({ old }) => orMissing(old?.takenForNew));
  row(`${name} (${whole(images)} held-out images)`, MISSING, (of) => orMissing(of.new.accuracy));
  return table.toString();
}

/** Prints what training on with one class more came to, or how to go on with a run that was stopped. */
export function showGrownRun(
  growth: Growth,
  grown: GrownRun,
  output: Output,
  reporter: Reporter,
  context: CliContext,
): void {
  const { run, scores } = grown;
  const { model } = runPaths(run.folder);
  if (scores !== undefined) output.print([scoresTable(growth, scores), `Model: ${model}`].join('\n'));
  output.document(growDocument(growth, scores === undefined ? null : model, grown));
  if (run.result.status === 'interrupted') {
    reporter.line(`stopped; everything is saved. Go on with: fixhead resume ${run.folder}`);
    context.setExitCode(exitCodes.interrupted);
  }
}
