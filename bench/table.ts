import CliTable from 'cli-table3';
import type { BenchDocument, Row } from './document.ts';
import { machineLine } from './machine.ts';

interface Column {
  readonly title: string;
  readonly cell: (row: Row) => string;
}

const UNKNOWN = '–';

/** Three significant digits, without an exponent. */
function short(value: string | number | null | undefined): string {
  if (typeof value !== 'number') return value ?? UNKNOWN;
  if (Math.abs(value) >= 100) return String(Math.round(value));
  return value.toLocaleString('en-US', {
    maximumSignificantDigits: 3,
    minimumSignificantDigits: 2,
    useGrouping: false,
  });
}

const time = (value: number | null, row: Row): string => (value === null ? UNKNOWN : `${short(value)} ${row.unit}`);

const standard: readonly Column[] = [
  { title: 'case', cell: (row) => row.case },
  { title: 'ours', cell: (row) => time(row.ours, row) },
  { title: 'peer', cell: (row) => row.peerName },
  { title: 'its time', cell: (row) => (row.peer === null ? (row.note ?? UNKNOWN) : time(row.peer, row)) },
  {
    title: 'ratio (quartiles)',
    cell: (row) =>
      row.ratio === null ? UNKNOWN : `${short(row.ratio)} (${short(row.ratioLow)}–${short(row.ratioHigh)})`,
  },
  { title: 'floor', cell: (row) => time(row.floor, row) },
  { title: 'ours / floor', cell: (row) => short(row.oursOverFloor) },
];

/** Extra columns that a bench's rows may have. */
const extras: readonly (Column & { readonly key: string })[] = [
  { key: 'matrixCopy', title: 'copy of matrix', cell: (row) => `${short(row['matrixCopy'])} ${row.unit}` },
  { key: 'oursTokens', title: 'our tokens/s', cell: (row) => short(row['oursTokens']) },
  { key: 'peerTokens', title: 'its tokens/s', cell: (row) => short(row['peerTokens']) },
  { key: 'oursMegabytes', title: 'our peak MB', cell: (row) => short(row['oursMegabytes']) },
  { key: 'peerMegabytes', title: 'its peak MB', cell: (row) => short(row['peerMegabytes']) },
  { key: 'memoryRatio', title: 'memory ratio', cell: (row) => short(row['memoryRatio']) },
];

function columnsOf(rows: readonly Row[]): readonly Column[] {
  return [...standard, ...extras.filter(({ key }) => rows.some((row) => row[key] !== undefined))];
}

/** The table for a terminal. */
export function textTable({ machine, rows }: BenchDocument): string {
  const columns = columnsOf(rows);
  const table = new CliTable({
    head: columns.map(({ title }) => title),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) table.push(columns.map(({ cell }) => cell(row)));
  return `${machineLine(machine)}\n${table.toString()}\n`;
}

/** The table in Markdown. */
export function markdownTable(rows: readonly Row[]): string {
  const columns = columnsOf(rows);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map(({ title }) => title)),
    line(columns.map(({ title }) => (title === 'case' || title === 'peer' ? '---' : '---:'))),
    ...rows.map((row) => line(columns.map(({ cell }) => cell(row).replaceAll('|', '\\|')))),
  ].join('\n');
}
