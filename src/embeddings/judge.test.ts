import { describe, expect, test } from 'vitest';
import { analogies, judgeEmbedding, nearestNeighbours, similarity, spearman } from './judge.ts';
import { analogySet, wordPairs } from './judgement-sets.ts';

const plane = {
  words: ['east', 'northeast', 'north', 'west', 'Spain'],
  size: 2,
  vectors: Float32Array.of(2, 0, 3, 3, 0, 1, -1, 0, 1, 0.1),
  method: 'by hand',
};

describe('judging vectors', () => {
  test('finds the nearest words by cosine, not by length', () => {
    expect(nearestNeighbours(plane, 'east', 3).map(({ word }) => word)).toEqual(['Spain', 'northeast', 'north']);
    expect(nearestNeighbours(plane, 'east', 2)[1]?.cosine).toBeCloseTo(Math.SQRT1_2, 6);
    expect(nearestNeighbours(plane, 'spain', 1)[0]?.word).toBe('east');
    expect(() => nearestNeighbours(plane, 'zebra', 1)).toThrow(
      /"zebra": a word that has no vector; expected one of 5 words/,
    );
  });

  test('correlates ranks as SciPy’s spearmanr does', () => {
    expect(spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7])).toBeCloseTo(0.8207826816681233, 12);
    expect(spearman([1, 1], [1, 2])).toBeNull();
    expect(spearman([], [])).toBeNull();
  });

  test('skips and counts words without a vector', () => {
    const pair = (first: string, second: string, grade: number) => ({ first, second, grade });
    const pairs = [
      pair('east', 'northeast', 2),
      pair('east', 'north', 1),
      pair('east', 'west', 0),
      pair('east', 'up', 2),
    ];
    expect(similarity(plane, pairs)).toEqual({ spearman: 1, used: 3, skipped: 1 });
    expect(judgeEmbedding({ words: ['x'], size: 1, vectors: Float32Array.of(1), method: '' })).toEqual({
      similarity: { spearman: null, used: 0, skipped: wordPairs.length },
      analogies: { accuracy: null, used: 0, skipped: analogySet.length },
    });
  });

  test('solves analogies without the words of the question', () => {
    const grid = {
      words: ['a', 'as', 'b', 'bs', 'c'],
      size: 3,
      vectors: Float32Array.of(1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1, -1, -1, 0),
      method: '',
    };
    const ask = (fourth: string) => ({ kind: 'plural', first: 'a', second: 'as', third: 'b', fourth });
    expect(analogies(grid, [ask('bs'), ask('c'), ask('zz')])).toEqual({ accuracy: 0.5, used: 2, skipped: 1 });
  });

  test('has sets of different questions, with every grade', () => {
    const keys = wordPairs.map(({ first, second }) => `${first} ${second}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(new Set(wordPairs.map(({ grade }) => grade))).toEqual(new Set([0, 1, 2]));
    for (const { first, second } of wordPairs) expect([first, second]).not.toContain('');
    for (const { third, fourth } of analogySet) expect([third, fourth]).not.toContain('');
  });
});
