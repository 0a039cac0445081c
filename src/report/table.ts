import CliTable from 'cli-table3';
import { bestHead, type Column, columnsOf, headline } from './columns.ts';
import { type ComparisonDocument, type HeadComparison } from './comparison.ts';
import * as format from './format.ts';
import { measureOf } from './measure.ts';
import { BARE_TABLE, bold, tableWidth, trimLines, wrap } from './terminal.ts';

/** How a table is printed. */
export interface TableOptions {
  /** Emphasis by ANSI escapes; leave off where the output is not a terminal. */
  readonly color: boolean;
  /** Columns of the terminal. */
  readonly width: number;
}

const NAME_LENGTH = 28;

/**
 * The paper's table for the user's data, as text for a terminal.
 *
 * One row a head where that fits `width` (some 110 columns with full numbers, less with rounded ones), otherwise one
 * column a head, and on a very narrow terminal one paragraph a head. The most accurate head is marked with `*`.
 */
export function comparisonTable(document: ComparisonDocument, options: TableOptions): string {
  const best = document.heads.length > 1 ? bestHead(document) : -1;
  const draw = [
    (color: boolean) => byRow(document, best, color, false),
    (color: boolean) => byRow(document, best, color, true),
    (color: boolean) => byColumn(document, best, color, false),
    (color: boolean) => byColumn(document, best, color, true),
  ].find((layout) => tableWidth(layout(false)) <= options.width);
  const lines = [
    ...wrap(headline(document), options.width),
    '',
    draw?.(options.color) ?? byParagraph(document, best, options.color),
    '',
    ...wrap(footnote(document, best), options.width),
  ];
  return `${lines.join('\n')}\n`;
}

function byRow(document: ComparisonDocument, best: number, color: boolean, short: boolean): string {
  const columns = columnsOf(document);
  const table = new CliTable({
    head: ['\nhead', ...columns.map((column) => column.terminal.join('\n'))].map((title) => boldLines(title, color)),
    colAligns: ['left', ...columns.map(() => 'right' as const)],
    chars: BARE_TABLE,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  document.heads.forEach((head, index) => {
    table.push([
      emphasise(nameOf(head, index === best), index === best, color),
      ...columns.map((column) =>
        emphasise(cell(column, head, short), index === best && column.key === 'validation', color),
      ),
    ]);
  });
  return trimLines(table.toString());
}

function byColumn(document: ComparisonDocument, best: number, color: boolean, short: boolean): string {
  const columns = columnsOf(document);
  const table = new CliTable({
    head: ['', ...document.heads.map((head, index) => bold(nameOf(head, index === best), color))],
    colAligns: ['left', ...document.heads.map(() => 'right' as const)],
    chars: BARE_TABLE,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  for (const column of columns) {
    table.push([
      column.label,
      ...document.heads.map((head, index) =>
        emphasise(cell(column, head, short), index === best && column.key === 'validation', color),
      ),
    ]);
  }
  return trimLines(table.toString());
}

function byParagraph(document: ComparisonDocument, best: number, color: boolean): string {
  const columns = columnsOf(document);
  return document.heads
    .map((head, index) =>
      [
        bold(nameOf(head, index === best), color),
        ...columns.map((column) => `  ${column.label}: ${cell(column, head, true)}`),
      ].join('\n'),
    )
    .join('\n\n');
}

/** The same table as GitHub-flavoured Markdown: the header, one row a head, the best head in bold. */
export function comparisonMarkdown(document: ComparisonDocument): string {
  const columns = columnsOf(document);
  const best = document.heads.length > 1 ? bestHead(document) : -1;
  const header = ['head', ...columns.map((column) => column.label)];
  const rows = document.heads.map((head, index) => {
    const name = markdownText(format.plain(head.head));
    return [
      index === best ? `**${name}**` : name,
      ...columns.map((column) => {
        const value = markdownText(column.value(head));
        return index === best && column.key === 'validation' ? `**${value}**` : value;
      }),
    ];
  });
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return `${[line(header), line(['---', ...columns.map(() => '---:')]), ...rows.map(line)].join('\n')}\n`;
}

/** Characters that Markdown or a table in it would take as syntax. */
function markdownText(text: string): string {
  return text
    .replace(/[\\`*_[\]|~]/gu, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}

function cell(column: Column, head: HeadComparison, short: boolean): string {
  return short && column.short !== undefined ? column.short(head) : column.value(head);
}

function nameOf(head: HeadComparison, best: boolean): string {
  return `${format.shorten(format.plain(head.head), NAME_LENGTH)}${best ? ' *' : ''}`;
}

function footnote(document: ComparisonDocument, best: number): string {
  const seeds = Math.max(0, ...document.heads.map((head) => head.seeds.length));
  return [
    ...(best >= 0 ? [`* highest ${measureOf(document).accuracy}.`] : []),
    seeds > 1
      ? '± is the sample standard deviation over the seeds.'
      : 'One seed: the spread between runs is not known; --seeds 0,1,2 shows it.',
    'Share: the classifier’s part of the trainable parameters.',
  ].join(' ');
}

function boldLines(text: string, color: boolean): string {
  return text
    .split('\n')
    .map((line) => bold(line, color))
    .join('\n');
}

function emphasise(text: string, on: boolean, color: boolean): string {
  return on ? bold(text, color) : text;
}
