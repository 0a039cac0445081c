import { type ReportInput } from './comparison.ts';
import * as format from './format.ts';
import { type Markup, markup } from './markup.ts';
import { picturedMistakes, type PicturedMistake } from './mistakes.ts';

const PICTURES = 12;

/** The mistakes that each head was surest of, as pictures. */
export async function mistakeSection(input: ReportInput): Promise<Markup> {
  const heads = await Promise.all(
    input.document.heads.map(async ({ head }) => ({ head, pictures: await picturedMistakes(input, head, PICTURES) })),
  );
  if (heads.every(({ pictures }) => pictures.length === 0)) return markup``;
  const severalSeeds = new Set(input.histories.map((run) => run.seed)).size > 1;
  return markup`<section>
<h2>The most confident mistakes</h2>
<p class="note">Validation images with the ${
    input.document.neighbours === undefined ? 'highest probability' : 'largest share of their neighbours’ votes'
  } for a wrong answer, worst first${
    severalSeeds ? ', over all seeds' : ''
  }. Some may be mislabelled rather than misread.</p>
${heads.map(
  ({ head, pictures }) => markup`<h3><bdi>${head}</bdi></h3>
${
  pictures.length === 0
    ? markup`<p>No mistake was recorded.</p>`
    : markup`<div class="mistakes">${pictures.map((picture) => mistakeFigure(picture, input.classes, severalSeeds))}</div>`
}
`,
)}</section>`;
}

function mistakeFigure(picture: PicturedMistake, classes: readonly string[], severalSeeds: boolean): Markup {
  const { mistake } = picture;
  const truth = format.shorten(classes[mistake.label] ?? `class ${mistake.label}`, 40);
  const answer = format.shorten(classes[mistake.predicted] ?? `class ${mistake.predicted}`, 40);
  const probability = probabilityText(mistake.probability);
  const under = [probability, ...(severalSeeds ? [`seed ${picture.seed}`] : [])].join(', ');
  const source = mistake.source === undefined ? undefined : format.shorten(mistake.source, 60);
  return markup`<figure><div class="frame"><img src="${picture.uri}" width="${picture.width}" height="${picture.height}" alt="${truth}, taken for ${answer}" /></div>
<figcaption>true <b><bdi>${truth}</bdi></b><br />answer <b><bdi>${answer}</bdi></b><br />${under}${
    source === undefined ? undefined : markup`<br /><span class="note">${source}</span>`
  }</figcaption></figure>
`;
}

/** A probability in per cent that never rounds up to certainty. */
function probabilityText(probability: number): string {
  if (!Number.isFinite(probability)) return format.MISSING;
  return probability > 0.9995 ? '>\u00A099.9\u00A0%' : `${format.percent(probability, 1)}\u00A0%`;
}
