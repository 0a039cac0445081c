/** How often images of one class got one answer. */
export interface ConfusionCell {
  /** The true class. */
  readonly label: number;
  readonly predicted: number;
  /** Number of images, at least 1. */
  readonly count: number;
}

/** What a model answered for a set of labelled images, and how often it was right. Accuracies are fractions in [0, 1]. */
export interface Answers {
  readonly accuracy: number;
  /** Share of images whose label is among the five best answers (all of them with five classes or fewer). */
  readonly top5: number;
  readonly count: number;
  /**
   * The cells of the confusion matrix that are not 0, by label and then by answer: at most `count` of them, where the matrix has
   * classes².
   */
  readonly confusion: readonly ConfusionCell[];
  /** `[count]` predicted class of each image. */
  readonly predicted: Int32Array;
  /** `[count]` how sure the answer was: a probability in [0, 1]. */
  readonly probability: Float32Array;
}

/** Counts each pair of label and answer that occurs; in the order of the labels, then of the answers. */
export function confusionOf(labels: Int32Array, predicted: Int32Array): readonly ConfusionCell[] {
  const rows = new Map<number, Map<number, number>>();
  labels.forEach((label, index) => {
    const answer = predicted[index] ?? 0;
    const row = rows.get(label) ?? new Map<number, number>();
    rows.set(label, row.set(answer, (row.get(answer) ?? 0) + 1));
  });
  return Array.from(rows, ([label, row]) =>
    Array.from(row, ([answer, count]) => Object.freeze({ label, predicted: answer, count })),
  )
    .flat()
    .sort((a, b) => a.label - b.label || a.predicted - b.predicted);
}
