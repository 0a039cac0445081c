import { describe, expect, test } from 'vitest';
import { randomStream } from '../core/random.ts';
import type { TokenStream, WordEmbedding } from './embedding.ts';
import { trainWord2vec, word2vecEpochs, word2vecDefaults, type Word2vecProgress } from './word2vec.ts';

const [groups, members] = [6, 5];

/** Sentences whose words all come from one of 6 groups of 5 words, so that the neighbours of a word are its group. */
function plantedText(sentences: number): TokenStream {
  const random = randomStream(1, 'planted');
  const words = [
    '<eos>',
    ...Array.from({ length: groups * members }, (_, i) => `${Math.floor(i / members)}.${i % members}`),
  ];
  const ids: number[] = [];
  for (let sentence = 0; sentence < sentences; sentence++) {
    const group = random.integer(groups);
    for (let word = 0; word < 8; word++) ids.push(1 + group * members + random.integer(members));
    ids.push(0);
  }
  const counts = new Float64Array(words.length);
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
  return { ids: Int32Array.from(ids), words, counts, boundary: 0 };
}

/** Share of the words whose 4 nearest words by cosine are the others of their group. */
function groupsFound({ vectors, size, words }: WordEmbedding): number {
  const cosine = (a: number, b: number): number => {
    let [dot, aa, bb] = [0, 0, 0];
    for (let n = 0; n < size; n++) {
      const [x, y] = [vectors[a * size + n] ?? 0, vectors[b * size + n] ?? 0];
      dot += x * y;
      aa += x * x;
      bb += y * y;
    }
    return dot / Math.sqrt(aa * bb);
  };
  const inner = [...words.keys()].slice(1);
  const right = inner.filter((word) => {
    const nearest = inner.filter((other) => other !== word).sort((a, b) => cosine(word, b) - cosine(word, a));
    return nearest.slice(0, members - 1).every((other) => words[other]?.[0] === words[word]?.[0]);
  });
  return right.length / inner.length;
}

const text = plantedText(2000);
const options = { size: 16, seed: 3, subsample: 0, epochs: 5 };

describe('word2vec', () => {
  test('finds the groups that a text was made of; before training they are not there', async () => {
    const none = await trainWord2vec(text, { ...options, epochs: 1, learningRate: 1e-9 });
    expect(groupsFound(none)).toBeLessThan(0.2);
    const found = await trainWord2vec(text, options);
    expect(groupsFound(found)).toBe(1);
    expect(found.words).toBe(text.words);
    expect(found.size).toBe(16);
    expect(found.context?.length).toBe(31 * 16);
    expect(found.method).toBe('word2vec (window 5, 5 noise words, 5 epochs, seed 3)');
  });

  test('gives the same bits twice with one worker, and others for another seed', async () => {
    const [first, second, third] = [
      await trainWord2vec(text, { ...options, epochs: 1 }),
      await trainWord2vec(text, { ...options, epochs: 1 }),
      await trainWord2vec(text, { ...options, epochs: 1, seed: 4 }),
    ];
    expect(first).toEqual(second);
    expect(first.vectors).not.toEqual(third.vectors);
  });

  test('finds the groups on two threads too, from the same pairs', async () => {
    const pairsSeen = async (workers: number) => {
      const progress: Word2vecProgress[] = [];
      const embedding = await trainWord2vec(text, { ...options, workers, onProgress: (p) => progress.push(p) });
      return { embedding, progress };
    };
    const two = await pairsSeen(2);
    expect(groupsFound(two.embedding)).toBe(1);
    expect(two.embedding.vectors.buffer).toBeInstanceOf(ArrayBuffer);
    expect(two.progress.at(-1)).toMatchObject({ done: 90_000, total: 90_000 });
    const one = await pairsSeen(1);
    expect(two.progress.length).toBe(one.progress.length);
    expect(two.progress.at(-1)?.loss).toBeCloseTo(one.progress.at(-1)?.loss ?? NaN, 1);
  });

  test('says how far it is, with a loss that falls', async () => {
    const seen: Word2vecProgress[] = [];
    await trainWord2vec(text, { ...options, onProgress: (progress) => seen.push(progress) });
    expect(seen.map(({ done }) => done)).toEqual([...seen.map(({ done }) => done)].sort((a, b) => a - b));
    expect(seen.at(-1)?.done).toBe(5 * text.ids.length);
    expect(seen.every(({ wordsPerSecond }) => wordsPerSecond > 0)).toBe(true);
    // K + 1 terms of log 2 before anything is learnt.
    expect(seen[0]?.loss).toBeLessThan(6 * Math.log(2));
    expect(seen.at(-1)?.loss).toBeLessThan(0.8 * (seen[0]?.loss ?? 0));
  });

  test.each([1, 2])('stops when it is asked to, with %d workers', async (workers) => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const job = trainWord2vec(text, {
      ...options,
      epochs: 1000,
      workers,
      signal: stop.signal,
      onProgress: () => {
        stop.abort(reason);
      },
    });
    await expect(job).rejects.toBe(reason);
    await expect(trainWord2vec(text, { ...options, workers, signal: stop.signal })).rejects.toBe(reason);
  });

  test('passes on what its listener throws, from two threads too', async () => {
    const onProgress = (): void => {
      throw new RangeError('no more');
    };
    await expect(trainWord2vec(text, { ...options, workers: 2, onProgress })).rejects.toThrow('no more');
  });

  test('leaves rare words out, but not the mark at the end of a sentence', async () => {
    const small: TokenStream = {
      ids: Int32Array.from([3, 1, 2, 1, 2, 1, 2, 1, 2, 0]),
      words: ['<eos>', 'a', 'b', 'once'],
      counts: Float64Array.from([1, 4, 4, 1]),
      boundary: 0,
    };
    const { words, vectors } = await trainWord2vec(small, { size: 2, seed: 0, subsample: 0, minCount: 2 });
    expect(words).toEqual(['<eos>', 'a', 'b']);
    expect(vectors.length).toBe(6);
  });

  test.each([1, 2])('says so when the vectors grow beyond all bounds, with %d workers', async (workers) => {
    const job = trainWord2vec(text, { ...options, learningRate: 1e30, workers });
    await expect(job).rejects.toThrow(
      /^word2vec: the word vectors grew beyond all bounds; received numbers that are not finite in epoch 1; choose a learning rate below 1e\+30$/,
    );
  });

  test.each([
    [{ size: 0 }, /word2vec: size: not a whole number in range; expected 1 or more, received 0/],
    [{ window: 1.5 }, /word2vec: window: .* received 1\.5/],
    [{ negatives: 0 }, /word2vec: negatives/],
    [{ epochs: -1 }, /word2vec: epochs/],
    [{ workers: NaN }, /word2vec: workers/],
    [{ minCount: 0 }, /word2vec: minCount/],
    [{ learningRate: 0 }, /word2vec: learningRate: not a learning rate; expected a number above 0, received 0/],
    [{ subsample: -1 }, /word2vec: subsample: not a threshold of frequency; expected 0 \(keep all\).* received -1/],
  ])('refuses %j', async (change, message) => {
    await expect(trainWord2vec(text, { ...options, ...change })).rejects.toThrow(message);
  });

  const tiny = (ids: number[], change: Partial<TokenStream> = {}): TokenStream => ({
    ids: Int32Array.from(ids),
    words: ['<eos>', 'a', 'b'],
    counts: Float64Array.from([1, 2, 2]),
    boundary: 0,
    ...change,
  });
  test.each([
    ['no text', tiny([]), /text: no text to learn word vectors from/],
    [
      'a vocabulary of one word',
      tiny([1, 1, 0]),
      /too few words to learn vectors of; .*received 3 tokens, 1 different/,
    ],
    ['an id without a word', tiny([1, 2, 3]), /token 2: a token that is none of the words.*received 3/],
    ['a negative id', tiny([1, -2]), /token 1: .*received -2/],
    ['a word without a count', tiny([1, 2], { counts: Float64Array.from([1, 0, 2]) }), /token 0: .*with a count/],
    [
      'too few counts',
      tiny([1, 2], { counts: new Float64Array(2) }),
      /text: words and counts differ.* 3 counts, received 2/,
    ],
    [
      'sentences of one word',
      tiny([1, 3, 2, 3], { words: ['<eos>', 'a', 'b', '.'], counts: Float64Array.from([0, 1, 1, 1e12]), boundary: 3 }),
      /word2vec: no pair of words to learn from; .*received 4 tokens, none with another one in its sentence; a larger/,
    ],
  ])('refuses %s', async (_, stream, message) => {
    await expect(trainWord2vec(stream, { size: 4, seed: 0, subsample: 1e-20 })).rejects.toThrow(message);
  });

  test('has defaults that are in range', async () => {
    await expect(trainWord2vec(plantedText(20), { ...word2vecDefaults, size: 2, seed: 0 })).resolves.toBeDefined();
  });
});

test('goes through a short text more often, as its vectors stay near zero otherwise', () => {
  expect([1e3, 1e5, 1.63e6, 4e6, 1e9].map(word2vecEpochs)).toEqual([200, 200, 13, 5, 5]);
});
