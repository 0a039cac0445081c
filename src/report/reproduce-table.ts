import CliTable from 'cli-table3';
import * as format from './format.ts';
import type { Counted, ReachedAccuracy, ReproducedRow, ReproductionDocument } from './reproduce-document.ts';
import type { TableOptions } from './table.ts';

/** A column of the table: the same in the terminal, in Markdown and on the page. */
export interface ReproductionColumn {
  readonly title: string;
  readonly value: (row: ReproducedRow) => string;
}

const beside = (ours: string, published: string): string => `${ours} / ${published}`;

function counted({ ours, printed, matches }: Counted, show: (value: number) => string): string {
  return `${beside(show(ours), printed)}${matches ? '' : ' (!)'}`;
}

function reached({ ours, printed }: ReachedAccuracy): string {
  return beside(ours === null ? format.MISSING : format.percentWithDeviation(ours, ours.seeds), printed);
}

/** `64 > 10`: features against classes. */
export function sizes({ features, classes }: Pick<ReproducedRow, 'features' | 'classes'>): string {
  return `${features} ${features < classes ? '<' : features > classes ? '>' : '='} ${classes}`;
}

/** Every pair is ours / published. */
export const reproductionColumns: readonly ReproductionColumn[] = Object.freeze<ReproductionColumn[]>([
  { title: 'N vs C', value: sizes },
  { title: 'parameters', value: ({ parameters }) => counted(parameters, format.count) },
  { title: 'fixed layer %', value: ({ share }) => counted(share, format.percent) },
  { title: 'learned %', value: ({ learned }) => reached(learned) },
  { title: 'fixed %', value: ({ fixed }) => reached(fixed) },
  {
    title: 'epochs',
    value: ({ state, epochs }) =>
      beside(state === 'missing' ? format.MISSING : String(epochs.ours), String(epochs.paper)),
  },
]);

/** What has to be said about the table as a whole. */
export function reproductionRemarks({ rows, caveat }: ReproductionDocument): readonly string[] {
  const wrong = rows.filter(({ parameters, share }) => !parameters.matches || !share.matches).map(({ id }) => id);
  const trained = rows.filter(({ learned, fixed }) => learned.ours !== null || fixed.ours !== null);
  const apart = trained.filter(({ comparable }) => !comparable).map(({ id }) => id);
  return [
    'Each pair is ours / published. N: features; C: classes; fixed layer: its N·C numbers as a share of the model with a learned classifier.',
    wrong.length === 0
      ? 'All parameter columns agree with the published ones, whose shares are partly rounded and partly cut off.'
      : `(!) The parameter columns of ${format.list(wrong)} do not agree with the published ones.`,
    caveat,
    ...(apart.length === 0
      ? []
      : [
          `Accuracies of ${format.list(apart)} are NOT comparable with the published ones: not trained as the paper's were; see the notes.`,
        ]),
  ];
}

/** One line for each dataset that is missing: which rows wait for it, and how to get it. */
export function missingLines({ missing }: ReproductionDocument): readonly string[] {
  return missing.map(
    ({ dataset, rows, places, howToGet }) =>
      `${dataset} is not on this machine (looked in ${places.join(' and ')}), so ${format.list(rows)} ${rows.length === 1 ? 'was' : 'were'} not trained. To get it: ${howToGet}.`,
  );
}

const CHARS = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '─', 'mid-mid': '──', right: '', 'right-mid': '', middle: '  ' },
};

/** The table as text: one line a row where that fits the width, else one paragraph a row; then what has to be said about it. */
export function reproductionTable(document: ReproductionDocument, { width }: Pick<TableOptions, 'width'>): string {
  const table = new CliTable({
    head: ['row', ...reproductionColumns.map(({ title }) => title)],
    colAligns: ['left', ...reproductionColumns.map(() => 'right' as const)],
    chars: CHARS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  for (const row of document.rows) table.push([row.id, ...reproductionColumns.map(({ value }) => value(row))]);
  const lines = table.toString().split('\n');
  const fits = lines.every((line) => Array.from(line).length <= width);
  const body = fits ? lines.map((line) => line.trimEnd()) : document.rows.flatMap(paragraph);
  return `${[document.source, '', ...body].join('\n')}\n`;
}

function paragraph(row: ReproducedRow): readonly string[] {
  return [row.id, ...reproductionColumns.map(({ title, value }) => `  ${title}: ${value(row)}`), ''];
}

/** The same table, its remarks and the notes of its rows as GitHub-flavoured Markdown. */
export function reproductionMarkdown(document: ReproductionDocument): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    `# ${markdownText(document.source)}`,
    '',
    line(['row', ...reproductionColumns.map(({ title }) => title)]),
    line(['---', ...reproductionColumns.map(() => '---:')]),
    ...document.rows.map((row) =>
      line([row.id, ...reproductionColumns.map(({ value }) => value(row))].map(markdownText)),
    ),
    '',
    ...[...reproductionRemarks(document), ...missingLines(document)].flatMap((text) => [markdownText(text), '']),
    ...document.rows.flatMap(({ id, notes }) =>
      notes.length === 0 ? [] : [`## ${markdownText(id)}`, '', ...notes.map((note) => `- ${markdownText(note)}`), ''],
    ),
  ].join('\n');
}

/** Characters that Markdown or a table in it would take as syntax. */
function markdownText(text: string): string {
  return format
    .plain(text)
    .replace(/[\\`*_[\]|~#]/gu, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;');
}
