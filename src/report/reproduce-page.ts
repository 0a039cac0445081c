import { relative } from 'node:path';
import * as format from './format.ts';
import { type Markup, markup } from './markup.ts';
import { renderPage } from './page.ts';
import type { ReproducedRow, ReproductionDocument } from './reproduce-document.ts';
import { missingLines, reproductionColumns, reproductionRemarks } from './reproduce-table.ts';
import { STYLE } from './style.ts';

/** A published table beside ours as one HTML file without script or outside reference. The same document gives the same bytes. */
export function renderReproduction(document: ReproductionDocument): string {
  const trained = document.rows.filter(({ state }) => state === 'finished').length;
  return renderPage({
    title: document.source,
    style: STYLE,
    header: markup`<h1>${document.source}</h1>
<p class="facts">${format.plural(document.rows.length, 'row')}, ${format.count(trained)} trained here</p>`,
    main: markup`<section>
<h2>Ours beside the published figures</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Ours beside the published figures"><table class="data wide">
<thead><tr><th scope="col" class="text">row</th>${reproductionColumns.map(
      ({ title }) => markup`<th scope="col">${title}</th>`,
    )}</tr></thead>
<tbody>${document.rows.map(
      (row) => markup`<tr><th scope="row">${row.id}</th>${reproductionColumns.map(
        ({ value }) => markup`<td>${value(row)}</td>`,
      )}</tr>
`,
    )}</tbody>
</table></div>
${reproductionRemarks(document).map((text) => markup`<p class="note">${text}</p>`)}
</section>
${missingSection(document)}
<section>
<h2>Rows</h2>
${document.rows.map((row) => rowNotes(row, document))}
</section>`,
  });
}

function missingSection(document: ReproductionDocument): Markup {
  if (document.missing.length === 0) return markup``;
  return markup`<section>
<h2>Data that is missing</h2>
${missingLines(document).map((text) => markup`<p>${text}</p>`)}
</section>`;
}

function rowNotes(row: ReproducedRow, { files }: ReproductionDocument): Markup {
  const { id, notes, folder, recipe, learned, fixed } = row;
  // A comparison has a report from its first finished run on.
  const reported = learned.ours !== null || fixed.ours !== null;
  const report =
    folder === null || files === null || !reported ? undefined : `${relative(files.folder, folder)}/report.html`;
  return markup`<h3>${id}</h3>
<p class="note">Recipe ${recipe}.${report === undefined ? '' : markup` <a href="${report}">Report of its runs</a>`}</p>
<ul>${notes.map((note) => markup`<li>${note}</li>`)}</ul>
`;
}
