import { internalError } from '../core/errors.ts';
import { type ReportInput } from './comparison.ts';

/** Confusion counts of one head, summed over its seeds. */
export interface Confusion {
  readonly head: string;
  readonly index: number;
  readonly classes: number;
  /** `[classes × classes]`, row = true class, column = predicted class. */
  readonly counts: Float64Array;
  /** `[classes]`, images of each true class. */
  readonly totals: Float64Array;
  readonly seeds: number;
}

export interface Confused {
  readonly label: number;
  readonly predicted: number;
  readonly count: number;
  /** Share of the true class's images that got this wrong answer, a fraction. */
  readonly share: number;
}

/** One matrix for each head that has a run with at least one counted image. */
export function confusions(input: ReportInput): readonly Confusion[] {
  const classes = input.classes.length;
  return input.document.heads
    .map(({ head }, index) => {
      const runs = input.histories.filter((run) => run.head === head);
      const counts = new Float64Array(classes * classes);
      const totals = new Float64Array(classes);
      for (const run of runs) {
        if (run.confusion.length !== classes * classes)
          throw internalError('a confusion matrix does not fit the classes', {
            where: `head ${head}, seed ${run.seed}`,
            expected: `${classes} × ${classes} counts`,
            received: `${run.confusion.length}`,
          });
        run.confusion.forEach((value, cell) => {
          counts[cell] = (counts[cell] ?? 0) + value;
          const row = Math.floor(cell / classes);
          totals[row] = (totals[row] ?? 0) + value;
        });
      }
      return { head, index, classes, counts, totals, seeds: runs.length };
    })
    .filter((matrix) => matrix.totals.some((total) => total > 0));
}

/** Share of true class `row` that was answered with `column`, a fraction; 0 where the class has no images. */
export function shareOf(matrix: Confusion, row: number, column: number): number {
  const total = matrix.totals[row] ?? 0;
  return total === 0 ? 0 : (matrix.counts[row * matrix.classes + column] ?? 0) / total;
}

/** The wrong answers given most often, by count, at most `limit`. */
export function mostConfused(matrix: Confusion, limit: number): readonly Confused[] {
  const pairs: Confused[] = [];
  matrix.counts.forEach((count, cell) => {
    const label = Math.floor(cell / matrix.classes);
    const predicted = cell % matrix.classes;
    if (count > 0 && label !== predicted)
      pairs.push({ label, predicted, count, share: shareOf(matrix, label, predicted) });
  });
  return pairs.sort((a, b) => b.count - a.count || b.share - a.share).slice(0, limit);
}

/** The largest share off the diagonal over all heads: the end of the scale that their colours have in common. */
export function worstShare(matrices: readonly Confusion[]): number {
  let worst = 0;
  for (const matrix of matrices)
    for (let row = 0; row < matrix.classes; row++)
      for (let column = 0; column < matrix.classes; column++)
        if (row !== column) worst = Math.max(worst, shareOf(matrix, row, column));
  return worst;
}
