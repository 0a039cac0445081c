import { describe, expect, it } from 'vitest';
import { createHead } from '../heads/head.ts';
import { parseHead } from '../heads/parse.ts';
import { inspectHead } from '../runs/inspect-model.ts';
import type { HeadDocument } from './head-document.ts';
import { findings } from './head-findings.ts';
import { renderHistogram } from './head-histogram.ts';
import { renderHeadPage } from './head-page.ts';
import { headSections } from './head-sections.ts';
import { PICTURE_THEME } from './palette.ts';

const head = (name: string, classes: number, features: number): HeadDocument =>
  inspectHead(createHead(parseHead(name), { classes, features, sign: 'signed' }), 'signed');

const trained: HeadDocument['training'] = {
  run: 'runs/x',
  step: 20,
  scale: [
    { step: 1, value: 8 },
    { step: 20, value: 10 },
  ],
  features: [
    {
      ...{ split: 'train', images: 50, of: 500, normMean: 3, normDeviation: 0.5 },
      collapse: {
        ...{ classes: 2, variabilityRatio: 0.25, cosineMean: 0.8, cosineSmallest: 0.7, centredCosineMean: 0.9 },
        worst: [{ class: 1, name: '<script>alert(1)</script>', cosine: 0.7 }],
      },
    },
    { split: 'validation', images: 10, of: 10, normMean: 3, normDeviation: 0.5, collapse: null },
  ],
  assignments: [{ epoch: 1, before: 0.1, after: 0.4 }],
};

describe('renderHeadPage', () => {
  const document = { ...head('hadamard', 300, 64), training: trained, notes: ['a & b'] };

  it('is the same bytes for the same document, without script, and escapes every name', () => {
    const page = renderHeadPage(document);
    expect(renderHeadPage(document)).toBe(page);
    expect(page).not.toContain('<script');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(page).toContain('a &amp; b');
    expect(page).not.toMatch(/NaN|undefined|\bnull\b/);
    expect(page.match(/<svg role="img" aria-label="/g)).toHaveLength(3);
    // Charts that share a page must not share identifiers.
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('has a section for what there is, and none for what there is not', () => {
    expect(headSections(document).map(({ id }) => id)).toStrictEqual([
      'geometry',
      'cosines',
      'scale',
      'cost',
      'training',
    ]);
    expect(headSections(head('learned', 300, 64)).map(({ id }) => id)).toStrictEqual(['cost']);
    expect(renderHeadPage(head('learned', 300, 64))).not.toContain('<figure');
  });
});

describe('findings', () => {
  const levels = (document: HeadDocument) => findings(document).map(({ level }) => level);

  it('has nothing against an orthogonal head', () => {
    expect(new Set(levels(head('hadamard', 60, 64)))).toStrictEqual(new Set(['fine']));
  });

  it('finds vectors that are nearer than promised, and classes that share one', () => {
    const document = head('hadamard', 300, 64);
    const { geometry, vectors } = document;
    if (geometry === null || vectors === null) throw new Error('a head without vectors');
    const near = findings({ ...document, vectors: { ...vectors, coherence: 0.5 } });
    expect(near).toContainEqual({
      level: 'wrong',
      text: 'The largest |cosine| is 0.5, more than the 0.125 that the construction promises.',
    });
    const repeated = { pairs: [[3, 5]] as const, period: null };
    const shared = findings({
      ...document,
      geometry: { ...geometry, distinct: 299 },
      vectors: { ...vectors, repeated },
    });
    expect(shared[0]?.level).toBe('wrong');
    expect(shared[0]?.text).toMatch(
      /^Only 299 of 300 class vectors are different: classes 3 and 5 share one, for example\./,
    );
  });

  it('sees that a simplex cannot be better', () => {
    expect(findings(head('simplex', 5, 16)).map(({ text }) => text)).toContain(
      'Any two class vectors have the cosine -0.25: no 5 directions lie farther apart.',
    );
  });
});

describe('renderHistogram', () => {
  const options = { width: 300, height: 200, theme: PICTURE_THEME, id: 'h' };

  it('draws a bar for each count that is not 0, and a line for each mark', () => {
    const svg = renderHistogram({ from: -0.3, to: 0.3, counts: [0, 5, 0, 1, 0, 4] }, { ...options, marks: [0.1] });
    expect(svg.match(new RegExp(`fill="${PICTURE_THEME.series(0)}"`, 'g'))).toHaveLength(3);
    expect(svg.match(new RegExp(`stroke="${PICTURE_THEME.series(1)}"`, 'g'))).toHaveLength(1);
    expect(svg).not.toContain('NaN');
  });

  it('stays a chart with nothing to draw', () => {
    expect(renderHistogram({ from: 0, to: 0, counts: [] }, { ...options, marks: [] })).not.toContain('NaN');
  });
});
