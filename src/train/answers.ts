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
  /** Images that were answered for: all of the set, but for files that cannot be decoded where such files are skipped. */
  readonly count: number;
  /**
   * The cells of the confusion matrix that are not 0, by label and then by answer: at most `count` of them, where the matrix has
   * classes².
   */
  readonly confusion: readonly ConfusionCell[];
  /** Predicted class of each image of the set; −1 for one that was left out. */
  readonly predicted: Int32Array;
  /** How sure each answer was: a probability in [0, 1]. */
  readonly probability: Float32Array;
}

/** Counts each pair of label and answer that occurs, but for images with the label −1; in the order of the labels, then of the answers. */
export function confusionOf(labels: Int32Array, predicted: Int32Array): readonly ConfusionCell[] {
  const rows = new Map<number, Map<number, number>>();
  labels.forEach((label, index) => {
    if (label < 0) return;
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
