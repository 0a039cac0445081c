import { createHash } from 'node:crypto';
import { type Markup, markup, trusted } from './markup.ts';

/** What a page consists of. */
export interface Page {
  readonly title: string;
  /** The only style sheet; it must hold no `<` and no `&`. */
  readonly style: string;
  readonly header: Markup;
  readonly main: Markup;
}

/**
 * A whole HTML file that needs no network and no script. A content security policy allows pictures in the file itself and the one
 * style sheet, known by its hash, and nothing else.
 */
export function renderPage({ title, style, header, main }: Page): string {
  const page = markup`<html lang="en">
<head>
<meta charset="utf-8" />
<meta http-equiv="Content-Security-Policy" content="${contentPolicy(style)}" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="referrer" content="no-referrer" />
<meta name="generator" content="fixhead" />
<title>${title}</title>
<style>${trusted(style)}</style>
</head>
<body>
<header>
${header}
</header>
<main>
${main}
</main>
<footer><p>Written by fixhead. Nothing in this file reaches the network.</p></footer>
</body>
</html>
`;
  return `<!doctype html>\n${page.markup}`;
}

function contentPolicy(style: string): string {
  const hash = createHash('sha256').update(style).digest('base64');
  return `default-src 'none'; img-src data:; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
}
