import { describe, expect, it } from 'vitest';
import { reportInput } from '../../test/support/report-input.ts';
import { comparisonMarkdown, comparisonTable } from './table.ts';

const widest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));
const rowOf = (text: string, head: string): string[] =>
  (text.split('\n').find((line) => line.startsWith(head)) ?? '').split(/\s{2,}/u);

describe('comparisonTable', () => {
  it('puts every quantity of a head into its row, formatted', () => {
    const text = comparisonTable(reportInput().document, { color: false, width: 120 });
    expect(rowOf(text, 'learned')).toEqual([
      ...['learned', '90.05 ± 0.07', '95.00', '78,042', '78,042', '650', '0.83', '315 kB', '61.2', '7.46'],
    ]);
    expect(rowOf(text, 'hadamard')).toEqual([
      ...['hadamard *', '90.25 ± 0.07', '95.00', '78,042', '77,403', '11', '0.014', '312 kB', '61.2', '5.20'],
    ]);
  });

  it('says whose accuracy it is where neighbours were asked', () => {
    const { document } = reportInput();
    const score = { accuracy: 0.8, nearest: 0.7 };
    const neighbours = { k: 200, temperature: 0.07, pixels: score, untrained: score };
    const text = comparisonTable({ ...document, neighbours }, { color: false, width: 120 });
    expect(text).toContain('each training image a class of its own, 10 classes');
    expect(text).toContain('* highest k-NN accuracy.');
    expect(text).toMatch(/k-NN +recog- /u);
    expect(comparisonMarkdown({ ...document, neighbours })).toContain(
      '| k-NN accuracy % | training images recognised % |',
    );
    expect(widest(text)).toBeLessThanOrEqual(120);
  });

  it('leaves the deviation out for one seed and says that the spread is unknown', () => {
    const text = comparisonTable(reportInput({ seeds: [7] }).document, { color: false, width: 120 });
    expect(rowOf(text, 'learned')[1]).toBe('90.00');
    expect(text).not.toContain('±');
    expect(text).toContain('One seed: the spread between runs is not known');
  });

  it.each([120, 100, 80, 60, 40])('stays within %i columns', (width) => {
    const document = reportInput({ heads: ['learned', 'hadamard', 'orthonormal'] }).document;
    expect(widest(comparisonTable(document, { color: false, width }))).toBeLessThanOrEqual(width);
  });

  it('turns the table, then lists, as the terminal gets narrower, and drops nothing', () => {
    const document = reportInput().document;
    const turned = comparisonTable(document, { color: false, width: 70 });
    expect(rowOf(turned, 'validation accuracy %')).toEqual(['validation accuracy %', '90.05 ± 0.07', '90.25 ± 0.07']);
    const listed = comparisonTable(document, { color: false, width: 34 });
    for (const text of ['classifier µs/image: 5.20', 'exported size: 312 kB', 'validation accuracy %: 90.25 ± 0.07'])
      expect(listed).toContain(text);
  });

  it('emphasises only where colour is wanted, and is as wide either way', () => {
    const document = reportInput().document;
    const bare = comparisonTable(document, { color: false, width: 120 });
    const bold = comparisonTable(document, { color: true, width: 120 });
    expect(bare).not.toContain('\u001B');
    expect(bold).toContain('\u001B[1m90.25 ± 0.07\u001B[22m');
    expect(bold.replaceAll('\u001B[1m', '').replaceAll('\u001B[22m', '')).toBe(bare);
  });

  it('shows a dash for a missing measurement and disarms terminal escapes in names', () => {
    const { document } = reportInput();
    const [first] = document.heads;
    if (first === undefined) throw new Error('the made-up input has no head');
    const broken = { ...first, head: 'x\u001B[2Jy', stepMilliseconds: Number.NaN };
    const text = comparisonTable({ ...document, heads: [broken] }, { color: false, width: 120 });
    expect(rowOf(text, 'x\uFFFD[2Jy')[8]).toBe('–');
    expect(text).not.toMatch(/NaN|\u001B/u);
  });
});

describe('comparisonMarkdown', () => {
  it('has a header, a rule and one row a head with as many cells', () => {
    const lines = comparisonMarkdown(reportInput().document).trimEnd().split('\n');
    expect(lines.map((line) => line.split('|').length)).toEqual([12, 12, 12, 12]);
    expect(lines[3]).toContain('| **hadamard** | **90.25 ± 0.07** | 95.00 |');
  });

  it('escapes names that would break the table or become markup', () => {
    const text = comparisonMarkdown(reportInput({ heads: ['a|b<script>', 'learned'] }).document);
    expect(text).toContain('a\\|b&lt;script&gt;');
  });
});
