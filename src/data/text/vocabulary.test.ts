import { describe, expect, test } from 'vitest';
import { makeVocabulary, vocabularyOf } from './vocabulary.ts';

const counted = [
  ['<eos>', 4],
  ['<unk>', 0],
  ['b', 7],
  ['a', 7],
  ['rare', 1],
  ['\u{1f600}', 2],
  ['\ue000', 2],
  ['held out', 0],
] as const;

describe('makeVocabulary', () => {
  test('orders words by falling count and equally frequent ones by code point', () => {
    const { words, counts, unknown, endOfSentence } = makeVocabulary(counted, { minCount: 1 });
    // U+E000 comes before U+1F600, though its UTF-16 unit is larger.
    expect(words).toEqual(['a', 'b', '<eos>', '\ue000', '\u{1f600}', 'rare', '<unk>']);
    expect([...counts]).toEqual([7, 7, 4, 2, 2, 1, 0]);
    expect([words[unknown], words[endOfSentence]]).toEqual(['<unk>', '<eos>']);
  });

  test('rare words count as <unk>, and no token is lost', () => {
    const vocabulary = makeVocabulary(counted, { minCount: 2 });
    expect(vocabulary.words).not.toContain('rare');
    expect(vocabulary.counts[vocabulary.unknown]).toBe(1);
    expect(vocabulary.counts.reduce((sum, count) => sum + count, 0)).toBe(23);
    expect(vocabulary.idOf('rare')).toBe(vocabulary.unknown);
    expect(vocabulary.idOf('held out')).toBe(vocabulary.unknown);
    expect(vocabulary.idOf('b')).toBe(1);
    expect(vocabulary.idOf('constructor')).toBe(vocabulary.unknown);
  });

  test('keeps the most frequent words where it may not have all', () => {
    const { words, counts, unknown } = makeVocabulary(counted, { minCount: 1, maxWords: 5 });
    expect(words).toEqual(['a', 'b', '<eos>', '<unk>', '\ue000']);
    expect(counts[unknown]).toBe(3);
  });

  test.each([
    [
      [['a', 9]],
      1,
      /a vocabulary of fewer than two words.*at least two words that occur in the training text, received 1 of 1 different word$/,
    ],
    [
      [
        ['a', 9],
        ['b', 2],
      ],
      3,
      /that occur 3 times or more in the training text, received 1 of 2 different words; choose a smaller minimum count/,
    ],
    [[], 1, /received 0 of 0 different words$/],
  ] as const)('refuses %j with a minimum of %i', (words, minCount, message) => {
    expect(() => makeVocabulary(words, { minCount })).toThrow(message);
  });

  test.each([
    [{ minCount: 0 }, 'not a minimum count; expected a whole number from 1, received 0'],
    [{ minCount: 1.5 }, 'not a minimum count'],
    [{ minCount: 1, maxWords: 3 }, 'not a size of a vocabulary; expected a whole number from 4'],
  ])('refuses the choice %j', (choice, message) => {
    expect(() => makeVocabulary(counted, choice)).toThrow(message);
  });
});

describe('vocabularyOf', () => {
  test('is the vocabulary that was written down', () => {
    const made = makeVocabulary(counted, { minCount: 2 });
    const again = vocabularyOf(made.words, made.counts);
    expect({ ...again, idOf: undefined }).toEqual({ ...made, idOf: undefined });
    expect(again.idOf('a')).toBe(0);
  });

  test.each([[['a', 'b', '<unk>']], [['a', 'a', '<unk>', '<eos>']]])('refuses %j', (words) => {
    expect(() => vocabularyOf(words, new Float64Array(words.length))).toThrow('not the words of a vocabulary');
  });
});
