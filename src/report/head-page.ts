import { writeFileAtomically } from '../train/atomic.ts';
import { renderPanels } from './charts.ts';
import { niceAxis, type Axis, type Point } from './curves.ts';
import * as format from './format.ts';
import type { HeadDocument } from './head-document.ts';
import { findings, type Finding } from './head-findings.ts';
import { renderHistogram } from './head-histogram.ts';
import { headSections, type Fact, type FactTable, type HeadSection } from './head-sections.ts';
import { type Markup, markup, trusted } from './markup.ts';
import { renderPage } from './page.ts';
import { PAGE_THEME } from './palette.ts';
import { STYLE } from './style.ts';

/** What this page needs beyond the common style sheet. */
const OWN_STYLE = `
.findings{list-style:none;margin:1.75rem 0 0;padding:0;max-width:49rem}
.findings li{position:relative;margin:.5rem 0;padding-left:1.7rem;font-size:1.05rem;line-height:1.5}
.findings li span{position:absolute;left:0;font-weight:700}
.findings .fine span{color:var(--s2)}
.findings .note{color:inherit}
.findings .note span{color:var(--s0)}
.findings .wrong span{color:var(--s1)}
.findings .wrong{font-weight:600}
table.facts{margin:1rem 0}
.facts th,.facts td{text-align:left;vertical-align:top;font-weight:400;padding:.28rem 1.4rem .28rem 0}
.facts th{color:var(--quiet);white-space:nowrap}
.facts td{color:var(--ink)}
.facts td:nth-child(2){font-weight:600;white-space:nowrap}
.facts td:nth-child(3){color:var(--quiet);font-size:.88rem}
dl.facts dd{color:var(--ink);font-weight:600}
dl.facts dd span{display:block;color:var(--quiet);font-weight:400;font-size:.88rem}
@media (max-width:40rem){.facts td:nth-child(3){display:none}.facts td:nth-child(2){white-space:normal}}
`;

const CHART = { width: 480, height: 300 };

/**
 * An inspection as one HTML file without script or outside reference: what it comes to, tables, the histogram of cosines, the loss that
 * each α allows, and the path of α in training. The same document gives the same bytes.
 */
export function renderHeadPage(document: HeadDocument): string {
  const title = titleOf(document);
  return renderPage({
    title,
    style: STYLE + OWN_STYLE,
    header: markup`<h1>${title}</h1>
<p class="facts">${subtitleOf(document)}</p>
${findingList(findings(document))}`,
    main: markup`${headSections(document).map((section) => sectionMarkup(section, document))}${notesOf(document)}`,
  });
}

/** Renders the page and puts it at `path` in one step. @throws an input error where it cannot be written. */
export async function writeHeadReport(path: string, document: HeadDocument): Promise<void> {
  await writeFileAtomically(path, renderHeadPage(document));
}

function titleOf({ model, head, classifier }: HeadDocument): string {
  const name = head === null ? `The classifier of ${model ?? 'a model'}` : `The ${head} head`;
  return classifier === null ? name : `${name}, ${format.count(classifier.classes)} classes`;
}

function subtitleOf({ model, head, sign, classifier, parameters }: HeadDocument): string {
  const parts: string[] = [];
  if (classifier !== null)
    parts.push(
      `${format.count(classifier.features)} ${sign ?? ''} features to ${format.count(classifier.classes)} classes`,
    );
  if (model !== null && head !== null) parts.push(`in ${model}`);
  if (classifier !== null) {
    const share =
      model === null
        ? ''
        : `, ${format.sharePercent(classifier.share)} % of the model’s ${format.count(parameters.total)}`;
    parts.push(`${format.plural(classifier.parameters, 'parameter')}${share}`);
  }
  return parts.join(' · ');
}

const marks = { fine: '✓', note: '•', wrong: '✗' } as const satisfies Record<Finding['level'], string>;
const spoken = { fine: 'Fine', note: 'Note', wrong: 'Wrong' } as const satisfies Record<Finding['level'], string>;

function findingList(list: readonly Finding[]): Markup {
  if (list.length === 0) return markup``;
  return markup`<ul class="findings">${list.map(
    ({ level, text }) =>
      markup`<li class="${level}"><span role="img" aria-label="${spoken[level]}">${marks[level]}</span>${text}</li>
`,
  )}</ul>`;
}

function sectionMarkup(section: HeadSection, document: HeadDocument): Markup {
  const chart = chartOf(section.id, document);
  // A chart stands beside narrow tables, else beside the facts.
  const beside = chart === undefined ? [] : section.tables.filter(({ head }) => head.length <= 2);
  const below = section.tables.filter((table) => !beside.includes(table)).map(tableMarkup);
  const wide = section.facts.length === 0 ? markup`` : factTable(section.facts);
  const body =
    chart === undefined
      ? markup`${wide}${below}`
      : beside.length > 0
        ? markup`<div class="pair">${chart}<div>${beside.map(tableMarkup)}</div></div>${wide}${below}`
        : markup`<div class="pair">${chart}${factList(section.facts)}</div>${below}`;
  return markup`<section>
<h2>${section.title}</h2>
${body}
${section.notes.map((note) => markup`<p class="note">${note}</p>`)}
</section>
`;
}

function factTable(facts: readonly Fact[]): Markup {
  return markup`<table class="facts"><tbody>${facts.map(
    ({ label, value, note }) =>
      markup`<tr><th scope="row">${label}</th><td>${value}</td><td>${note ?? ''}</td></tr>
`,
  )}</tbody></table>`;
}

/** The same in a narrow column: notes below what they explain. */
function factList(facts: readonly Fact[]): Markup {
  return markup`<dl class="facts">${facts.map(
    ({
      label,
      value,
      note,
    }) => markup`<dt>${label}</dt><dd>${value}${note === undefined ? markup`` : markup`<span>${note}</span>`}</dd>
`,
  )}</dl>`;
}

function tableMarkup({ head, rows }: FactTable): Markup {
  const [first = '', ...others] = head;
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="${first}"><table class="data">
<thead><tr><th scope="col" class="text">${first}</th>${others.map((title) => markup`<th scope="col">${title}</th>`)}</tr></thead>
<tbody>${rows.map(([name = '', ...cells]) => markup`<tr><th scope="row"><bdi>${name}</bdi></th>${cells.map((cell) => markup`<td>${cell}</td>`)}</tr>`)}</tbody>
</table></div>`;
}

function chartOf(id: HeadSection['id'], document: HeadDocument): Markup | undefined {
  switch (id) {
    case 'cosines':
      return cosineChart(document);
    case 'scale':
      return lossChart(document);
    case 'training':
      return pathChart(document);
    case 'geometry':
    case 'cost':
    case 'time':
      return undefined;
    default:
      return id satisfies never;
  }
}

function figure(caption: string, note: string, label: string, svg: string): Markup {
  return markup`<figure class="chart"><figcaption>${caption}<span class="note">${note}</span></figcaption>
${trusted('<svg role="img" aria-label="')}${label}${trusted(`"${svg.slice('<svg'.length)}`)}
</figure>
`;
}

function cosineChart({ vectors, geometry }: HeadDocument): Markup | undefined {
  if (vectors === null || geometry === null) return undefined;
  const { welch } = geometry;
  const lines = welch === 0 ? [] : [-welch, welch];
  const left =
    vectors.antipodalPairs === 0 ? '' : ` ${format.plural(vectors.antipodalPairs, 'opposite pair')} left out.`;
  const which = vectors.exhaustive ? 'All pairs.' : `A sample of ${format.count(vectors.examined)} vectors.`;
  const svg = renderHistogram(vectors.histogram, { ...CHART, theme: PAGE_THEME, id: 'cosines', marks: lines });
  return figure(
    'Cosines of pairs, % of the pairs',
    `${which}${left}${welch === 0 ? '' : ' Dashed: the Welch bound.'}`,
    `Histogram of cosines: mean of their size ${format.significant(vectors.meanAbsolute)}, largest ${format.significant(vectors.coherence)}.`,
    svg,
  );
}

/** One line in a frame. */
function lineChart(id: string, name: string, xName: string, points: readonly Point[], y: Axis): string {
  const x = niceAxis(points[0]?.[0] ?? 0, Math.max(1e-9, points.at(-1)?.[0] ?? 1), 6);
  const curve = { head: name, index: 0, mean: points, runs: [] };
  return renderPanels([{ xName, x, y, curves: [curve] }], { ...CHART, theme: PAGE_THEME, legend: false, id });
}

function lossChart({ scale }: HeadDocument): Markup | undefined {
  if (scale === null) return undefined;
  const points = scale.losses.map(({ scale: x, loss }): Point => [x, loss]);
  const most = Math.max(1e-9, ...points.map(([, loss]) => loss));
  const svg = lineChart('loss', 'loss', 'scale α', points, niceAxis(0, most, 5));
  return figure(
    'Loss of an image whose features point along its class vector',
    'Cross-entropy in nats, without biases.',
    `Loss over the scale: ${format.significant(points[0]?.[1] ?? 0)} at 0, ${format.significant(points.at(-1)?.[1] ?? 0)} at ${format.significant(points.at(-1)?.[0] ?? 0)}.`,
    svg,
  );
}

function pathChart({ training }: HeadDocument): Markup | undefined {
  const path = training?.scale ?? [];
  const [first, last] = [path[0], path.at(-1)];
  if (first === undefined || last === undefined || path.length < 2) return undefined;
  const values = path.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const y = niceAxis(low === high ? low - 1 : low, low === high ? high + 1 : high, 5);
  const points = path.map(({ step, value }): Point => [step, value]);
  return figure(
    'Scale α over training',
    'The axis need not start at 0.',
    `Scale α from ${format.significant(first.value)} to ${format.significant(last.value)} at step ${last.step}.`,
    lineChart('path', 'α', 'training step', points, y),
  );
}

function notesOf({ notes }: HeadDocument): Markup {
  if (notes.length === 0) return markup``;
  return markup`<section><h2>Notes</h2>${notes.map((note) => markup`<p>${note}</p>`)}</section>`;
}
