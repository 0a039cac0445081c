import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { detokenise, looksTokenised, splitTokens, tokenise } from './tokens.ts';

const joined = (line: string): string => tokenise(line).join(' ');

describe('tokenise', () => {
  // The right sides stand so in the validation and test texts of WikiText-2.
  test.each([
    ["Du Fu's 1500 extant works are in this form", "Du Fu 's 1500 extant works are in this form"],
    ['shipments of 500,000 copies', 'shipments of 500 @,@ 000 copies'],
    ['received 10.4 million views in a 24-hour period', 'received 10 @.@ 4 million views in a 24 @-@ hour period'],
    ["we aren't going", "we aren 't going"],
    ['capital of the U.S. in size', 'capital of the U.S. in size'],
    ['the greatest non-epic, non-dramatic poet', 'the greatest non @-@ epic , non @-@ dramatic poet'],
    ['works (e.g. "Kiss You")', 'works ( e.g. " Kiss You " )'],
    ['2 % of all', '2 % of all'],
    ["like, 'Yeah, we love this song'\"", "like , ' Yeah , we love this song ' \""],
  ])('writes %s as WikiText does', (line, expected) => {
    expect(joined(line)).toBe(expected);
  });

  test.each([
    ['Mr. Speaker, Dr. King vs. St. Louis', 'Mr. Speaker , Dr. King vs. St. Louis'],
    ['George W. Bush. He said no.', 'George W. Bush . He said no .'],
    ['section No. 5? No. Never', 'section No. 5 ? No . Never'],
    ['wait... and -- go---on', 'wait ... and -- go --- on'],
    ['$3,000.50 or 5%', '$ 3 @,@ 000 @.@ 50 or 5 %'],
    ["the States' rights, O'Neill", "the States ' rights , O 'Neill"],
    ["the 1950's", "the 1950 's"],
    ['1, 2 and .5', '1 , 2 and . 5'],
    ['either/or', 'either / or'],
  ])('splits %s', (line, expected) => {
    expect(joined(line)).toBe(expected);
  });

  test('letters are those of any script, with the marks and joiners that belong to them', () => {
    expect(tokenise('Πόλη, Ёлка! हिन्दी می‌خواهم 戦場の3')).toEqual([
      'Πόλη',
      ',',
      'Ёлка',
      '!',
      'हिन्दी',
      'می\u200cخواهم',
      '戦場の3',
    ]);
  });

  test('the same text in two Unicode forms is the same', () => {
    expect(tokenise('Cafe\u0301 Å')).toEqual(tokenise('Café Å'));
    expect(tokenise('Café')).toEqual(['Café']);
  });

  test('typographic quotation marks and hyphens are those of the keyboard, invisible characters are none', () => {
    expect(joined('“Don’t” vice‑president')).toBe('" Don \'t " vice @-@ president');
    expect(joined('\ufeffco\u00adoperate\u200band\u0002go\u00a0on')).toBe('cooperate and go on');
  });

  test('what looks like a token of the convention in the text is none', () => {
    expect(tokenise('<unk> @-@ <eos>')).toEqual(['<', 'unk', '>', '@', '-', '@', '<', 'eos', '>']);
  });

  test('of white space there is nothing', () => {
    expect(tokenise(' \t\r\u3000')).toEqual([]);
  });
});

test('splitTokens splits at white space and nowhere else', () => {
  expect(splitTokens(" = It 's 3 @,@ 000 don't \t<unk> = \r")).toEqual([
    '=',
    'It',
    "'s",
    '3',
    '@,@',
    '000',
    "don't",
    '<unk>',
    '=',
  ]);
});

test.each([
  [' the <unk> of', true],
  ['24 @-@ hour', true],
  ['a <unknown> b@-@c x<unk>y', false],
])('whether %s is tokenised is told by its tokens', (text, expected) => {
  expect(looksTokenised(text)).toBe(expected);
});

describe('detokenise', () => {
  test.each([
    'Mr. Speaker, we\'ve done 3,000.5 things (or 24-hour "works") for $5 -- don\'t we? Yes: 5%!',
    "He said: \"It's the States' right\", and 'no' to 9/11; [laughter] so...",
    'The year 1790, the year 1791; £3 and U.S. dollars.',
  ])('writes %s as it was', (line) => {
    expect(detokenise(tokenise(line))).toBe(line);
  });

  test('of tokens of other conventions, too', () => {
    expect(detokenise(['do', "n't", '<unk>', '@-@', 'based', ';', 'I', "'m"])).toBe("don't <unk>-based; I'm");
  });

  test('ends lines, and quotation marks do not last beyond them', () => {
    expect(detokenise(['"', 'a', '<eos>', '"', 'b', '"', '<eos>'])).toBe('"a\n"b"\n');
  });

  test('its text has the same tokens', () => {
    const word = fc.constantFrom(
      'a',
      'Is',
      'é',
      '字',
      '12',
      '3,000.5',
      'well-being',
      "don't",
      "States'",
      'U.S.',
      'Mr.',
      '--',
      '&',
      '$5',
      '5%',
      '\u0301',
    );
    const before = fc.constantFrom('', '', '', '"', '(', "'", '[', '«', '$');
    const after = fc.constantFrom('', '', '', '.', ',', '"', ')', "'", '...', '?!', '/', ';', '”', '°', '%');
    const piece = fc.tuple(before, word, after).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 15 }), (pieces) => {
        const tokens = tokenise(pieces.join(' '));
        expect(tokenise(detokenise(tokens))).toEqual(tokens);
      }),
    );
  });
});
