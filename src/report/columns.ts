import { type ComparisonDocument, type HeadComparison } from './comparison.ts';
import * as format from './format.ts';
import { measureOf } from './measure.ts';

/** One column of the comparison: the same in the terminal, in Markdown and in the report. */
export interface Column {
  readonly key: string;
  /** What the columns beside it share, e.g. `parameters`; with `title` and `unit` the head of a wide table. */
  readonly group: string;
  readonly title: string;
  readonly unit: string;
  /** The name on its own, unit included, where the column does not stand beside its group. */
  readonly label: string;
  /** Two short lines over a column of a terminal table. */
  readonly terminal: readonly [string, string];
  readonly value: (head: HeadComparison) => string;
  /** A shorter form of the value, where there is one. */
  readonly short?: (head: HeadComparison) => string;
  /** What the number is, for a reader who sees it for the first time. */
  readonly meaning: string;
}

/** The classifier's part of what the optimiser updates, a fraction in [0, 1]. */
export function classifierShare(head: HeadComparison): number {
  return format.share(head.parameters.classifierTrainable, head.parameters.trainable);
}

const COLUMNS: readonly Column[] = Object.freeze<Column[]>([
  {
    key: 'validation',
    group: 'accuracy',
    title: 'validation',
    unit: '%',
    label: 'validation accuracy %',
    terminal: ['validation', 'accuracy %'],
    value: (head) => format.percentWithDeviation(head.validationAccuracy, head.seeds.length),
    meaning:
      'Correct answers on images the model was not trained on: the mean over the seeds ± their sample standard deviation.',
  },
  {
    key: 'train',
    group: 'accuracy',
    title: 'train',
    unit: '%',
    label: 'train accuracy %',
    terminal: ['train', '%'],
    value: (head) => format.percent(format.mean(head.seeds.map((seed) => seed.trainAccuracy))),
    meaning: 'The same on the training images, the mean over the seeds.',
  },
  {
    key: 'total',
    group: 'parameters',
    title: 'all',
    unit: '',
    label: 'parameters',
    terminal: ['params', 'all'],
    value: (head) => format.count(head.parameters.total),
    short: (head) => format.shortCount(head.parameters.total),
    meaning: 'Every number the model holds, fixed matrices included, running statistics excluded.',
  },
  {
    key: 'trainable',
    group: 'parameters',
    title: 'trainable',
    unit: '',
    label: 'trainable parameters',
    terminal: ['', 'trainable'],
    value: (head) => format.count(head.parameters.trainable),
    short: (head) => format.shortCount(head.parameters.trainable),
    meaning: 'What the optimiser updates.',
  },
  {
    key: 'classifier',
    group: 'parameters',
    title: 'in classifier',
    unit: '',
    label: 'trainable in classifier',
    terminal: ['classifier', 'trainable'],
    value: (head) => format.count(head.parameters.classifierTrainable),
    short: (head) => format.shortCount(head.parameters.classifierTrainable),
    meaning: 'The trainable parameters that belong to the classifier.',
  },
  {
    key: 'share',
    group: 'parameters',
    title: 'share',
    unit: '%',
    label: 'classifier share %',
    terminal: ['share', '%'],
    value: (head) => format.sharePercent(classifierShare(head)),
    meaning: 'The classifier’s part of the trainable parameters.',
  },
  {
    key: 'size',
    group: 'exported',
    title: 'size',
    unit: '',
    label: 'exported size',
    terminal: ['exported', 'size'],
    value: (head) => format.bytes(head.exportedBytes),
    meaning: 'Size of the exported ONNX file.',
  },
  {
    key: 'step',
    group: 'time',
    title: 'step',
    unit: 'ms',
    label: 'training step ms',
    terminal: ['step', 'ms'],
    value: (head) => format.significant(head.stepMilliseconds),
    meaning: 'Median time of one training step: forward, backward and update for one batch.',
  },
  {
    key: 'classify',
    group: 'time',
    title: 'classifier',
    unit: 'µs',
    label: 'classifier µs/image',
    terminal: ['classify', 'µs/image'],
    value: (head) => format.significant(head.classifierMicroseconds),
    meaning: 'Time of the exported classifier alone for one image, batch size 1.',
  },
]);

/** All columns after the head's name, in the order of the paper's table. */
export function columnsOf(document: ComparisonDocument): readonly Column[] {
  const { neighbours } = document;
  if (neighbours === undefined) return COLUMNS;
  const { short, accuracy } = measureOf(document);
  const { k, temperature } = neighbours;
  return COLUMNS.map((column) => {
    switch (column.key) {
      case 'validation':
        return {
          ...column,
          title: short,
          label: `${accuracy} %`,
          terminal: [short, 'accuracy %'],
          meaning: `Validation images that get the label of their ${format.count(k)} nearest training images in the space of features (cosine c, votes weighted by exp(c/${temperature})): the mean over the seeds ± their sample standard deviation.`,
        };
      case 'train':
        return {
          ...column,
          label: 'training images recognised %',
          terminal: ['recog-', 'nised %'],
          title: 'recognised',
          meaning:
            'Training images that the classifier, for which each is a class of its own, took for themselves in the last epoch, the mean over the seeds.',
        };
      default:
        return column;
    }
  });
}

/** The index of the head with the highest mean validation accuracy, the first of equals; −1 where none has one. */
export function bestHead(document: ComparisonDocument): number {
  let best = -1;
  let accuracy = Number.NEGATIVE_INFINITY;
  document.heads.forEach((head, index) => {
    if (head.validationAccuracy.mean > accuracy) {
      best = index;
      accuracy = head.validationAccuracy.mean;
    }
  });
  return best;
}

/** `10 classes, 60,000 training and 10,000 validation images, 2 seeds`. */
export function facts(document: ComparisonDocument): string {
  const { dataset } = document;
  const seeds = new Set(document.heads.flatMap((head) => head.seeds.map((seed) => seed.seed))).size;
  return [
    ...(document.neighbours === undefined ? [] : ['each training image a class of its own']),
    format.plural(dataset.classes, 'class', 'classes'),
    `${format.count(dataset.train)} training and ${format.plural(dataset.validation, 'validation image')}`,
    format.plural(seeds, 'seed'),
  ].join(', ');
}

/** `resnet8 on fashion-mnist: 10 classes, …`. */
export function headline(document: ComparisonDocument): string {
  return `${format.plain(document.model)} on ${format.plain(document.dataset.name)}: ${facts(document)}`;
}
