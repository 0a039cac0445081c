import { writeFileAtomically } from '../train/atomic.ts';
import { renderPanels } from './charts.ts';
import { ceiling, epochAxis, niceAxis, type Curve, type Point } from './curves.ts';
import type { ClassChange, FixDocument, FixMeasure } from './fix-document.ts';
import * as format from './format.ts';
import { type Markup, markup, trusted } from './markup.ts';
import { renderPage } from './page.ts';
import { PAGE_THEME } from './palette.ts';
import { STYLE } from './style.ts';

const CHART = { width: 480, height: 300 };
/** Most classes that the page lists: those that changed most come first. */
const MOST_CLASSES = 100;

const OWN_STYLE = `
.change{display:inline-block;min-width:4.2em;text-align:right}
.better{color:var(--s2)}
.worse{color:var(--s1)}
`;

/**
 * What replacing a classifier did, as one HTML file without script or outside reference: the classifier that was found, what the model was
 * and is now, each class, and the training. The same document gives the same bytes.
 */
export function renderFixPage(document: FixDocument): string {
  const { data, head, classifier } = document;
  const model = document.model.split(/[\\/]/).at(-1) ?? '';
  return renderPage({
    title: `${model} with the ${head} head`,
    style: STYLE + OWN_STYLE,
    header: markup`<h1>${model} with the ${head} head</h1>
<p class="facts">${format.count(classifier.features)} features to ${format.count(classifier.classes)} classes · trained on ${data}</p>
<p class="summary">${summarizeFix(document)}</p>`,
    main: markup`<section>
<h2>Before and after</h2>
${comparison(document)}
<p class="note">The original’s classifier: ${classifier.how}.</p>
</section>
${curveSection(document)}
${classSection(document)}
${provenance(document)}`,
  });
}

/** Renders the page and puts it at `path` in one step. @throws an input error where it cannot be written. */
export async function writeFixReport(path: string, document: FixDocument): Promise<void> {
  await writeFileAtomically(path, renderFixPage(document));
}

/** What replacing the classifier came to, in a few sentences. */
export function summarizeFix({ classifier, before, after, head }: FixDocument): string {
  const sentences = [
    `The classifier was ${format.sharePercent(classifier.share)} % of the model: ${format.plural(classifier.parameters, 'number')}; the ${head} head has ${format.count(after.classifierParameters)}.`,
    `The file went from ${format.bytes(before.bytes)} to ${format.bytes(after.bytes)}.`,
  ];
  if (after.accuracy !== null) {
    sentences.push(
      before.accuracy === null
        ? `${format.percent(after.accuracy)} % of the validation images are answered right.`
        : `${format.percent(after.accuracy)} % of the validation images are answered right, ${format.percent(before.accuracy)} % before.`,
    );
  }
  return sentences.join(' ');
}

interface Row {
  readonly label: string;
  readonly value: (measure: FixMeasure) => number | null;
  readonly show: (value: number) => string;
}

const rows: readonly Row[] = [
  { label: 'accuracy, %', value: ({ accuracy }) => accuracy, show: format.percent },
  { label: 'top 5, %', value: ({ top5 }) => top5, show: format.percent },
  { label: 'loss, nats', value: ({ loss }) => loss, show: format.significant },
  { label: 'parameters', value: ({ parameters }) => parameters, show: format.count },
  { label: 'in the classifier', value: ({ classifierParameters }) => classifierParameters, show: format.count },
  { label: 'file', value: ({ bytes }) => bytes, show: format.bytes },
  { label: 'one image, ms', value: ({ milliseconds }) => milliseconds, show: format.significant },
];

function comparison({ before, after }: FixDocument): Markup {
  const cell = ({ value, show }: Row, measure: FixMeasure): string => {
    const number = value(measure);
    return number === null ? format.MISSING : show(number);
  };
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="Before and after"><table class="data">
<thead><tr><th scope="col" class="text"></th><th scope="col">original</th><th scope="col">new</th></tr></thead>
<tbody>${rows.map(
    (row) => markup`<tr><th scope="row">${row.label}</th><td>${cell(row, before)}</td><td>${cell(row, after)}</td></tr>
`,
  )}</tbody>
</table></div>`;
}

const changeOf = ({ before, after }: ClassChange): number => (before === null ? 0 : after - before);

function classSection({ classes }: FixDocument): Markup {
  if (classes.length === 0) return markup``;
  const sorted = classes.toSorted((a, b) => Math.abs(changeOf(b)) - Math.abs(changeOf(a)));
  const shown = sorted.slice(0, MOST_CLASSES);
  const rest =
    shown.length === classes.length
      ? ''
      : ` The ${format.count(shown.length)} of ${format.count(classes.length)} that changed most.`;
  return markup`<section>
<h2>Classes</h2>
<p class="note">Share of each class’s validation images that are answered right.${rest}</p>
<div class="scroll" tabindex="0" role="region" aria-label="Accuracy of each class"><table class="data">
<thead><tr><th scope="col" class="text">class</th><th scope="col">images</th><th scope="col">before, %</th><th scope="col">after, %</th><th scope="col">change</th></tr></thead>
<tbody>${shown.map(
    (each) => markup`<tr><th scope="row"><bdi>${each.label}</bdi></th><td>${format.count(each.count)}</td><td>${
      each.before === null ? format.MISSING : format.percent(each.before)
    }</td><td>${format.percent(each.after)}</td><td>${changeCell(each)}</td></tr>
`,
  )}</tbody>
</table></div>
</section>`;
}

function changeCell(each: ClassChange): Markup {
  if (each.before === null) return markup`${format.MISSING}`;
  const change = changeOf(each);
  const kind = change > 0 ? 'better' : change < 0 ? 'worse' : 'same';
  const sign = change > 0 ? '+' : change < 0 ? '−' : '';
  return markup`<span class="change ${kind}">${sign}${format.percent(Math.abs(change))}</span>`;
}

function curveSection({ epochs, before }: FixDocument): Markup {
  if (epochs.length === 0) return markup``;
  const curve = (head: string, index: number, points: readonly Point[]): Curve => ({
    head,
    index,
    mean: points,
    runs: [points],
  });
  const axis = epochAxis(epochs.map(({ epoch }) => epoch));
  const accuracy = [
    curve(
      'training',
      0,
      epochs.map(({ epoch, trainAccuracy }) => [epoch, 100 * trainAccuracy]),
    ),
    curve(
      'validation',
      1,
      epochs.map(({ epoch, validationAccuracy }) => [epoch, 100 * validationAccuracy]),
    ),
    ...(before.accuracy === null
      ? []
      : [
          curve('original, validation', 2, [
            [axis.min, 100 * before.accuracy],
            [axis.max, 100 * before.accuracy],
          ]),
        ]),
  ];
  const loss = [
    curve(
      'training',
      0,
      epochs.map(({ epoch, trainLoss }) => [epoch, trainLoss]),
    ),
    curve(
      'validation',
      1,
      epochs.flatMap(({ epoch, validationLoss }): Point[] =>
        validationLoss === null ? [] : [[epoch, validationLoss]],
      ),
    ),
  ];
  const values = accuracy.flatMap(({ mean }) => mean.map(([, y]) => y));
  const figure = (caption: string, id: string, curves: readonly Curve[], y: ReturnType<typeof niceAxis>): Markup => {
    const svg = renderPanels([{ xName: 'epoch', x: axis, y, curves }], {
      ...CHART,
      theme: PAGE_THEME,
      legend: true,
      id,
    });
    return markup`<figure class="chart"><figcaption>${caption}</figcaption>
${trusted('<svg role="img" aria-label="')}${caption}${trusted(`"${svg.slice('<svg'.length)}`)}
</figure>
`;
  };
  return markup`<section>
<h2>Training</h2>
<div class="pair">${figure('Accuracy, %', 'accuracy', accuracy, niceAxis(Math.min(...values), Math.max(...values), 5))}${figure(
    'Loss, nats',
    'loss',
    loss,
    ceiling([loss]).axis,
  )}</div>
</section>`;
}

function provenance({ provenance: lines, notes, trained, model }: FixDocument): Markup {
  const all: readonly (readonly [string, string])[] = [['original', model], ['trained', trained], ...lines];
  return markup`<section>
<h2>How this was made</h2>
${notes.map((note) => markup`<p class="note">${note}</p>`)}
<dl>${all.map(
    ([label, value]) => markup`<dt>${label}</dt><dd>${value}</dd>
`,
  )}</dl>
</section>`;
}
