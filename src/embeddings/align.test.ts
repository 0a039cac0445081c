import { describe, expect, test } from 'vitest';
import { alignEmbedding } from './align.ts';
import type { WordEmbedding } from './embedding.ts';

const embedding: WordEmbedding = {
  words: ['the', 'UNK', '-', 'unused', '</s>'],
  size: 2,
  vectors: Float32Array.of(3, 4, 0, 5, 5, 0, 100, 0, 4, 3),
  method: 'given.txt',
};
const vocabulary = { words: ['<eos>', 'The', '@-@', 'zebra', '<unk>'], counts: Float64Array.of(4, 3, 1, 1, 1) };

describe('vectors for a vocabulary', () => {
  test('are found by other names and in lower case, and counted', () => {
    const a = alignEmbedding(embedding, vocabulary, 0);
    expect(a).toMatchObject({ found: 4, foundInOtherForm: 4, coverage: 0.8, tokenCoverage: 0.9, missing: ['zebra'] });
    expect([...a.vectors.subarray(0, 6), ...a.vectors.subarray(8)]).toEqual([4, 3, 3, 4, 5, 0, 0, 5]);
    expect(a.context).toBeUndefined();
  });

  test('prefer the word as it is', () => {
    const e = { ...embedding, words: ['the', 'The', '-', 'unused', '</s>'] };
    expect([...alignEmbedding(e, vocabulary, 0).vectors.subarray(2, 4)]).toEqual([0, 5]);
  });

  test('have for a missing word the mean norm, and a direction by word and seed alone', () => {
    const rowOf = (words: string[], seed: number) => {
      const counts = new Float64Array(words.length).fill(1);
      const at = words.indexOf('zebra');
      return alignEmbedding({ ...embedding, context: embedding.vectors }, { words, counts }, seed).vectors.slice(
        2 * at,
        2 * at + 2,
      );
    };
    const row = rowOf(['zebra', 'the'], 1);
    expect(Math.hypot(...row)).toBeCloseTo(5, 5);
    expect(rowOf(['the', 'yak', 'zebra'], 1)).toEqual(row);
    expect(rowOf(['the', 'yak', 'zebra'], 2)).not.toEqual(row);
  });

  test('are refused where no word is found', () => {
    const other = { words: ['maison'], counts: Float64Array.of(1) };
    expect(() => alignEmbedding(embedding, other, 0)).toThrow(
      /^given\.txt: word vectors for none of the words of the text; expected some of maison, received the, UNK, -, unused, <\/s>;/,
    );
  });
});
