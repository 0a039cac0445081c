import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { logAxis } from './language-curves.ts';
import type { LanguageReportInput, LanguageRunReport, LanguageVariant } from './language-document.ts';
import { renderLanguagePage, renderLanguageRunPage, writeLanguageReport } from './language-page.ts';
import { summarizeLanguage } from './language-summary.ts';
import { languageCurves, languageRunSummary, languageTable } from './language-table.ts';

const variant = (changes: Partial<LanguageVariant>): LanguageVariant => ({
  ...{ embedding: 'learned', fixed: false, tied: true, validationPerplexity: 120, testPerplexity: 115 },
  parameters: { total: 4_907_000, trainable: 4_907_000 },
  secondsPerEpoch: 300,
  ...changes,
});
const fewer = { total: 4_907_000, trainable: 1_067_000 };

const variants = [
  variant({}),
  variant({ tied: false, validationPerplexity: 125 }),
  variant({ embedding: 'pmi', fixed: true, validationPerplexity: 132, parameters: fewer, secondsPerEpoch: 200 }),
  variant({ embedding: 'pmi', fixed: true, logits: 'dot', validationPerplexity: 140.25, parameters: fewer }),
];

const facts = {
  corpus: '<b>text</b>',
  unigram: { validationPerplexity: 612.34, testPerplexity: 598.1 },
  provenance: [['Device', 'cpu']],
} as const;

const input: LanguageReportInput = {
  ...facts,
  document: { corpus: { tokens: 1_620_411, vocabulary: 15_000 }, variants, report: 'report.html' },
  histories: variants.map(({ validationPerplexity }) => ({
    tokensPerSecond: 6812.3,
    epochs: [1, 2, 3].map((epoch) => ({
      epoch,
      trainPerplexity: validationPerplexity * (4 - epoch),
      validationPerplexity: validationPerplexity * (2.5 - epoch / 2),
    })),
    steps: Array.from({ length: 150 }, (_, step) => ({ step: 10 * (step + 1), loss: 6 - step / 100 })),
  })),
};

const report: LanguageRunReport = {
  ...facts,
  ...{ tokens: 1_620_411, vocabulary: 15_000, samples: ['The people <i>of\nthese States'] },
  variant: variants[2] ?? variant({}),
  history: input.histories[2] ?? { tokensPerSecond: 0, epochs: [], steps: [] },
};

const widest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));

describe('the table', () => {
  test('one row a variant, the lowest perplexity marked', () => {
    const lines = languageTable(input, { color: false, width: 120 }).split('\n');
    expect(lines[0]).toBe('<b>text</b>: 1,620,411 tokens to train on, a vocabulary of 15,000 words');
    const rows = lines.slice(5, 9).map((line) => line.trim().split(/ {2,}/u));
    expect(rows[0]).toEqual([
      'learned *',
      'no',
      'yes',
      '120.0',
      '115.0',
      '4,907,000',
      '4,907,000',
      '100.0',
      '300 s',
      '6,812',
    ]);
    expect(rows[2]).toEqual([
      'pmi',
      'yes',
      'yes',
      '132.0',
      '115.0',
      '4,907,000',
      '1,067,000',
      '21.7',
      '200 s',
      '6,812',
    ]);
    expect(rows[3]?.[0]).toBe('pmi, dot');
    expect(lines.join('\n')).toContain('by frequency alone: validation 612.3, test 598.1');
  });

  test('fits a narrow terminal, and is bold only where colours are on', () => {
    for (const width of [90, 60])
      expect(widest(languageTable(input, { color: false, width }))).toBeLessThanOrEqual(width);
    expect(languageTable(input, { color: false, width: 60 })).toContain('pmi, fixed, dot, tied\n');
    expect(languageTable(input, { color: false, width: 120 })).not.toContain('\u001B');
    expect(languageTable(input, { color: true, width: 120 })).toContain('\u001B[1m120.0\u001B[22m');
  });

  test('a number that is missing is a dash', () => {
    const document = { ...input.document, variants: [variant({ validationPerplexity: NaN })] };
    expect(languageTable({ ...input, document }, { color: false, width: 120 })).toMatch(/learned +no +yes +– +115.0/u);
  });
});

test('curves for a terminal: bars on one logarithmic scale, first and last value', () => {
  expect(languageCurves(input, { width: 80 }).split('\n')).toEqual([
    'Validation perplexity after each of 3 epochs (bars on a logarithmic scale)',
    'learned, tied          ▇▄▁  240.0 → 120.0',
    'learned, untied        ▇▅▁  250.0 → 125.0',
    'pmi, fixed, tied       █▅▂  264.0 → 132.0',
    'pmi, fixed, dot, tied  █▆▂  280.5 → 140.3',
    '',
  ]);
  const one = {
    ...input,
    histories: input.histories.map((history) => ({ ...history, epochs: history.epochs.slice(0, 1) })),
  };
  expect(languageCurves(one, { width: 80 })).toBe('');
});

test('the summary compares the best fixed vectors with the best learned ones', () => {
  const text = summarizeLanguage(input).join(' ');
  expect(text).toContain('Of 4 models, the one with “learned, tied” word vectors has the lowest perplexity');
  expect(text).toContain(
    '“pmi, fixed, tied”, come to 132.0, 10.0 % above the best learned ones, “learned, tied”, at 120.0.',
  );
  expect(text).toContain('1,067,000 of 4,907,000 parameters to train (21.7 %)');
  expect(text).toContain('an epoch takes 67 % of their time');
  expect(summarizeLanguage({ ...input, document: { ...input.document, variants: [] } })).toEqual([
    'No model has a perplexity yet.',
  ]);
});

test('the summary of a single run for a terminal', () => {
  expect(languageRunSummary(report).split('\n')).toEqual([
    'validation perplexity  132.0 (by frequency alone: 612.3)',
    'test perplexity        115.0 (by frequency alone: 598.1)',
    'parameters             4,907,000, of them 1,067,000 trainable (21.7 %)',
    'speed                  6,812 tokens/s, 200 s an epoch',
    '',
  ]);
});

describe('the pages', () => {
  const page = renderLanguagePage(input);

  test('draw tied and untied variants in frames of their own, and reach nothing outside', () => {
    expect(page.match(/<svg role="img"/g)).toHaveLength(4);
    for (const text of ['Validation perplexity, tied', 'Training loss, nats, untied', 'cpu', '612.3'])
      expect(page).toContain(text);
    expect(page).toContain('<td class="best">120.0</td>');
    expect(page).not.toMatch(/https?:\/\/(?!www\.w3\.org)/);
    expect(page).not.toContain('<b>text');
  });

  test('say what the names mean, and only the names that occur', () => {
    for (const name of ['pmi', 'fixed', 'tied', 'untied', 'cosine', 'dot']) expect(page).toContain(`<dt>${name}</dt>`);
    expect(page).not.toContain('<dt>hadamard</dt>');
    expect(renderLanguageRunPage({ ...report, variant: variant({}) })).not.toContain('<dt>cosine</dt>');
  });

  test('a single run shows its curves and what it wrote', () => {
    const own = renderLanguageRunPage(report);
    expect(own.match(/<svg role="img"/g)).toHaveLength(2);
    expect(own).toContain('<bdi>The people &lt;i&gt;of</bdi><br /><bdi>these States</bdi>');
    expect(own).not.toMatch(/https?:\/\/(?!www\.w3\.org)/);
  });

  test('are the same for the same input, and written in one step', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fixhead-language-page-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeLanguageReport(join(folder, 'report.html'), input);
    expect(await readFile(join(folder, 'report.html'), 'utf8')).toBe(page);
    expect(await readdir(folder)).toEqual(['report.html']);
  });
});

describe('a logarithmic axis', () => {
  test.each([
    [
      [115, 480],
      ['100', '150', '200', '300', '500'],
    ],
    [
      [1.01, 900],
      ['1', '10', '100', '1,000'],
    ],
    [
      [30, 620],
      ['20', '50', '100', '200', '500', '1,000'],
    ],
    [
      [112, 138],
      ['100', '120', '140'],
    ],
  ])('around %j has round ticks', (values, labels) => {
    const axis = logAxis(values);
    expect(axis.labels).toEqual(labels);
    expect(axis.min).toBeLessThanOrEqual(Math.log(Math.min(...values)));
    expect(axis.max).toBeGreaterThanOrEqual(Math.log(Math.max(...values)));
    expect(axis.ticks.map((tick) => Math.round(Math.exp(tick)).toLocaleString('en-US'))).toEqual(labels);
  });
});
