import { bestHead, type Column, columnsOf } from './columns.ts';
import { type ComparisonDocument } from './comparison.ts';
import * as format from './format.ts';
import { type Markup, markup } from './markup.ts';
import { measureOf } from './measure.ts';
import { dashOf, SERIES } from './palette.ts';

/** A short piece of the head's line: its colour and dash. */
export function swatch(index: number): Markup {
  const color = `var(--s${index % SERIES})`;
  return markup`<svg class="swatch" viewBox="0 0 34 8" aria-hidden="true"><line x1="0" y1="4" x2="34" y2="4" stroke="${color}" stroke-width="2.5" stroke-dasharray="${dashOf(index).join(' ') || 'none'}" /></svg>`;
}

/** The comparison as an HTML table: one row a head, columns grouped. */
export function comparisonRows(document: ComparisonDocument): Markup {
  const best = document.heads.length > 1 ? bestHead(document) : -1;
  const columns = columnsOf(document);
  const groups: Column[][] = [];
  for (const column of columns) {
    const last = groups.at(-1);
    if (last?.[0]?.group === column.group) last.push(column);
    else groups.push([column]);
  }
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="Comparison of the heads">
<table class="data wide">
<thead>
<tr><th rowspan="2" scope="col" class="text">head</th>${groups.map(
    (group) =>
      markup`<th class="group" scope="colgroup" colspan="${group.length}"><span>${group[0]?.group ?? ''}</span></th>`,
  )}</tr>
<tr>${columns.map((column) => markup`<th scope="col">${column.title}${unitOf(column)}</th>`)}</tr>
</thead>
<tbody>
${document.heads.map(
  (head, index) => markup`<tr><th scope="row">${swatch(index)}<bdi>${head.head}</bdi></th>${columns.map((column) => {
    const strong = index === best && column.key === 'validation';
    return strong ? markup`<td class="best">${column.value(head)}</td>` : markup`<td>${column.value(head)}</td>`;
  })}</tr>
`,
)}</tbody>
</table>
</div>`;
}

function unitOf(column: Column): string {
  return column.unit === '' ? '' : `, ${column.unit}`;
}

/** What each column means, and each seed's own accuracy where there are several. */
export function tableNotes(document: ComparisonDocument): Markup {
  return markup`<details><summary>What the columns mean</summary>
<dl>${columnsOf(document).map((column) => markup`<dt>${column.label}</dt><dd>${column.meaning}</dd>`)}</dl>
</details>
${bySeed(document)}`;
}

function bySeed(document: ComparisonDocument): Markup {
  const seeds = [...new Set(document.heads.flatMap((head) => head.seeds.map((seed) => seed.seed)))];
  if (seeds.length < 2) return markup``;
  return markup`<details><summary>${measureOf(document).Accuracy} of each seed</summary>
<div class="scroll" tabindex="0" role="region" aria-label="${measureOf(document).Accuracy} of each seed"><table class="data">
<thead><tr><th scope="col" class="text">head</th>${seeds.map((seed) => markup`<th scope="col">seed ${seed}, %</th>`)}</tr></thead>
<tbody>${document.heads.map(
    (head) =>
      markup`<tr><th scope="row"><bdi>${head.head}</bdi></th>${seeds.map((seed) => {
        const run = head.seeds.find((candidate) => candidate.seed === seed);
        return markup`<td>${format.percent(run?.validationAccuracy ?? Number.NaN)}</td>`;
      })}</tr>`,
  )}</tbody>
</table></div>
</details>`;
}
