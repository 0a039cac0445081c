import { facts } from './columns.ts';
import { type ReportInput } from './comparison.ts';
import { confusionSection } from './html-confusion.ts';
import { errorSection, lossSection, scaleSection } from './html-curves.ts';
import { mistakeSection } from './html-mistakes.ts';
import { comparisonRows, tableNotes } from './html-table.ts';
import * as format from './format.ts';
import { type Markup, markup } from './markup.ts';
import { renderPage } from './page.ts';
import { STYLE } from './style.ts';
import { summarise } from './summary.ts';

/**
 * The whole report as one HTML file that needs no network and no script: summary, table, curves, confusion matrices,
 * the worst mistakes as pictures, and how it was made. Charts are static SVG, pictures are `data:` URIs, and a content
 * security policy allows nothing else. Every string from the data is escaped. The same input gives the same bytes.
 *
 * @throws FixheadError of kind `internal` when a confusion matrix or an image does not have its stated size.
 */
export async function renderReport(input: ReportInput): Promise<string> {
  const { document } = input;
  const title = `${document.dataset.name}: ${format.list(document.heads.map((head) => head.head))}`;
  return renderPage({
    title,
    style: STYLE,
    header: markup`<h1>${heading(input)}</h1>
<p class="facts">${facts(document)}</p>
<p class="summary">${together(summarise(document).join(' '))}</p>`,
    main: markup`<section>
<h2>Comparison</h2>
${comparisonRows(document)}
${tableNotes(document)}
</section>
${errorSection(input)}
${lossSection(input)}
${scaleSection(input)}
${await confusionSection(input)}
${await mistakeSection(input)}
${provenance(input)}`,
  });
}

function heading(input: ReportInput): string {
  const { dataset, model, heads } = input.document;
  const [only] = heads;
  return heads.length === 1 && only !== undefined
    ? `${model} with the ${only.head} head on ${dataset.name}`
    : `${model} on ${dataset.name} with ${format.plural(heads.length, 'head')}`;
}

/** Keeps a number and its sign on one line. */
function together(text: string): string {
  return text.replaceAll('± ', '±\u00A0').replaceAll(' %', '\u00A0%');
}

function provenance(input: ReportInput): Markup {
  const { document } = input;
  const seeds = [...new Set(document.heads.flatMap((head) => head.seeds.map((seed) => seed.seed)))].sort(
    (a, b) => a - b,
  );
  const lines: readonly (readonly [string, string])[] = [
    ['heads', document.heads.map((head) => head.head).join(', ')],
    ['model', document.model],
    ['seeds', seeds.join(', ')],
    ...input.provenance,
  ];
  return markup`<section>
<h2>How this was made</h2>
<p>For each seed, every head was trained on the same backbone from the same initial weights, with the same batches in the same order.</p>
<dl>${lines.map(
    ([label, value]) => markup`<dt>${label}</dt><dd>${value}</dd>
`,
  )}</dl>
</section>`;
}
