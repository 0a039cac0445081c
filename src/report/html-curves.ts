import { renderPanels } from './charts.ts';
import { type ReportInput } from './comparison.ts';
import {
  type Axis,
  ceiling,
  type Curve,
  epochAxis,
  epochCurves,
  type EpochMetric,
  niceAxis,
  type Point,
  scaleCurves,
} from './curves.ts';
import * as format from './format.ts';
import { swatch } from './html-table.ts';
import { type Markup, markup, trusted } from './markup.ts';
import { measureOf } from './measure.ts';
import { PAGE_THEME } from './palette.ts';

const SIZE = { width: 480, height: 310 };

/** Training and validation error per epoch. */
export function errorSection(input: ReportInput): Markup {
  return epochSection(input, {
    title: 'Error over training',
    unit: ' %',
    digits: (value) => (Number.isFinite(value) ? value.toFixed(2) : format.MISSING),
    metrics: [
      ['trainError', 'Training error, %'],
      ['validationError', `${measureOf(input.document).Error}, %`],
    ],
    closer: true,
  });
}

/** Training and validation loss per epoch. */
export function lossSection(input: ReportInput): Markup {
  return epochSection(input, {
    title: 'Loss over training',
    unit: '',
    digits: format.significant,
    metrics: [
      ['trainLoss', 'Training loss'],
      ['validationLoss', 'Validation loss'],
    ],
    closer: false,
  });
}

interface EpochSection {
  readonly title: string;
  readonly unit: string;
  readonly digits: (value: number) => string;
  readonly metrics: readonly (readonly [metric: EpochMetric, caption: string])[];
  /** Whether the last epochs are drawn again on a scale of their own. */
  readonly closer: boolean;
}

interface EpochFigure {
  readonly metric: EpochMetric;
  readonly caption: string;
  readonly curves: readonly Curve[];
}

function epochSection(input: ReportInput, section: EpochSection): Markup {
  const figures = section.metrics
    .map(([metric, caption]) => ({ metric, caption, curves: epochCurves(input, metric) }))
    .filter(({ curves }) => curves.length > 0);
  const all = figures.flatMap((figure) => figure.curves);
  if (all.length === 0) return markup``;
  const x = epochAxis(epochsOf(all));
  const y = ceiling(figures.map((figure) => figure.curves));
  const severalSeeds = all.some((curve) => curve.runs.length > 1);
  const say = (value: number): string => section.digits(value) + section.unit;
  return markup`<section>
<h2>${section.title}</h2>
<p class="note">${severalSeeds ? 'Bold: the mean over the seeds. Faint: each seed. ' : ''}${figures.length > 1 ? 'Both frames have the same scale.' : ''}${
    y.cropped === undefined ? '' : ` The first epochs leave the frame at the top, by up to ${say(y.cropped)}.`
  }</p>
${legend(input, all)}
<div class="pair">${figures.map((figure) =>
    chart({ ...figure, x, y: y.axis, xName: 'epoch', id: figure.metric, say }),
  )}</div>
${section.closer ? closerLook(figures, say) : undefined}
${epochTable(section, figures)}
</section>`;
}

function epochsOf(curves: readonly Curve[]): readonly number[] {
  return curves.flatMap((curve) => curve.runs.flat().map(([epoch]) => epoch));
}

/** Curves that meet at the end of a long run are told apart only on a scale that leaves out its beginning. */
function closerLook(figures: readonly EpochFigure[], say: (value: number) => string): Markup {
  const epochs = figures.flatMap((figure) => epochsOf(figure.curves));
  const last = Math.max(...epochs);
  const from = last - Math.ceil((last - Math.min(...epochs) + 1) / 3) + 1;
  if (last - from < 3) return markup``;
  return markup`<p class="note">The last third of the epochs again, each frame on a scale of its own that does not start at 0:</p>
<div class="pair">${figures.flatMap((figure) => {
    const curves = figure.curves.map((curve) => since(curve, from)).filter((curve) => curve.runs.length > 0);
    if (curves.length === 0) return [];
    const values = curves.flatMap((curve) => curve.runs.flat().map(([, y]) => y));
    const y = axisAround(values);
    const caption = `${figure.caption}, epochs ${from} to ${last}`;
    return [
      chart({ caption, curves, x: epochAxis(epochsOf(curves)), y, xName: 'epoch', id: `${figure.metric}-end`, say }),
    ];
  })}</div>`;
}

/** A frame that fits the values, with some room where they are all the same. */
function axisAround(values: readonly number[]): Axis {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = high > low ? 0 : Math.max(Math.abs(high) * 0.1, 0.1);
  return niceAxis(low - room, high + room, 5);
}

function since(curve: Curve, from: number): Curve {
  const keep = (points: readonly Point[]): readonly Point[] => points.filter(([x]) => x >= from);
  return { ...curve, mean: keep(curve.mean), runs: curve.runs.map(keep).filter((run) => run.length > 0) };
}

interface ChartParts {
  readonly caption: string;
  readonly curves: readonly Curve[];
  readonly x: Axis;
  readonly y: Axis;
  readonly xName: string;
  readonly id: string;
  readonly say: (value: number) => string;
}

function chart(parts: ChartParts): Markup {
  const svg = renderPanels([{ xName: parts.xName, x: parts.x, y: parts.y, curves: parts.curves }], {
    ...SIZE,
    theme: PAGE_THEME,
    legend: false,
    id: parts.id,
  });
  const label = `${parts.caption} over ${parts.xName}. ${parts.curves.map((curve) => spoken(curve, parts.say)).join(' ')}`;
  return markup`<figure class="chart"><figcaption>${parts.caption}</figcaption>
${trusted('<svg role="img" aria-label="')}${label}${trusted(`"${svg.slice('<svg'.length)}`)}
</figure>
`;
}

/** A curve in words, for a reader who does not see it. */
function spoken(curve: Curve, say: (value: number) => string): string {
  const first = curve.mean[0];
  const last = curve.mean.at(-1);
  if (first === undefined || last === undefined) return `${curve.head}: no mean.`;
  return first === last
    ? `${curve.head}: ${say(last[1])}.`
    : `${curve.head}: from ${say(first[1])} at ${format.count(first[0])} to ${say(last[1])} at ${format.count(last[0])}.`;
}

/** Which line is which head, in the order of the comparison. */
function legend(input: ReportInput, curves: readonly Curve[]): Markup {
  const shown = new Set(curves.map((curve) => curve.index));
  return markup`<ul class="legend">${input.document.heads.flatMap(({ head }, index) =>
    shown.has(index) ? [markup`<li>${swatch(index)}<bdi>${head}</bdi></li>`] : [],
  )}</ul>`;
}

function epochTable(section: EpochSection, figures: readonly EpochFigure[]): Markup {
  const columns = figures.flatMap((figure) =>
    figure.curves.map((curve) => ({ ...figure, curve, values: new Map(curve.mean) })),
  );
  const epochs = [...new Set(columns.flatMap((column) => [...column.values.keys()]))].sort((a, b) => a - b);
  return markup`<details><summary>The numbers behind the curves</summary>
<div class="scroll" tabindex="0" role="region" aria-label="${section.title}, by epoch"><table class="data">
<thead>
<tr><th rowspan="2" scope="col">epoch</th>${figures
    .filter((figure) => figure.curves.length > 0)
    .map(
      (figure) =>
        markup`<th class="group" scope="colgroup" colspan="${figure.curves.length}"><span>${figure.caption}</span></th>`,
    )}</tr>
<tr>${columns.map(({ curve }) => markup`<th scope="col"><bdi>${curve.head}</bdi></th>`)}</tr>
</thead>
<tbody>${epochs.map(
    (epoch) =>
      markup`<tr><th scope="row">${epoch}</th>${columns.map(({ values }) => {
        const value = values.get(epoch);
        return markup`<td>${value === undefined ? format.MISSING : section.digits(value)}</td>`;
      })}</tr>
`,
  )}</tbody></table></div>
</details>`;
}

/** The scale α over the steps, for the heads that learn one; nothing where none does. */
export function scaleSection(input: ReportInput): Markup {
  const curves = scaleCurves(input);
  if (curves.length === 0) return markup``;
  const points = curves.flatMap((curve) => curve.runs.flat());
  const x = niceAxis(0, Math.max(1, ...points.map(([step]) => step)), 6);
  return markup`<section>
<h2>The scale α over training</h2>
<p class="note">A fixed head answers with α times the cosine between the features and each class vector; α is the one number that sets how sharp the answers are. The axis need not start at 0.</p>
${legend(input, curves)}
<div class="pair">${chart({
    caption: 'Scale α',
    curves,
    x,
    y: axisAround(points.map(([, y]) => y)),
    xName: 'training step',
    id: 'scale',
    say: format.significant,
  })}
<div class="scroll" tabindex="0" role="region" aria-label="Scale at the start and the end"><table class="data">
<thead><tr><th scope="col" class="text">head</th><th scope="col">α at the start</th><th scope="col">α at the end</th></tr></thead>
<tbody>${curves.map((curve) => {
    const end = (pick: -1 | 0): string =>
      format.significant(format.mean(curve.runs.map((run) => run.at(pick)?.[1] ?? Number.NaN)));
    return markup`<tr><th scope="row"><bdi>${curve.head}</bdi></th><td>${end(0)}</td><td>${end(-1)}</td></tr>`;
  })}</tbody></table></div>
</div>
</section>`;
}
