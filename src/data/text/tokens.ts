/**
 * Words and punctuation in the convention of WikiText (Merity et al. 2016), which is that of the Moses tokeniser: tokens with spaces between them, `@-@`,
 * `@,@` and `@.@` for a hyphen between letters and a comma or point between digits, clitics split before the apostrophe (`it 's`, `don 't`).
 */

/** What stands in the stream for every word that the vocabulary does not have. */
export const unknownWord = '<unk>';
/** What stands in the stream at the end of every line. */
export const endOfSentenceWord = '<eos>';

/** Abbreviations whose point belongs to them. Longer ones (`U.S.`, `a.m.`) and initials (`W. Bush`) are told by their form. */
const abbreviations = [
  ...[
    'Mr',
    'Mrs',
    'Ms',
    'Messrs',
    'Dr',
    'Prof',
    'St',
    'Jr',
    'Sr',
    'Hon',
    'Rev',
    'Gen',
    'Gov',
    'Sen',
    'Rep',
    'Lt',
    'Col',
    'Capt',
  ],
  ...['Maj', 'Sgt', 'Adm', 'Jan', 'Feb', 'Aug', 'Sept', 'Oct', 'Nov', 'Dec', 'vs', 'etc', 'viz'],
].join('|');

/** A letter, a digit, or what is written within words: combining marks, the joiners of Arabic and Indic scripts. */
const inWord = String.raw`[\p{L}\p{M}\p{N}\u200c\u200d]`;

// The inner signs pass through as control characters, which cannot occur in prepared text, so that a literal "@-@" is not taken for one.
const innerSigns = new Map([
  ['\u0001', '@-@'],
  ['\u0002', '@,@'],
  ['\u0003', '@.@'],
]);
const innerHyphen = new RegExp(`(?<=${inWord})-(?=[\\p{L}\\p{N}])`, 'gu');
const innerComma = /(?<=\p{Nd}),(?=\p{Nd})/gu;
const innerPoint = /(?<=\p{Nd})\.(?=\p{Nd})/gu;

const tokenPattern = new RegExp(
  [
    '[\u0001-\u0003]',
    String.raw`(?:\p{L}\.){2,}`,
    String.raw`(?:${abbreviations})\.`,
    String.raw`Nos?\.(?=\s*\p{Nd})`,
    String.raw`\p{Lu}\.(?=\s+\p{Lu})`,
    `${inWord}+`,
    String.raw`(?<=${inWord})'\p{L}+`,
    String.raw`\.{2,}`,
    '-{2,}',
    String.raw`\S\p{M}*`,
  ].join('|'),
  'gu',
);

/**
 * The tokens of one line of untreated text.
 *
 * The text is brought to Unicode's form NFC; typographic quotation marks become `'` and `"` as in WikiText, control characters become spaces, invisible format
 * characters go. Letters are those of any script; a script without spaces (Chinese, Thai) gives one token for each run of letters.
 */
export function tokenise(line: string): string[] {
  const text = prepare(line)
    .replace(innerHyphen, ' \u0001 ')
    .replace(innerComma, ' \u0002 ')
    .replace(innerPoint, ' \u0003 ');
  const tokens = text.match(tokenPattern) ?? [];
  return tokens.map((token) => innerSigns.get(token) ?? token);
}

function prepare(line: string): string {
  if (/^[\u0020-\u007e]*$/.test(line)) return line;
  return line
    .normalize('NFC')
    .replace(/[\p{Cc}\u200b]/gu, ' ')
    .replace(/(?![\u200c\u200d])\p{Cf}/gu, '')
    .replace(/[‘’ʼ]/g, "'")
    .replace(/[“”„]/g, '"')
    .replace(/[‐‑]/g, '-');
}

/** The tokens of one line of text that is tokenised already: it is split at white space and nowhere else. */
export function splitTokens(line: string): string[] {
  return line.split(/\s+/u).filter((token) => token !== '');
}

/** Whether text holds what only tokenised text holds: `<unk>`, or an inner sign with spaces about it. */
export function looksTokenised(text: string): boolean {
  return /(?:^|\s)(?:<unk>|@-@|@,@|@\.@)(?=\s|$)/u.test(text);
}

const attachesLeft = /^(?:[.,;:!?%/)\]}»…]|\.{2,}|n't|'\p{L}+)$/u;
const attachesRight = /^[([{«]$/u;

/**
 * Tokens as running text: signs stand where a typist puts them, and `<eos>` ends the line. Opening and closing quotation marks are told by counting.
 *
 * Tokenising a line of it again gives the tokens that {@link tokenise} made of a line of prose: what is lost is only where spaces stood about punctuation. (Words that
 * are run together, as in `theU.S.`, can come out otherwise.)
 */
export function detokenise(tokens: Iterable<string>): string {
  let text = '';
  let previous = '';
  let glued = true;
  let quoted = new Set<string>();
  for (const token of tokens) {
    if (token === endOfSentenceWord) {
      text += '\n';
      previous = '';
      glued = true;
      quoted = new Set();
      continue;
    }
    const inner = /^@([-,.])@$/.exec(token)?.[1];
    if (inner !== undefined) {
      text += inner;
      glued = true;
      previous = token;
      continue;
    }
    const quotes = token === '"' || token === "'";
    // "the States '": a possessive, no quotation.
    const possessive = token === "'" && !quoted.has(token) && /s$/iu.test(previous);
    const closing = possessive || (quotes && quoted.has(token));
    const left = closing || (attachesLeft.test(token) && !(token.startsWith('.') && previous.endsWith('.')));
    const money = /^\p{Sc}$/u.test(previous) && /^\p{Nd}/u.test(token);
    // A combining mark would join with the sign before it.
    text += (glued || left || money) && !/^\p{M}/u.test(token) ? token : ` ${token}`;
    if (quotes && !possessive && !quoted.delete(token)) quoted.add(token);
    glued = attachesRight.test(token) || token === '/' || (quotes && !closing);
    previous = token;
  }
  return text;
}
