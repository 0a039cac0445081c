import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cooccurrences, type WindowWeights } from './cooccurrence.ts';
import type { TokenStream } from './embedding.ts';
import type { SparseMatrix } from './sparse.ts';

function stream(ids: readonly number[], words: number): TokenStream {
  const counts = new Float64Array(words);
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
  return { ids: Int32Array.from(ids), words: Array.from({ length: words }, (_, id) => `w${id}`), counts, boundary: 0 };
}

function dense({ rows, columns, starts, columnOf, values }: SparseMatrix): number[][] {
  return Array.from({ length: rows }, (_, row) => {
    const out = Array.from({ length: columns }, () => 0);
    for (let entry = starts[row] ?? 0; entry < (starts[row + 1] ?? 0); entry++) {
      out[columnOf[entry] ?? 0] = values[entry] ?? 0;
    }
    return out;
  });
}

/** Every pair of places by the definition: at most `window` apart, no boundary (0) strictly between. */
function bruteForce(ids: readonly number[], words: number, window: number, weights: WindowWeights): number[][] {
  const counts = Array.from({ length: words }, () => Array.from({ length: words }, () => 0));
  ids.forEach((word, i) => {
    ids.forEach((context, j) => {
      const distance = Math.abs(i - j);
      if (distance === 0 || distance > window) return;
      if (ids.slice(Math.min(i, j) + 1, Math.max(i, j)).includes(0)) return;
      const row = counts[word];
      if (row) row[context] = (row[context] ?? 0) + (weights === 'linear' ? 1 - (distance - 1) / window : 1);
    });
  });
  return counts;
}

describe('cooccurrences', () => {
  it('counts what the definition counts, for any text, window and weights', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom<WindowWeights>('linear', 'flat'),
        async (ids, window, weights) => {
          const counts = dense(await cooccurrences(stream(ids, 6), { window, weights }));
          const expected = bruteForce(ids, 6, window, weights);
          counts.forEach((row, word) => {
            row.forEach((count, context) => {
              expect(count).toBeCloseTo(expected[word]?.[context] ?? NaN, 5);
              expect(count).toBe(counts[context]?.[word]);
            });
          });
        },
      ),
    );
  });

  it('writes rows in rising order of the columns without empty entries, past its first room', async () => {
    const ids = Array.from({ length: 3000 }, (_, i) => 1 + ((i * 7919 + ((i * i) % 131)) % 199));
    const { starts, columnOf, values } = await cooccurrences(stream(ids, 200), { window: 4, weights: 'linear' });
    expect(values.length).toBeGreaterThan(2048);
    expect(starts.at(-1)).toBe(values.length);
    expect(Math.min(...values)).toBeGreaterThan(0);
    for (let row = 0; row < 200; row++) {
      const columns = [...columnOf.subarray(starts[row], starts[row + 1])];
      expect(columns).toEqual([...new Set(columns)].sort((a, b) => a - b));
    }
  });

  it('lets a line end be a neighbour and nothing reach over it', async () => {
    const counts = dense(await cooccurrences(stream([1, 0, 2], 3), { window: 2, weights: 'flat' }));
    expect(counts).toEqual([
      [0, 1, 1],
      [1, 0, 0],
      [1, 0, 0],
    ]);
  });

  it('stops when it is told to', async () => {
    const ids = new Array<number>(1 << 18).fill(1);
    const counting = cooccurrences(stream(ids, 2), {
      window: 1,
      weights: 'flat',
      signal: AbortSignal.abort(new Error('enough')),
    });
    await expect(counting).rejects.toThrow('enough');
  });

  it('refuses a window that is none', async () => {
    await expect(cooccurrences(stream([1, 1], 2), { window: 0, weights: 'flat' })).rejects.toThrow(
      'not a window; expected a whole number of words ≥ 1, received 0',
    );
  });
});
