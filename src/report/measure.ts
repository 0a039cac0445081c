import type { ComparisonDocument } from './comparison.ts';

/** What the accuracy on validation images is called: the classifier's own, or that of the nearest neighbours. */
export interface Measure {
  /** `validation accuracy` */
  readonly accuracy: string;
  /** `Validation accuracy`, at the start of a sentence. */
  readonly Accuracy: string;
  /** `Validation error` */
  readonly Error: string;
  /** A word for a column: `validation`. */
  readonly short: string;
}

const classifier: Measure = Object.freeze({
  accuracy: 'validation accuracy',
  Accuracy: 'Validation accuracy',
  Error: 'Validation error',
  short: 'validation',
});

const neighbours: Measure = Object.freeze({
  accuracy: 'k-NN accuracy',
  Accuracy: 'k-NN accuracy',
  Error: 'k-NN error',
  short: 'k-NN',
});

/** The names for a comparison. */
export function measureOf(document: Pick<ComparisonDocument, 'neighbours'>): Measure {
  return document.neighbours === undefined ? classifier : neighbours;
}
