import sharp from 'sharp';
import { type Confusion, confusions, mostConfused, shareOf, worstShare } from './confusion.ts';
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
<p class="note">${explanation(matrices, worst, many)}</p>
<div class="${wide ? 'stack' : 'pair'}">${parts}</div>
</section>`;
}

function explanation(matrices: readonly Confusion[], worst: number, many: boolean): string {
  const seeds = Math.max(...matrices.map((matrix) => matrix.seeds));
  const over = seeds > 1 ? `, the ${seeds} seeds taken together` : '';
  const cells = `Each row is a true class of the validation set, each column an answer${over}.`;
  const colors = 'Blue is right, orange is wrong';
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
        (column) => heatCell(matrix, row, column, worst, many),
      )}</tr>
`,
  )}</tbody>
</table></div>
</figure>
`;
}

function heatCell(matrix: Confusion, row: number, column: number, worst: number, many: boolean): Markup {
  const share = shareOf(matrix, row, column);
  if (share === 0) return markup`<td></td>`;
  const level = row === column ? share : share / worst;
  const kind = `${row === column ? 'd' : 'e'}${Math.max(1, Math.round(level * HEAT_LEVELS))}`;
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
  const pairs = mostConfused(matrix, PAIRS);
  if (pairs.length === 0) return markup`<p>No validation image was misclassified.</p>`;
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="Pairs most often confused by ${matrix.head}"><table class="data pairs">
<thead><tr><th scope="col" class="text">true class</th><th scope="col" class="text">answer</th><th scope="col">images</th><th scope="col">of the class, %</th></tr></thead>
<tbody>${pairs.map(
    (pair) =>
      markup`<tr><th scope="row"><bdi>${nameOf(classes, pair.label)}</bdi></th><td class="text"><bdi>${nameOf(classes, pair.predicted)}</bdi></td><td>${format.count(pair.count)}</td><td>${percentage(pair.share)}</td></tr>
`,
  )}</tbody></table></div>`;
}

function nameOf(classes: readonly string[], index: number): string {
  return format.shorten(classes[index] ?? `class ${index}`, 32);
}

/** One pixel a cell, enlarged; transparent where nothing was counted, so that it suits a light and a dark page. */
async function heatPicture(matrix: Confusion, worst: number): Promise<Markup> {
  const { classes } = matrix;
  const pixels = new Uint8Array(classes * classes * 4);
  for (let row = 0; row < classes; row++)
    for (let column = 0; column < classes; column++) {
      const share = shareOf(matrix, row, column);
      if (share === 0) continue;
      // The square root keeps rare confusions visible beside the worst one.
      const strength = row === column ? 0.85 * share : 0.2 + 0.8 * Math.sqrt(share / worst);
      const color = row === column ? [46, 145, 205] : [232, 112, 32];
      pixels.set([...color, Math.round(255 * strength)], (row * classes + column) * 4);
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
