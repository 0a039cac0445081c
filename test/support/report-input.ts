import { type HeadComparison, type Mistake, type ReportInput, type RunHistory } from '../../src/report/comparison.ts';

/** What may be chosen about a made-up comparison; the rest is fixed. */
export interface MadeUp {
  readonly heads?: readonly string[];
  readonly seeds?: readonly number[];
  readonly epochs?: number;
  readonly classes?: readonly string[];
  readonly mistakes?: number;
  readonly channels?: 1 | 3;
  /** Validation accuracy by position of head and seed. */
  readonly accuracy?: (head: number, seed: number) => number;
}

export const TEN_CLASSES: readonly string[] = Array.from({ length: 10 }, (_, index) => `class ${index}`);

/** A comparison as `compare` would hand it over, by formula: the same arguments give the same bytes. */
export function reportInput(choice: MadeUp = {}): ReportInput {
  const heads = choice.heads ?? ['learned', 'hadamard'];
  const seeds = choice.seeds ?? [0, 1];
  const classes = choice.classes ?? TEN_CLASSES;
  const accuracy = choice.accuracy ?? ((head, seed): number => 0.9 + 0.002 * head + 0.001 * seed);
  return {
    document: {
      dataset: { name: 'made-up', classes: classes.length, train: 6000, validation: 1000 },
      model: 'resnet8',
      heads: heads.map((head, index) => comparison(head, index, seeds, accuracy)),
      report: 'report.html',
    },
    classes,
    histories: heads.flatMap((head, index) =>
      seeds.map((seed, position) => history(head, seed, index, accuracy(index, position), classes.length, choice)),
    ),
    provenance: [
      ['command', 'fixhead compare made-up'],
      ['machine', '2 cores'],
    ],
  };
}

function comparison(
  head: string,
  index: number,
  seeds: readonly number[],
  accuracy: (head: number, seed: number) => number,
): HeadComparison {
  const values = seeds.map((_, position) => accuracy(index, position));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const fixed = head !== 'learned';
  return {
    head,
    seeds: seeds.map((seed, position) => ({
      seed,
      validationAccuracy: values[position] ?? Number.NaN,
      trainAccuracy: 0.95,
    })),
    validationAccuracy: { mean, sd: values.length < 2 ? 0 : Math.sqrt(squares / (values.length - 1)) },
    parameters: fixed
      ? { total: 78_042, trainable: 77_403, classifier: 650, classifierTrainable: 11 }
      : { total: 78_042, trainable: 78_042, classifier: 650, classifierTrainable: 650 },
    exportedBytes: fixed ? 312_345 : 314_901,
    stepMilliseconds: 61.234,
    classifierMicroseconds: fixed ? 5.2 : 7.456,
  };
}

function history(
  head: string,
  seed: number,
  index: number,
  final: number,
  classes: number,
  choice: MadeUp,
): RunHistory {
  const epochs = choice.epochs ?? 4;
  const confusion = Array.from({ length: classes }, (_, row) => {
    const other = (row + 1 + index) % classes;
    const wrong = { label: row, predicted: other, count: 10 - (row % 3) };
    return other === row ? [wrong] : [{ label: row, predicted: row, count: 90 }, wrong];
  }).flat();
  return {
    head,
    seed,
    epochs: Array.from({ length: epochs }, (_, epoch) => {
      const error = (1 - final) * (1 + (3 * (epochs - 1 - epoch)) / epochs);
      return {
        epoch: epoch + 1,
        trainLoss: 2 * error,
        trainAccuracy: 1 - error / 2,
        validationLoss: 3 * error,
        validationAccuracy: 1 - error,
        learningRate: 0.1,
      };
    }),
    scale:
      head === 'learned'
        ? []
        : Array.from({ length: 20 }, (_, step) => ({ step: 10 * step, value: 10 + step / 10 + seed / 5 })),
    confusion,
    mistakes: Array.from({ length: choice.mistakes ?? 2 }, (_, position) =>
      mistake(position, classes, choice.channels ?? 1),
    ),
  };
}

function mistake(position: number, classes: number, channels: 1 | 3): Mistake {
  return {
    pixels: Uint8Array.from({ length: channels * 8 * 6 }, (_, byte) => (byte * 5 + position) % 256),
    channels,
    height: 8,
    width: 6,
    label: position % classes,
    predicted: (position + 1) % classes,
    probability: 0.99 - 0.01 * position,
  };
}
