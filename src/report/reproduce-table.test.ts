import { describe, expect, test } from 'vitest';
import type { ReproducedRow, ReproductionDocument } from './reproduce-document.ts';
import { renderReproduction } from './reproduce-page.ts';
import { reproductionMarkdown, reproductionRemarks, reproductionTable } from './reproduce-table.ts';

const row: ReproducedRow = {
  id: 'net-data',
  model: 'net',
  dataset: 'data',
  features: 12,
  classes: 20,
  state: 'finished',
  parameters: { ours: 1500, published: 1500, printed: '1,500', matches: true },
  share: { ours: 0.16, published: 0.16, printed: '16', matches: true },
  trainedWithFixedHead: 1281,
  learned: { head: 'learned', ours: { mean: 0.9, sd: 0.01, seeds: 2 }, published: 0.93, printed: '93.0' },
  fixed: { head: 'hadamard', ours: { mean: 0.91, sd: 0, seeds: 1 }, published: 0.92, printed: '92.0' },
  recipe: 'paper-cifar',
  epochs: { ours: 200, paper: 200 },
  comparable: true,
  notes: [],
  folder: '/out/net-data',
};

const files = { folder: '/out', markdown: '/out/table.md', page: '/out/table.html', results: '/out/results.json' };
const table = (...rows: readonly ReproducedRow[]): ReproductionDocument => ({
  source: 'A table',
  caveat: 'Not checked.',
  rows,
  missing: [],
  files,
});

describe('the table', () => {
  test('sets ours beside the published figures, the spread over seeds where it is known', () => {
    expect(reproductionTable(table(row), { width: 120 }).split('\n').at(-2)).toBe(
      'net-data  12 < 20  1,500 / 1,500     16.00 / 16  90.00 ± 1.00 / 93.0  91.00 / 92.0  200 / 200',
    );
  });

  test('is one paragraph a row where the terminal is narrow', () => {
    const lines = reproductionTable(table(row), { width: 60 }).split('\n');
    expect(lines).toContain('  learned %: 90.00 ± 1.00 / 93.0');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
  });

  test('of equal sizes', () => {
    expect(reproductionTable(table({ ...row, classes: 12 }), { width: 120 })).toContain('12 = 12');
  });
});

describe('the remarks', () => {
  test('say that parameters agree, and nothing of comparability where the training was the paper’s', () => {
    expect(reproductionRemarks(table(row)).join('\n')).toMatch(/All parameter columns agree[^]*Not checked\./);
    expect(reproductionRemarks(table(row)).join('\n')).not.toContain('NOT comparable');
  });

  test('say which rows do not agree, and which cannot be compared', () => {
    const wrong = { ...row, id: 'wrong', parameters: { ...row.parameters, ours: 1501, matches: false } };
    const short = { ...row, id: 'short', comparable: false };
    const untrained = {
      ...short,
      id: 'untrained',
      learned: { ...row.learned, ours: null },
      fixed: { ...row.fixed, ours: null },
    };
    const remarks = reproductionRemarks(table(row, wrong, short, untrained)).join('\n');
    expect(remarks).toContain('(!) The parameter columns of wrong do not agree');
    expect(remarks).toContain('Accuracies of short are NOT comparable');
    expect(reproductionTable(table(wrong), { width: 120 })).toContain('1,501 / 1,500 (!)');
  });
});

test('text that Markdown or HTML would take as syntax is shown as it is', () => {
  const odd = table({ ...row, notes: ['a | b <c> & *d*'] });
  expect(reproductionMarkdown(odd)).toContain('- a \\| b &lt;c> &amp; \\*d\\*');
  expect(renderReproduction(odd)).toContain('<li>a | b &lt;c&gt; &amp; *d*</li>');
});

test('the page links the report of each row that has one, from its own folder', () => {
  const cut = { ...row, learned: { ...row.learned, ours: null }, fixed: { ...row.fixed, ours: null } };
  expect(renderReproduction(table(cut))).not.toContain('<a ');
  expect(renderReproduction(table(row))).toContain('<a href="net-data/report.html">');
  expect(renderReproduction(table({ ...row, folder: null }))).not.toContain('<a ');
});
