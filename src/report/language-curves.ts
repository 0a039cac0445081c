import { renderPanels } from './charts.ts';
import { epochAxis, niceAxis, type Axis, type Curve, type Point } from './curves.ts';
import * as format from './format.ts';
import { swatch } from './html-table.ts';
import { perplexity } from './language-columns.ts';
import type { LanguageHistory, ShownVariant } from './language-document.ts';
import { markup, trusted, type Markup } from './markup.ts';
import { PAGE_THEME } from './palette.ts';

const SIZE = { width: 480, height: 320 };
/** Most points of a curve of single steps: each is the mean over several. */
const MOST_STEPS = 60;

/** One frame of a figure. */
interface Frame {
  readonly caption: string;
  readonly id: string;
  readonly curves: readonly Curve[];
}

/** Tied and untied variants beside each other, where there are both. */
function frames(
  shown: readonly ShownVariant[],
  what: string,
  id: string,
  points: (one: ShownVariant) => readonly Point[],
): readonly Frame[] {
  const parts = [true, false]
    .map((tied) => ({ tied, own: shown.filter(({ variant }) => variant.tied === tied) }))
    .filter(({ own }) => own.length > 0);
  return parts.map(({ tied, own }) => ({
    caption: `${what}, ${tied ? 'tied' : 'untied'}`,
    id: `${id}-${tied ? 'tied' : 'untied'}`,
    curves: own.flatMap(({ vectors, index, ...rest }) => {
      const mean = points({ vectors, index, ...rest }).filter((point) => point.every(Number.isFinite));
      return mean.length === 0 ? [] : [{ head: vectors, index, mean, runs: [mean] }];
    }),
  }));
}

/** A logarithmic axis around positive values: ticks at 1, 2 and 5 times powers of ten, closer ones where those are too few. */
export function logAxis(values: readonly number[]): Axis {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (!(low > 0) || !Number.isFinite(high)) return niceAxis(0, 1, 5);
  const decades = Array.from(
    { length: Math.ceil(Math.log10(high)) - Math.floor(Math.log10(low)) + 1 },
    (_, index) => 10 ** (Math.floor(Math.log10(low)) + index),
  );
  const series = [
    [1, 10],
    [1, 2, 5],
    [1, 1.5, 2, 3, 5, 7],
    [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9],
  ].map((factors) =>
    [...new Set(decades.flatMap((decade) => factors.map((factor) => Number((factor * decade).toPrecision(3)))))].sort(
      (a, b) => a - b,
    ),
  );
  // The ends of the axis are the ticks around the values.
  const around = (ticks: readonly number[]): readonly number[] => {
    const from = ticks.findLastIndex((tick) => tick <= low);
    const to = ticks.findIndex((tick) => tick >= high);
    return ticks.slice(Math.max(0, from), to < 0 ? undefined : Math.max(to, from + 1) + 1);
  };
  const chosen = series.map(around).find((ticks) => ticks.length >= 4) ?? around(series.at(-1) ?? []);
  const ticks = chosen.map(Math.log);
  return {
    min: ticks[0] ?? 0,
    max: ticks.at(-1) ?? 1,
    ticks,
    labels: chosen.map((tick) => tick.toLocaleString('en-US', { maximumSignificantDigits: 3 })),
  };
}

const vectorNames = (shown: readonly ShownVariant[]): ReadonlyMap<number, string> =>
  new Map(shown.map(({ vectors, index }) => [index, vectors]));

/** Which line is which. */
function legend(names: ReadonlyMap<number, string>): Markup {
  return markup`<ul class="legend">${[...names].map(([index, name]) => markup`<li>${swatch(index)}<bdi>${name}</bdi></li>`)}</ul>`;
}

function figure(
  { caption, id, curves }: Frame,
  axes: { readonly x: Axis; readonly y: Axis; readonly xName: string },
  spoken: (point: Point) => string,
): Markup {
  const svg = renderPanels([{ ...axes, curves }], { ...SIZE, theme: PAGE_THEME, legend: false, id });
  const ends = curves.map(({ head, mean }) => {
    const [first, last] = [mean[0], mean.at(-1)];
    return first === undefined || last === undefined ? '' : `${head}: from ${spoken(first)} to ${spoken(last)}.`;
  });
  const label = `${caption} over ${axes.xName}. ${ends.join(' ')}`;
  return markup`<figure class="chart"><figcaption>${caption}</figcaption>
${trusted('<svg role="img" aria-label="')}${label}${trusted(`"${svg.slice('<svg'.length)}`)}
</figure>
`;
}

const logOf = (x: number, y: number): Point => [x, Math.log(y)];

/** Validation perplexity after each epoch, on a logarithmic scale. */
export function perplexitySection(shown: readonly ShownVariant[]): Markup {
  const drawn = frames(shown, 'Validation perplexity', 'perplexity', ({ history }) =>
    history.epochs.map(({ epoch, validationPerplexity }) => logOf(epoch, validationPerplexity)),
  );
  const points = drawn.flatMap(({ curves }) => curves.flatMap(({ mean }) => mean));
  if (points.length === 0) return markup``;
  const axes = {
    x: epochAxis(points.map(([epoch]) => epoch)),
    y: logAxis(points.map(([, y]) => Math.exp(y))),
    xName: 'epoch',
  };
  return markup`<section>
<h2>Perplexity over training</h2>
<p class="note">Logarithmic scale${drawn.length > 1 ? ', the same in both frames' : ''}.</p>
${legend(vectorNames(shown))}
<div class="pair">${drawn.map((frame) => figure(frame, axes, spokenPerplexity))}</div>
${epochTable(shown)}
</section>`;
}

/** Means over stretches of equal length: single steps jump too much to be told apart. */
function smoothed(points: readonly Point[]): readonly Point[] {
  const length = Math.ceil(points.length / MOST_STEPS);
  const groups = Array.from({ length: Math.floor(points.length / length) }, (_, group) =>
    points.slice(group * length, (group + 1) * length),
  );
  return groups.map((group): Point => [format.mean(group.map(([x]) => x)), format.mean(group.map(([, y]) => y))]);
}

/** Perplexity of training and validation text after each epoch, and the loss of training steps, of a single model. */
export function runSection(history: LanguageHistory): Markup {
  const curve = (head: string, index: number, points: readonly Point[]): Curve => {
    const mean = points.filter((point) => point.every(Number.isFinite));
    return { head, index, mean, runs: [mean] };
  };
  const { epochs, steps } = history;
  if (epochs.length === 0) return markup``;
  const curves = [
    curve(
      'training',
      0,
      epochs.map(({ epoch, trainPerplexity }) => logOf(epoch, trainPerplexity)),
    ),
    curve(
      'validation',
      1,
      epochs.map(({ epoch, validationPerplexity }) => logOf(epoch, validationPerplexity)),
    ),
  ];
  const logs = curves.flatMap(({ mean }) => mean.map(([, y]) => y));
  const axes = { x: epochAxis(epochs.map(({ epoch }) => epoch)), y: logAxis(logs.map(Math.exp)), xName: 'epoch' };
  const loss = curve('training', 0, steps.length === 0 ? [] : smoothed(steps.map(({ step, loss }) => [step, loss])));
  return markup`<section>
<h2>Training</h2>
<p class="note">Training perplexity is measured during the epoch, with dropout where there is any; the loss is its logarithm.</p>
${legend(new Map(curves.map(({ index, head }) => [index, head])))}
<div class="pair">${figure({ caption: 'Perplexity (logarithmic scale)', id: 'perplexity', curves }, axes, spokenPerplexity)}${
    loss.mean.length === 0
      ? undefined
      : figure({ caption: 'Training loss, nats', id: 'loss', curves: [loss] }, stepAxes(loss.mean), spokenLoss)
  }</div>
</section>`;
}

const spokenPerplexity = ([epoch, y]: Point): string => `${perplexity(Math.exp(y))} at ${format.count(epoch)}`;
const spokenLoss = ([step, y]: Point): string => `${format.significant(y)} at ${format.count(step)}`;

/** The axes of a loss over steps; that of the loss need not start at 0. */
function stepAxes(points: readonly Point[]): { readonly x: Axis; readonly y: Axis; readonly xName: string } {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const room = Math.max(...ys) > Math.min(...ys) ? 0 : 0.1;
  const last = Math.max(1, ...xs);
  const x = niceAxis(0, last, 5);
  return {
    x: { min: 0, max: last, ticks: x.ticks.filter((tick) => tick <= last) },
    y: niceAxis(Math.min(...ys) - room, Math.max(...ys) + room, 5),
    xName: 'training step',
  };
}

/** Training loss over steps. The loss is the logarithm of a perplexity already. */
export function lossSection(shown: readonly ShownVariant[]): Markup {
  const drawn = frames(shown, 'Training loss, nats', 'loss', ({ history }) =>
    history.steps.length === 0 ? [] : smoothed(history.steps.map(({ step, loss }) => [step, loss])),
  );
  const points = drawn.flatMap(({ curves }) => curves.flatMap(({ mean }) => mean));
  if (points.length === 0) return markup``;
  const axes = stepAxes(points);
  return markup`<section>
<h2>Loss over training</h2>
<p class="note">The mean of −log p(word) in training, the logarithm of a perplexity, with dropout where there is any; each point is the mean over some recorded steps. The axis need not start at 0.</p>
${legend(vectorNames(shown))}
<div class="pair">${drawn.map((frame) => figure(frame, axes, spokenLoss))}</div>
</section>`;
}

function epochTable(shown: readonly ShownVariant[]): Markup {
  const epochs = [...new Set(shown.flatMap(({ history }) => history.epochs.map(({ epoch }) => epoch)))].sort(
    (a, b) => a - b,
  );
  return markup`<details><summary>The numbers behind the curves</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Perplexity after each epoch"><table class="data">
<thead>
<tr><th rowspan="2" scope="col">epoch</th>${shown.map(({ name }) => markup`<th class="group" scope="colgroup" colspan="2"><span><bdi>${name}</bdi></span></th>`)}</tr>
<tr>${shown.map(() => markup`<th scope="col">training</th><th scope="col">validation</th>`)}</tr>
</thead>
<tbody>${epochs.map(
    (epoch) =>
      markup`<tr><th scope="row">${epoch}</th>${shown.map(({ history }) => {
        const record = history.epochs.find((one) => one.epoch === epoch);
        return markup`<td>${perplexity(record?.trainPerplexity ?? Number.NaN)}</td><td>${perplexity(record?.validationPerplexity ?? Number.NaN)}</td>`;
      })}</tr>
`,
  )}</tbody></table></div>
</details>`;
}
