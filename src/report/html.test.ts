import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { reportInput } from '../../test/support/report-input.ts';
import { renderReport } from './html.ts';

/** Reads the page as XML with librsvg's parser, which is not ours and forgives nothing: rejects at the first mistake. */
async function parse(page: string): Promise<unknown> {
  const body = page.replace(/^<!doctype html>/u, '');
  const wrapped = `<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"><metadata>${body}</metadata></svg>`;
  return sharp(Buffer.from(wrapped)).metadata();
}

/** The charts alone: no text of the data in them. */
const charts = (page: string): readonly string[] => page.match(/<svg role="img".*?<\/svg>/gsu) ?? [];

describe('renderReport', () => {
  it('is well-formed, and the check would notice if it were not', async () => {
    const page = await renderReport(reportInput());
    await expect(parse(page)).resolves.toMatchObject({ format: 'svg' });
    await expect(parse(page.replace('</section>', ''))).rejects.toThrow(/XML parse error/u);
  });

  it('loads nothing: no script, no address, every picture in the file, and a policy that forbids the rest', async () => {
    const page = await renderReport(reportInput({ channels: 3 }));
    expect(page).not.toMatch(/<(?:script|link|iframe|object|embed|base)\b|@import|\son\w+=|\sstyle="/iu);
    const addresses = [...page.matchAll(/\s(?:src|href|xlink:href|action|srcset)="([^"]*)"/gu)].map(
      (match) => match[1],
    );
    expect(addresses.length).toBeGreaterThan(0);
    for (const address of addresses) expect(address).toMatch(/^data:image\/png;base64,[A-Za-z0-9+/]+=*$/u);
    for (const [, target] of page.matchAll(/url\(([^)]*)\)/gu)) expect(target).toMatch(/^#/u);
    const style = /<style>(.*)<\/style>/su.exec(page)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(page.replaceAll('&#39;', "'")).toContain(`default-src 'none'; img-src data:; style-src 'sha256-${hash}'`);
  });

  it('shows hostile names as text everywhere they appear', async () => {
    const hostile = `<script>alert("1")</script>'&\u0000<img src=x onerror=alert(1)>`;
    const input = reportInput({
      heads: ['learned', hostile],
      classes: [hostile, 'b', '</title><style>*{display:none}'],
    });
    const page = await renderReport({
      ...input,
      document: { ...input.document, model: hostile, dataset: { ...input.document.dataset, name: hostile } },
      histories: input.histories.map((run) => ({
        ...run,
        mistakes: run.mistakes.map((mistake) => ({ ...mistake, source: `${hostile}.png` })),
      })),
      provenance: [[hostile, hostile]],
    });
    expect(page).not.toMatch(/<script|<img src=x|<\/title><style>/u);
    expect(page).toContain(
      '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;\uFFFD&lt;img src=x onerror=alert(1)&gt;',
    );
    await expect(parse(page)).resolves.toMatchObject({ format: 'svg' });
  });

  const few = { epochs: 1, heads: ['learned'], seeds: [3], classes: ['cat', 'dog'], mistakes: 0 };
  const many = Array.from({ length: 200 }, (_, index) => `species ${index}`);
  it.each([
    ['one epoch, one head, one seed, two classes, no mistakes', few],
    ['a single fixed head', { ...few, heads: ['hadamard'] }],
    ['two hundred classes', { classes: many }],
    ['twenty classes', { classes: many.slice(0, 20) }],
    ['more heads than colours', { heads: ['learned', 'a', 'b', 'c', 'd', 'e', 'f', 'g'] }],
    ['a long run', { epochs: 164 }],
    ['accuracies that are all the same', { accuracy: () => 1 }],
    ['accuracies that are not numbers', { accuracy: () => Number.NaN }],
  ])('works for %s', async (_, choice) => {
    const page = await renderReport(reportInput(choice));
    await parse(page);
    expect(page).not.toMatch(/NaN|Infinity|undefined|\[object/u);
    for (const chart of charts(page)) await expect(sharp(Buffer.from(chart)).stats()).resolves.toBeDefined();
  });

  it('draws a line a seed and a mean for each head in each chart', async () => {
    const page = await renderReport(reportInput({ heads: ['learned', 'hadamard'], seeds: [0, 1, 2], epochs: 20 }));
    const error = charts(page).find((chart) => chart.includes('aria-label="Validation error, % over epoch.')) ?? '';
    for (const series of ['var(--s0)', 'var(--s1)'])
      expect(
        error.split('\n').filter((line) => line.startsWith('<path') && line.includes(`stroke="${series}"`)),
      ).toHaveLength(4);
    expect(error).toMatch(/learned: from 38\.1\d % at 1 to 9\.90 % at 20\./u);
  });

  it('gives every chart a description and every identifier once', async () => {
    const page = await renderReport(reportInput({ epochs: 20 }));
    expect(charts(page).length).toBe(7);
    for (const chart of charts(page)) expect(chart).toMatch(/^<svg role="img" aria-label="[^"]{20,}"/u);
    const ids = [...page.matchAll(/\sid="([^"]*)"/gu)].map((match) => match[1]);
    expect(ids.length).toBeGreaterThan(0);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('gives the same bytes again', async () => {
    expect(await renderReport(reportInput())).toBe(await renderReport(reportInput()));
  });

  it('writes per cent of the true class into the confusion table, summed over seeds', async () => {
    const input = reportInput({ heads: ['learned'], classes: ['cat', 'dog'] });
    const histories = input.histories.map((run, index) => ({
      ...run,
      confusion: [
        { label: 0, predicted: 0, count: index === 0 ? 9 : 6 },
        { label: 0, predicted: 1, count: index === 0 ? 1 : 4 },
        { label: 1, predicted: 1, count: 10 },
      ],
    }));
    const page = await renderReport({ ...input, histories });
    const cells = [...page.matchAll(/<td class="[de]\d+">([^<]*)<\/td>/gu)].map((match) => match[1]);
    expect(cells).toEqual(['75.0', '25.0', '100']);
  });

  it('lists the most confused pairs, worst first, where the matrix is too large to print', async () => {
    const page = await renderReport(reportInput({ classes: many, heads: ['learned'], seeds: [0] }));
    const first = /<table class="data pairs">.*?<tbody><tr>(.*?)<\/tr>/su.exec(page)?.[1] ?? '';
    expect(
      first
        .replace(/<[^>]*>/gu, ' ')
        .trim()
        .split(/\s{2,}/u),
    ).toEqual(['species 0', 'species 1', '10', '10.0']);
  });

  it('stays small and readable with thousands of classes, and says what it leaves out', async () => {
    const kanji = Array.from({ length: 6000 }, (_, index) => String.fromCodePoint(0x4e00 + index));
    const page = await renderReport(reportInput({ classes: kanji, heads: ['learned'], seeds: [0], mistakes: 0 }));
    await parse(page);
    expect(page).not.toContain('class="map"');
    expect(page).not.toContain('class="heat"');
    expect(page).toContain('a picture of 6,000 × 6,000 cells is left out');
    expect(page.match(/<table class="data pairs">.*?<\/table>/su)?.[0].match(/<tr>/gu)).toHaveLength(16);
    // 6000 wrong pairs of 10, 9 or 8 images each; the first 15 have 10.
    expect(page).toContain(
      'These pairs are 150 of 54,000 images with a wrong answer; 5,985 further pairs of classes, none confused more often, are left out.',
    );
    expect(page).toContain('<bdi>一</bdi>');
    expect(Buffer.byteLength(page)).toBeLessThan(60_000);
  });

  it('names fonts for characters that a Latin font lacks', async () => {
    const page = await renderReport(reportInput());
    expect(page).toMatch(/font:16px[^;]*"Noto Sans CJK JP"[^;]*,sans-serif/u);
  });

  it('says that every wrong answer is shown where they fit', async () => {
    const input = reportInput({ classes: many, heads: ['learned'], seeds: [0] });
    const histories = input.histories.map((run) => ({
      ...run,
      confusion: [
        { label: 0, predicted: 0, count: 5 },
        { label: 3, predicted: 7, count: 2 },
      ],
    }));
    expect(await renderReport({ ...input, histories })).toContain('These are all wrong answers: 2 images.');
  });

  it('speaks of neighbours where images have no class to be right about', async () => {
    const input = reportInput();
    const score = (accuracy: number) => ({ accuracy, nearest: accuracy - 0.01 });
    const page = await renderReport({
      ...input,
      document: {
        ...input.document,
        neighbours: { k: 200, temperature: 0.07, pixels: score(0.8), untrained: score(0.7) },
      },
      histories: input.histories.map((run) => ({
        ...run,
        epochs: run.epochs.map((epoch) => ({ ...epoch, validationLoss: null })),
      })),
    });
    await parse(page);
    expect(page).not.toMatch(/validation (?:accuracy|loss|error)/iu);
    expect(page).not.toMatch(/NaN|undefined|null/u);
    expect(page).toContain('<summary>k-NN accuracy of each seed</summary>');
    expect(page).toContain(
      'raw pixels 80.00\u00A0%, the untrained network 70.00\u00A0%; by the single nearest one: raw pixels 79.00\u00A0%',
    );
    // Errors in two frames, the training loss alone in its own.
    expect(charts(page).map((chart) => /aria-label="(.*?) over/u.exec(chart)?.[1])).toEqual([
      'Training error, %',
      'k-NN error, %',
      'Training loss',
      'Scale α',
    ]);
  });

  it('refuses a confusion outside the classes, and an image that does not have its stated size', async () => {
    const input = reportInput();
    const short = input.histories.map((run) => ({ ...run, confusion: [{ label: 10, predicted: 0, count: 1 }] }));
    await expect(renderReport({ ...input, histories: short })).rejects.toThrow(
      /does not fit the classes.*0 to 9.*10 taken for 0/u,
    );
    const cut = input.histories.map((run) => ({
      ...run,
      mistakes: run.mistakes.map((mistake) => ({ ...mistake, pixels: mistake.pixels.subarray(1) })),
    }));
    await expect(renderReport({ ...input, histories: cut })).rejects.toThrow(/stated size.*1 × 8 × 6 bytes.*47/u);
  });
});
