import { plain } from './format.ts';

/** Markup that is safe to insert as it stands. Only `markup` and `trusted` make one. */
export interface Markup {
  readonly markup: string;
}

type Insert = string | number | Markup | readonly Markup[] | undefined;

/**
 * A template for markup in which every inserted string is escaped, in text and in quoted attributes alike, so a class
 * named `<script>` is shown and never run. The result is well-formed XML as long as the literal parts are.
 */
export function markup(literals: TemplateStringsArray, ...inserts: readonly Insert[]): Markup {
  const parts = literals.map((literal, index) => literal + render(inserts[index]));
  return { markup: parts.join('') };
}

/** Text of our own making (a style sheet, a chart) as markup. Never for a string that came from data. */
export function trusted(text: string): Markup {
  return { markup: text };
}

/** `&`, `<`, `>` and both quotes as entities, control characters as a visible mark. */
export function escapeText(text: string): string {
  return plain(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

function render(insert: Insert): string {
  if (insert === undefined) return '';
  if (typeof insert === 'string') return escapeText(insert);
  if (typeof insert === 'number') return String(insert);
  if ('markup' in insert) return insert.markup;
  return insert.map((part) => part.markup).join('');
}
