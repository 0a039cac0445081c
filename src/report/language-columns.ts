import * as format from './format.ts';
import type { ShownVariant } from './language-document.ts';

/** One column of the table of language models: the same in the terminal and in the report. */
export interface LanguageColumn {
  readonly key: string;
  /** What the columns beside it share. */
  readonly group: string;
  readonly title: string;
  /** The name on its own. */
  readonly label: string;
  /** Two short lines over a column of a terminal table. */
  readonly terminal: readonly [string, string];
  readonly value: (shown: ShownVariant) => string;
  /** A shorter form of the value, where there is one. */
  readonly short?: (shown: ShownVariant) => string;
  /** What the number is, for a reader who sees it for the first time. */
  readonly meaning: string;
}

/** What the optimiser updates of all parameters, a fraction in [0, 1]. */
export function trainableShare({ variant }: Pick<ShownVariant, 'variant'>): number {
  return format.share(variant.parameters.trainable, variant.parameters.total);
}

/** A perplexity: one decimal, two below 10. */
export function perplexity(value: number): string {
  if (!Number.isFinite(value)) return format.MISSING;
  return value.toLocaleString('en-US', {
    minimumFractionDigits: value < 10 ? 2 : 1,
    maximumFractionDigits: value < 10 ? 2 : 1,
  });
}

/** Seconds as a reader wants them: `8.25 s`, `130 s`, `42 min`. */
export function duration(seconds: number): string {
  return seconds >= 600 ? `${format.significant(seconds / 60)} min` : `${format.significant(seconds)} s`;
}

/** All columns after the name of the word vectors. */
export const languageColumns: readonly LanguageColumn[] = Object.freeze<LanguageColumn[]>([
  {
    key: 'fixed',
    group: 'word vectors',
    title: 'fixed',
    label: 'fixed',
    terminal: ['', 'fixed'],
    value: ({ variant }) => (variant.fixed ? 'yes' : 'no'),
    meaning: 'Whether training leaves the word vectors as they are.',
  },
  {
    key: 'tied',
    group: 'word vectors',
    title: 'tied',
    label: 'tied',
    terminal: ['', 'tied'],
    value: ({ variant }) => (variant.tied ? 'yes' : 'no'),
    meaning: 'Whether words are predicted with the vectors that they enter with.',
  },
  {
    key: 'validation',
    group: 'perplexity',
    title: 'validation',
    label: 'validation perplexity',
    terminal: ['perplexity', 'validation'],
    value: ({ variant }) => perplexity(variant.validationPerplexity),
    meaning:
      'exp of the mean of −log p(word) on the validation text after the last epoch: the model is as unsure as a choice among so many equally likely words. Lower is better.',
  },
  {
    key: 'test',
    group: 'perplexity',
    title: 'test',
    label: 'test perplexity',
    terminal: ['', 'test'],
    value: ({ variant }) => perplexity(variant.testPerplexity),
    meaning: 'The same on the test text, which nothing was chosen by.',
  },
  {
    key: 'total',
    group: 'parameters',
    title: 'all',
    label: 'parameters',
    terminal: ['params', 'all'],
    value: ({ variant }) => format.count(variant.parameters.total),
    short: ({ variant }) => format.shortCount(variant.parameters.total),
    meaning: 'Every number the model holds, fixed tables included; vectors that are computed and not stored are not.',
  },
  {
    key: 'trainable',
    group: 'parameters',
    title: 'trainable',
    label: 'trainable parameters',
    terminal: ['', 'trainable'],
    value: ({ variant }) => format.count(variant.parameters.trainable),
    short: ({ variant }) => format.shortCount(variant.parameters.trainable),
    meaning: 'What the optimiser updates.',
  },
  {
    key: 'share',
    group: 'parameters',
    title: 'share, %',
    label: 'trainable share %',
    terminal: ['share', '%'],
    value: (shown) => format.sharePercent(trainableShare(shown)),
    meaning: 'The trainable part of all parameters.',
  },
  {
    key: 'epoch',
    group: 'time',
    title: 'epoch',
    label: 'time an epoch',
    terminal: ['time an', 'epoch'],
    value: ({ variant }) => duration(variant.secondsPerEpoch),
    meaning: 'Time of the training steps of one epoch, the mean over the epochs; measuring perplexity is not in it.',
  },
  {
    key: 'speed',
    group: 'time',
    title: 'tokens/s',
    label: 'tokens/s',
    terminal: ['', 'tokens/s'],
    value: ({ history }) => format.count(history.tokensPerSecond),
    meaning: 'Words trained on in a second, the median over the steps.',
  },
]);
