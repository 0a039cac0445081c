import CliTable from 'cli-table3';
import * as format from './format.ts';
import { languageColumns, perplexity, type LanguageColumn } from './language-columns.ts';
import {
  bestVariant,
  shownVariants,
  vectorsName,
  type LanguageReportInput,
  type LanguageRunReport,
  type ShownVariant,
} from './language-document.ts';
import { BARE_TABLE, bold, tableWidth, trimLines, wrap } from './terminal.ts';
import type { TableOptions } from './table.ts';

/**
 * The paper's table of language models for the user's text, for a terminal: one row a variant where that fits `width`, with rounded
 * numbers where it does not, on a narrow terminal one paragraph a variant. The lowest validation perplexity is marked with `*`.
 */
export function languageTable(input: LanguageReportInput, options: TableOptions): string {
  const shown = shownVariants(input);
  const best = shown.length > 1 ? bestVariant(shown) : undefined;
  const draw = [
    (color: boolean) => byRow(shown, best, color, false),
    (color: boolean) => byRow(shown, best, color, true),
  ].find((layout) => tableWidth(layout(false)) <= options.width);
  const lines = [
    ...wrap(languageHeadline(input), options.width),
    '',
    draw?.(options.color) ?? byParagraph(shown, best, options.color),
    '',
    ...wrap(footnote(input, best), options.width),
  ];
  return `${lines.join('\n')}\n`;
}

/** `sotu: 1,620,411 tokens to train on, a vocabulary of 15,000 words`. */
export function languageHeadline({ corpus, document }: Pick<LanguageReportInput, 'corpus' | 'document'>): string {
  const { tokens, vocabulary } = document.corpus;
  return `${format.plain(corpus)}: ${format.count(tokens)} tokens to train on, a vocabulary of ${format.count(vocabulary)} words`;
}

/** The name in the first column: what `fixed` and `tied` do not say. */
function nameOf({ variant }: ShownVariant): string {
  const { embedding, logits } = variant;
  return format.plain(
    vectorsName({ ...variant, embedding, fixed: false, ...(logits === undefined ? {} : { logits }) }),
  );
}

function byRow(shown: readonly ShownVariant[], best: ShownVariant | undefined, color: boolean, short: boolean): string {
  const table = new CliTable({
    head: ['word\nvectors', ...languageColumns.map(({ terminal }) => terminal.join('\n'))].map((title) =>
      title
        .split('\n')
        .map((line) => bold(line, color))
        .join('\n'),
    ),
    colAligns: ['left', ...languageColumns.map(() => 'right' as const)],
    chars: BARE_TABLE,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  for (const one of shown) {
    const marked = one === best;
    table.push([
      bold(`${nameOf(one)}${marked ? ' *' : ''}`, color && marked),
      ...languageColumns.map((column) =>
        bold(cell(column, one, short), color && marked && column.key === 'validation'),
      ),
    ]);
  }
  return trimLines(table.toString());
}

function byParagraph(shown: readonly ShownVariant[], best: ShownVariant | undefined, color: boolean): string {
  return shown
    .map((one) =>
      [
        bold(`${format.plain(one.name)}${one === best ? ' *' : ''}`, color),
        ...languageColumns
          .filter(({ key }) => key !== 'fixed' && key !== 'tied')
          .map((column) => `  ${column.label}: ${cell(column, one, true)}`),
      ].join('\n'),
    )
    .join('\n\n');
}

function cell(column: LanguageColumn, shown: ShownVariant, short: boolean): string {
  return short && column.short !== undefined ? column.short(shown) : column.value(shown);
}

function footnote({ unigram, document }: LanguageReportInput, best: ShownVariant | undefined): string {
  return [
    ...(best === undefined ? [] : ['* lowest validation perplexity.']),
    `Perplexity of the ${format.count(document.corpus.vocabulary)} words by frequency alone: validation ${perplexity(unigram.validationPerplexity)}, test ${perplexity(unigram.testPerplexity)}.`,
    'One seed: the spread between runs is not known.',
  ].join(' ');
}

const BARS = '▁▂▃▄▅▆▇█';

/** Values as bars of eighths of a line on a logarithmic scale from `low` to `high`. */
function bars(values: readonly number[], low: number, high: number): string {
  const range = Math.log(high / low);
  return values
    .map((value) => {
      const part = range > 0 ? Math.log(value / low) / range : 0;
      return BARS[Math.round(part * (BARS.length - 1))] ?? ' ';
    })
    .join('');
}

/** The most epochs that a curve shows; of a longer training it shows evenly spread ones, the last among them. */
const MOST_BARS = 24;

/** The validation perplexity after each epoch, one line a variant: a bar for each epoch, all on one logarithmic scale, and some numbers. */
export function languageCurves(input: LanguageReportInput, { width }: Pick<TableOptions, 'width'>): string {
  const shown = shownVariants(input).filter(({ history }) => history.epochs.length > 0);
  const epochs = Math.max(0, ...shown.map(({ history }) => history.epochs.length));
  if (epochs < 2) return '';
  const values = shown.flatMap(({ history }) => history.epochs.map((epoch) => epoch.validationPerplexity));
  const finite = values.filter((value) => Number.isFinite(value));
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const nameWidth = Math.max(...shown.map(({ name }) => format.plain(name).length));
  const places = spread(epochs, Math.min(MOST_BARS, Math.max(2, width - nameWidth - 24)));
  const numberWidth = Math.max(...finite.map((value) => perplexity(value).length));
  const lines = shown.map(({ name, history }) => {
    const found = history.epochs.map((epoch) => epoch.validationPerplexity);
    const drawn = places.flatMap((place) => found.slice(place, place + 1));
    const [first = NaN, last = NaN] = [found[0], found.at(-1)];
    return `${format.plain(name).padEnd(nameWidth)}  ${bars(drawn, low, high).padEnd(places.length)}  ${perplexity(first).padStart(numberWidth)} → ${perplexity(last).padStart(numberWidth)}`;
  });
  return `${[`Validation perplexity after each of ${epochs} epochs (bars on a logarithmic scale)`, ...lines].join('\n')}\n`;
}

/** `most` places of `count`, evenly spread, the first and the last among them. */
function spread(count: number, most: number): readonly number[] {
  if (count <= most) return Array.from({ length: count }, (_, place) => place);
  return Array.from({ length: most }, (_, place) => Math.round((place * (count - 1)) / (most - 1)));
}

/** What a single run found, in a few lines for a terminal. */
export function languageRunSummary(report: LanguageRunReport): string {
  const { variant, unigram } = report;
  const { total, trainable } = variant.parameters;
  const rows: readonly (readonly [string, string])[] = [
    [
      'validation perplexity',
      `${perplexity(variant.validationPerplexity)} (by frequency alone: ${perplexity(unigram.validationPerplexity)})`,
    ],
    [
      'test perplexity',
      `${perplexity(variant.testPerplexity)} (by frequency alone: ${perplexity(unigram.testPerplexity)})`,
    ],
    [
      'parameters',
      `${format.count(total)}, of them ${format.count(trainable)} trainable (${format.sharePercent(format.share(trainable, total))} %)`,
    ],
    [
      'speed',
      `${format.count(report.history.tokensPerSecond)} tokens/s, ${format.significant(variant.secondsPerEpoch)} s an epoch`,
    ],
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  return `${rows.map(([label, value]) => `${label.padEnd(width)}  ${value}`).join('\n')}\n`;
}
