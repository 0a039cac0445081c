import sharp from 'sharp';
import { type Confused, type Confusion, confusions, shareOf, worstShare, wrongAnswers } from './confusion.ts';
import { type ReportInput } from './comparison.ts';
import * as format from './format.ts';
import { type Markup, markup } from './markup.ts';
import { HEAT_LEVELS } from './style.ts';

/** Up to so many classes a matrix is a table with numbers; beyond it, a picture and the pairs most often confused. */
const TABLE_CLASSES = 30;
/** Beyond so many classes a pixel a cell no longer fits a page. */
const PICTURE_CLASSES = 1000;
const PAIRS = 15;

/** Which classes each head takes for which. */
export async function confusionSection(input: ReportInput): Promise<Markup> {
  const matrices = confusions(input);
  if (matrices.length === 0) return markup``;
  const worst = worstShare(matrices);
  const many = input.classes.length > TABLE_CLASSES;
  const parts = many
    ? await Promise.all(matrices.map((matrix) => largeMatrix(matrix, worst, input.classes)))
    : matrices.map((matrix) => heatTable(matrix, worst, input.classes));
  const wide = !many && input.classes.length > 10;
  return markup`<section>
<h2>Confusion</h2>
<p class="note">${explanation(matrices, worst, input.classes.length)}</p>
<div class="${wide ? 'stack' : 'pair'}">${parts}</div>
</section>`;
}

function explanation(matrices: readonly Confusion[], worst: number, classes: number): string {
  const many = classes > TABLE_CLASSES;
  const seeds = Math.max(...matrices.map((matrix) => matrix.seeds));
  const over = seeds > 1 ? `, the ${seeds} seeds taken together` : '';
  const cells = `Each row is a true class of the validation set, each column an answer${over}.`;
  const colors = 'Blue is right, orange is wrong';
  if (classes > PICTURE_CLASSES)
    return `The pairs of classes most often confused on the validation set${over}; a picture of ${format.count(classes)} × ${format.count(classes)} cells is left out.`;
  if (many) return `${cells} ${colors}; the pairs most often confused are listed.`;
  const errors =
    worst === 0 ? '' : `, on a scale that ends at the worst confusion of all heads, ${percentage(worst)} %`;
  return `${cells} Cells are per cent of the true class. ${colors}${errors}. A dot is less than the digits show.`;
}

function percentage(share: number): string {
  return format.percent(share, 1);
}

function heatTable(matrix: Confusion, worst: number, classes: readonly string[]): Markup {
  const many = matrix.classes > 12;
  const indices = classes.map((_, index) => index);
  const share = shareOf(matrix);
  return markup`<figure>
<figcaption><bdi>${matrix.head}</bdi></figcaption>
<div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix of ${matrix.head}"><table class="heat${many ? ' many' : ''}">
<colgroup><col class="name" />${classes.map(() => markup`<col />`)}</colgroup>
<thead><tr><th class="corner">true ↓ answer →</th>${classes.map(
    (name) => markup`<th scope="col" title="${name}"><span><bdi>${name}</bdi></span></th>`,
  )}</tr></thead>
<tbody>${indices.map(
    (row) =>
      markup`<tr><th scope="row" title="${classes[row] ?? ''}"><bdi>${classes[row] ?? ''}</bdi></th>${indices.map(
        (column) => heatCell(share(row, column), row === column, worst, many),
      )}</tr>
`,
  )}</tbody>
</table></div>
</figure>
`;
}

function heatCell(share: number, right: boolean, worst: number, many: boolean): Markup {
  if (share === 0) return markup`<td></td>`;
  const level = right ? share : share / worst;
  const kind = `${right ? 'd' : 'e'}${Math.max(1, Math.round(level * HEAT_LEVELS))}`;
  return markup`<td class="${kind}">${cellText(share, many ? 0 : 1)}</td>`;
}

/** A share with so many decimals, a dot where it would round to 0, and never 100 unless it is. */
function cellText(share: number, decimals: number): string {
  if (share === 1) return '100';
  const unit = 10 ** -decimals;
  if (share * 100 < unit / 2) return '·';
  return Math.min(share * 100, 100 - unit).toFixed(decimals);
}

async function largeMatrix(matrix: Confusion, worst: number, classes: readonly string[]): Promise<Markup> {
  return markup`<figure>
<figcaption><bdi>${matrix.head}</bdi></figcaption>
${matrix.classes <= PICTURE_CLASSES ? await heatPicture(matrix, worst) : undefined}
${pairTable(matrix, classes)}
</figure>
`;
}

function pairTable(matrix: Confusion, classes: readonly string[]): Markup {
  const wrong = wrongAnswers(matrix);
  if (wrong.length === 0) return markup`<p>No validation image was misclassified.</p>`;
  const pairs = wrong.slice(0, PAIRS);
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="Pairs most often confused by ${matrix.head}"><table class="data pairs">
<thead><tr><th scope="col" class="text">true class</th><th scope="col" class="text">answer</th><th scope="col">images</th><th scope="col">of the class, %</th></tr></thead>
<tbody>${pairs.map(
    (pair) =>
      markup`<tr><th scope="row"><bdi>${nameOf(classes, pair.label)}</bdi></th><td class="text"><bdi>${nameOf(classes, pair.predicted)}</bdi></td><td>${format.count(pair.count)}</td><td>${percentage(pair.share)}</td></tr>
`,
  )}</tbody></table></div>
<p class="note">${leftOut(pairs, wrong)}</p>`;
}

/** What a table of the worst confusions does not show. */
function leftOut(shown: readonly Confused[], all: readonly Confused[]): string {
  const images = (cells: readonly Confused[]): number => cells.reduce((sum, { count }) => sum + count, 0);
  const wrong = format.plural(images(all), 'image');
  if (shown.length === all.length) return `These are all wrong answers: ${wrong}.`;
  return `These pairs are ${format.count(images(shown))} of ${wrong} with a wrong answer; ${format.plural(all.length - shown.length, 'further pair')} of classes, none confused more often, are left out.`;
}

function nameOf(classes: readonly string[], index: number): string {
  return format.shorten(classes[index] ?? `class ${index}`, 32);
}

/** One pixel a cell, enlarged; transparent where nothing was counted, so that it suits a light and a dark page. */
async function heatPicture(matrix: Confusion, worst: number): Promise<Markup> {
  const { classes } = matrix;
  const pixels = new Uint8Array(classes * classes * 4);
  for (const { label, predicted, share } of matrix.cells) {
    const right = label === predicted;
    // The square root keeps rare confusions visible beside the worst one.
    const strength = right ? 0.85 * share : 0.2 + 0.8 * Math.sqrt(share / worst);
    const color = right ? [46, 145, 205] : [232, 112, 32];
    pixels.set([...color, Math.round(255 * strength)], (label * classes + predicted) * 4);
  }
  const factor = Math.max(1, Math.floor(640 / classes));
  const side = classes * factor;
  const png = await sharp(pixels, { raw: { width: classes, height: classes, channels: 4 } })
    .resize({ width: side, height: side, kernel: 'nearest' })
    .png({ compressionLevel: 9 })
    .toBuffer();
  const alt = `Confusion matrix of ${matrix.head} as a picture, ${classes} classes from top to bottom and from left to right; the table below lists the largest cells off the diagonal.`;
  return markup`<img class="map" src="data:image/png;base64,${png.toString('base64')}" width="${side}" height="${side}" alt="${alt}" />`;
}
