import { writeFileAtomically } from '../train/atomic.ts';
import * as format from './format.ts';
import { swatch } from './html-table.ts';
import { languageColumns, perplexity, type LanguageColumn } from './language-columns.ts';
import { lossSection, perplexitySection, runSection } from './language-curves.ts';
import {
  bestVariant,
  shownVariants,
  variantName,
  vectorsName,
  type LanguageReportInput,
  type LanguageRunReport,
  type LanguageVariant,
  type ShownVariant,
} from './language-document.ts';
import { summarizeLanguage } from './language-summary.ts';
import { markup, type Markup } from './markup.ts';
import { renderPage } from './page.ts';
import { STYLE } from './style.ts';

const OWN_STYLE = `
.sample{font-size:.95rem;line-height:1.6;background:var(--panel);border-left:3px solid var(--rule);padding:.7rem 1rem;margin:.7rem 0;max-width:49rem}
`;

/**
 * A comparison of language models as one HTML file without script or outside reference: summary, table, curves, what the names mean,
 * and how it was made. The same input gives the same bytes.
 */
export function renderLanguagePage(input: LanguageReportInput): string {
  const shown = shownVariants(input);
  return renderPage({
    title: `${input.corpus}: ${format.list([...new Set(shown.map(({ vectors }) => vectors))])}`,
    style: STYLE + OWN_STYLE,
    header: markup`<h1>Language models on ${input.corpus}, ${format.plural(shown.length, 'choice')} of word vectors</h1>
<p class="facts">${corpusFacts(input.document.corpus)}</p>
<p class="summary">${together(summarizeLanguage(input).join(' '))}</p>`,
    main: markup`<section>
<h2>Comparison</h2>
${variantTable(shown)}
<p class="note">${unigramNote(input)}</p>
${columnNotes()}
</section>
${perplexitySection(shown)}
${lossSection(shown)}
${meaningSection(shown.map(({ variant }) => variant))}
${provenanceSection(input, 'Every model was trained on the same windows of the text in the same order, from the same seed.')}`,
  });
}

/** One language model as an HTML file: perplexity, curves, what it wrote, and how it was made. */
export function renderLanguageRunPage(report: LanguageRunReport): string {
  const { variant, history, corpus, tokens, vocabulary, samples } = report;
  const document = { corpus: { tokens, vocabulary }, variants: [variant], report: '' };
  const shown = shownVariants({ ...report, document, histories: [history] });
  const name = variantName(variant);
  return renderPage({
    title: `${corpus}: ${name}`,
    style: STYLE + OWN_STYLE,
    header: markup`<h1>A language model on ${corpus}: ${name} word vectors</h1>
<p class="facts">${corpusFacts({ tokens, vocabulary })}</p>
<p class="summary">${together(summarizeLanguage({ ...report, document, histories: [history] }).join(' '))}</p>`,
    main: markup`<section>
<h2>Result</h2>
${variantTable(shown)}
<p class="note">${unigramNote(report)}</p>
${columnNotes()}
</section>
${sampleSection(samples)}
${runSection(history)}
${meaningSection([variant])}
${provenanceSection(report, undefined)}`,
  });
}

/** Renders the page and puts it at `path` in one step. @throws an input error where it cannot be written. */
export async function writeLanguageReport(path: string, input: LanguageReportInput): Promise<void> {
  await writeFileAtomically(path, renderLanguagePage(input));
}

/** Renders the page of a single model and puts it at `path` in one step. @throws an input error where it cannot be written. */
export async function writeLanguageRunReport(path: string, report: LanguageRunReport): Promise<void> {
  await writeFileAtomically(path, renderLanguageRunPage(report));
}

function corpusFacts({ tokens, vocabulary }: LanguageReportInput['document']['corpus']): string {
  return `${format.count(tokens)} tokens to train on, a vocabulary of ${format.count(vocabulary)} words`;
}

/** Keeps a number and its sign on one line. */
function together(text: string): string {
  return text.replaceAll(' %', '\u00A0%');
}

function unigramNote({ unigram }: Pick<LanguageReportInput, 'unigram'>): string {
  return `A model that knows only how common words are in the training text has a perplexity of ${perplexity(unigram.validationPerplexity)} on the validation text and ${perplexity(unigram.testPerplexity)} on the test text.`;
}

function variantTable(shown: readonly ShownVariant[]): Markup {
  const best = shown.length > 1 ? bestVariant(shown) : undefined;
  const groups: LanguageColumn[][] = [];
  for (const column of languageColumns) {
    const last = groups.at(-1);
    if (last?.[0]?.group === column.group) last.push(column);
    else groups.push([column]);
  }
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="Comparison of the word vectors">
<table class="data wide">
<thead>
<tr><th rowspan="2" scope="col" class="text"></th>${groups.map(
    (group) =>
      markup`<th class="group" scope="colgroup" colspan="${group.length}"><span>${group[0]?.group ?? ''}</span></th>`,
  )}</tr>
<tr>${languageColumns.map(({ title }) => markup`<th scope="col">${title}</th>`)}</tr>
</thead>
<tbody>
${shown.map(
  (
    one,
  ) => markup`<tr><th scope="row">${shown.length > 1 ? swatch(one.index) : undefined}<bdi>${vectorsName({ ...one.variant, fixed: false })}</bdi></th>${languageColumns.map(
    (column) =>
      one === best && column.key === 'validation'
        ? markup`<td class="best">${column.value(one)}</td>`
        : markup`<td>${column.value(one)}</td>`,
  )}</tr>
`,
)}</tbody>
</table>
</div>`;
}

function columnNotes(): Markup {
  return markup`<details><summary>What the columns mean</summary>
<dl>${languageColumns.map(({ label, meaning }) => markup`<dt>${label}</dt><dd>${meaning}</dd>`)}</dl>
</details>`;
}

const EMBEDDING_MEANINGS: Readonly<Record<string, string>> = {
  learned: 'One vector a word, trained with the rest of the model.',
  orthonormal:
    'Random vectors: a table with orthonormal columns whose rows are then scaled to unit length. They know nothing of the words.',
  hadamard:
    'Rows of signed Hadamard matrices, dealt to the words: computed when needed and not stored. They know nothing of the words.',
  word2vec:
    'Made from the training text by skip-gram with negative sampling: words in similar contexts have similar vectors.',
  pmi: 'Made from the training text by factorising its positive pointwise mutual information: words in similar contexts have similar vectors.',
  file: 'Read from a file that was made elsewhere.',
};

function meaningSection(variants: readonly LanguageVariant[]): Markup {
  const kinds = [...new Set(variants.map(({ embedding }) => embedding))];
  const meanings: (readonly [string, string])[] = kinds.flatMap((kind) => {
    const meaning = EMBEDDING_MEANINGS[kind];
    return meaning === undefined ? [] : [[kind, meaning] as const];
  });
  const some = (has: (variant: LanguageVariant) => boolean): boolean => variants.some(has);
  const cosine = some(({ fixed, logits }) => (logits ?? (fixed ? 'cosine' : 'dot')) === 'cosine');
  const dot = some(({ fixed, logits }) => (logits ?? (fixed ? 'cosine' : 'dot')) === 'dot');
  meanings.push(
    ...(some(({ fixed }) => fixed)
      ? [['fixed', 'Training never changes the word vectors, and computes no gradient for them.'] as const]
      : []),
    ...(some(({ tied }) => tied)
      ? [['tied', 'The vectors that words enter with are also those that the next word is predicted with.'] as const]
      : []),
    ...(some(({ tied }) => !tied)
      ? [['untied', 'Words enter with one table of vectors and are predicted with another.'] as const]
      : []),
    ...(cosine
      ? [
          [
            'cosine',
            `The score of a word is α times the cosine between its vector and the state, plus a bias; α is learned.${dot ? ' Fixed vectors are used so unless the name says otherwise.' : ''}`,
          ] as const,
        ]
      : []),
    ...(dot
      ? [
          [
            'dot',
            `The score of a word is the inner product of its vector and the state, plus a bias.${cosine ? ' Trained vectors are used so unless the name says otherwise.' : ''}`,
          ] as const,
        ]
      : []),
  );
  return markup`<section>
<h2>What the names mean</h2>
<dl>${meanings.map(
    ([label, meaning]) => markup`<dt>${label}</dt><dd>${meaning}</dd>
`,
  )}</dl>
</section>`;
}

function sampleSection(samples: readonly string[]): Markup {
  if (samples.length === 0) return markup``;
  return markup`<section>
<h2>What it writes</h2>
<p class="note">Words drawn one after the other from what the model predicts.</p>
${samples.map(
  (text) => markup`<p class="sample">${text.split('\n').map((line) => markup`<bdi>${line}</bdi><br />`)}</p>
`,
)}
</section>`;
}

function provenanceSection({ provenance }: Pick<LanguageReportInput, 'provenance'>, how: string | undefined): Markup {
  return markup`<section>
<h2>How this was made</h2>
${how === undefined ? undefined : markup`<p>${how}</p>`}
<dl>${provenance.map(
    ([label, value]) => markup`<dt>${label}</dt><dd>${value}</dd>
`,
  )}</dl>
</section>`;
}
