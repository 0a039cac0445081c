import { internalError } from '../core/errors.ts';
import { type ReportInput } from './comparison.ts';

/** Confusion counts of one head, summed over its seeds; only the cells that are not 0, since there can be thousands of classes. */
export interface Confusion {
  readonly head: string;
  readonly index: number;
  readonly classes: number;
  /** By label and answer: see {@link shareOf}. */
  readonly cells: readonly Confused[];
  readonly seeds: number;
}

/** One cell of the matrix. */
export interface Confused {
  readonly label: number;
  readonly predicted: number;
  readonly count: number;
  /** Share of the true class's images that got this answer, a fraction. */
  readonly share: number;
}

/** One matrix for each head that has a run with at least one counted image. */
export function confusions(input: ReportInput): readonly Confusion[] {
  const classes = input.classes.length;
  const known = (index: number): boolean => index >= 0 && index < classes;
  return input.document.heads
    .map(({ head }, index) => {
      const runs = input.histories.filter((run) => run.head === head);
      // A pair of classes as one number: exact up to 94 million classes.
      const counts = new Map<number, number>();
      const totals = new Map<number, number>();
      for (const run of runs) {
        for (const { label, predicted, count } of run.confusion) {
          if (!known(label) || !known(predicted))
            throw internalError('a confusion does not fit the classes', {
              where: `head ${head}, seed ${run.seed}`,
              expected: `classes 0 to ${classes - 1}`,
              received: `${label} taken for ${predicted}`,
            });
          const cell = label * classes + predicted;
          counts.set(cell, (counts.get(cell) ?? 0) + count);
          totals.set(label, (totals.get(label) ?? 0) + count);
        }
      }
      const cells = Array.from(counts, ([cell, count]) => {
        const label = Math.floor(cell / classes);
        return { label, predicted: cell % classes, count, share: count / (totals.get(label) ?? count) };
      });
      return { head, index, classes, cells, seeds: runs.length };
    })
    .filter(({ cells }) => cells.length > 0);
}

/** Looks up the share of a true class that was answered with another: a fraction, 0 where that never happened. */
export function shareOf({ classes, cells }: Confusion): (row: number, column: number) => number {
  const shares = new Map(cells.map(({ label, predicted, share }) => [label * classes + predicted, share]));
  return (row, column) => shares.get(row * classes + column) ?? 0;
}

/** The wrong answers, those given most often first. */
export function wrongAnswers({ cells }: Confusion): readonly Confused[] {
  return cells
    .filter(({ label, predicted }) => label !== predicted)
    .sort((a, b) => b.count - a.count || b.share - a.share || a.label - b.label || a.predicted - b.predicted);
}

/** The largest share off the diagonal over all heads: the end of the scale that their colours have in common. */
export function worstShare(matrices: readonly Confusion[]): number {
  let worst = 0;
  for (const { cells } of matrices)
    for (const { label, predicted, share } of cells) if (label !== predicted) worst = Math.max(worst, share);
  return worst;
}
