import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { compileWasm, moduleSource, wasmModules } from '../../tools/build-wasm.ts';
import { randomStream } from '../core/random.ts';
import { aliasTable } from './alias-table.ts';
import { pieceEdges } from './skip-gram-job.ts';
import { allocateSkipGram, copyTable, fillVectors, openDescent } from './skip-gram-memory.ts';
import { skipGramModule } from './skip-gram-module.ts';
import { descendText, type PairDescent, type SkipGramSampling } from './skip-gram.ts';

const file = (name: string): URL => new URL(name, import.meta.url);

describe('the WebAssembly module', () => {
  test('is what its source compiles to', async () => {
    const { skipGram } = wasmModules;
    expect(await readFile(file('skip-gram-module.ts'), 'utf8')).toBe(
      moduleSource(skipGram, await compileWasm(skipGram)),
    );
  });

  test('imports nothing but its memory, and keeps its constants in the first page', () => {
    const module = new WebAssembly.Module(Buffer.from(skipGramModule, 'base64'));
    expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }]);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const { ownBytes } = new WebAssembly.Instance(module, { env: { memory } }).exports;
    expect((ownBytes as () => number)()).toBeLessThan(65536);
  });
});

/** Tables with normal numbers, the output vectors too: they are made by steps from a table of zeros. */
function randomTables(words: number, size: number, negatives: number, workers = 1) {
  const tables = allocateSkipGram({ words, size, negatives, workers });
  const random = randomStream(7, 'tables', size);
  fillVectors(tables, () => random.normal() / Math.sqrt(size));
  const descent = openDescent(tables, 0);
  for (let word = 0; word < words; word++) {
    for (let other = 0; other < words; other++) {
      descent.targets[0] = word;
      descent.descend(other, 1, random.normal());
    }
  }
  return { tables, descent };
}

/** ℓ by its definition, in float64. */
function pairLoss(size: number, v: Float64Array, u: Float64Array, input: number, targets: readonly number[]): number {
  return targets.reduce((loss, target, index) => {
    let dot = 0;
    for (let n = 0; n < size; n++) dot += (v[input * size + n] ?? 0) * (u[target * size + n] ?? 0);
    return loss - Math.log(1 / (1 + Math.exp(index === 0 ? -dot : dot)));
  }, 0);
}

describe('a step on a pair', () => {
  // 16 and 32 fill rows of the memory, the others do not.
  test.each([1, 3, 16, 19, 32, 50])('goes down the gradient of the loss, found by differences, at size %d', (size) => {
    const [words, input, targets] = [6, 2, [4, 0, 5, 2]];
    const { tables, descent } = randomTables(words, size, 3);
    const v = Float64Array.from(copyTable(tables, 'vectors'));
    const u = Float64Array.from(copyTable(tables, 'context'));
    const rate = 0.5;
    descent.targets.set(targets);
    const loss = descent.descend(input, targets.length, rate);
    expect(loss).toBeCloseTo(pairLoss(size, v, u, input, targets), 5);

    for (const [name, table] of [
      ['vectors', v],
      ['context', u],
    ] as const) {
      const after = copyTable(tables, name);
      table.forEach((value, index) => {
        const h = 1e-4;
        table[index] = value + h;
        const above = pairLoss(size, v, u, input, targets);
        table[index] = value - h;
        const below = pairLoss(size, v, u, input, targets);
        table[index] = value;
        expect(((after[index] ?? NaN) - value) / -rate).toBeCloseTo((above - below) / (2 * h), 5);
      });
    }
  });

  test('uses the first targets only', () => {
    const { tables, descent } = randomTables(4, 8, 3);
    const before = copyTable(tables, 'context');
    descent.targets.set([1, 2, 3, 3]);
    descent.descend(0, 2, 0.1);
    const after = copyTable(tables, 'context');
    const changed = [0, 1, 2, 3].filter((row) => after.some((x, i) => Math.floor(i / 8) === row && x !== before[i]));
    expect(changed).toEqual([1, 2]);
  });

  test('has no loss that is infinite at large products', () => {
    const tables = allocateSkipGram({ words: 1, size: 1, negatives: 1, workers: 1 });
    fillVectors(tables, () => 1e5);
    const descent = openDescent(tables, 0);
    // The first step makes u = 5e4, so ⟨u, v⟩ = 5e9.
    descent.descend(0, 1, 1);
    expect(descent.descend(0, 1, 0)).toBe(0);
    descent.targets.set([0, 0]);
    expect(descent.descend(0, 2, 0)).toBe(5e9);
  });

  test('is refused where the tables do not fit in memory', () => {
    expect(() => allocateSkipGram({ words: 5_000_000, size: 300, negatives: 5, workers: 1 })).toThrow(
      /do not fit in memory; expected at most 4 GB, received 2 × 5000000 words × 300 numbers × 4 bytes = 12\.2 GB; leave rare words out/,
    );
  });
});

/** A descent that writes down the pairs: input word, then targets. */
function recorder(negatives: number) {
  const pairs: number[][] = [];
  const targets = new Int32Array(1 + negatives);
  const rates: number[] = [];
  const descent: PairDescent = {
    targets,
    descend: (input, count, rate) => {
      pairs.push([input, ...targets.subarray(0, count)]);
      rates.push(rate);
      return 0.5;
    },
  };
  return { pairs, rates, descent };
}

const keepAll = (words: number): Float64Array => new Float64Array(words).fill(1);

describe('pairs of a text', () => {
  const sampling: SkipGramSampling = {
    window: 1,
    negatives: 0,
    keep: keepAll(8),
    noise: aliasTable(keepAll(8)),
    boundary: 0,
  };
  const pairsOf = (ids: number[], change: Partial<SkipGramSampling> = {}) => {
    const { pairs, rates, descent } = recorder(change.negatives ?? 0);
    const settings = { ...sampling, ...change };
    const random = randomStream(3, 'pairs');
    const result = descendText(
      descent,
      Int32Array.from(ids),
      settings,
      random,
      (share) => 1 - share,
      new Int32Array(99),
    );
    return { pairs, rates, result };
  };

  test('are the neighbours, never across the end of a sentence, which belongs to the one it ends', () => {
    const { pairs, result } = pairsOf([1, 2, 0, 3, 0]);
    expect(pairs).toEqual([
      [2, 1],
      [1, 2],
      [0, 2],
      [2, 0],
      [0, 3],
      [3, 0],
    ]);
    expect(result).toEqual({ loss: 3, pairs: 6 });
  });

  test('are made as if the words that are left out had not been there', () => {
    const keep = keepAll(8);
    keep[2] = 0;
    expect(pairsOf([1, 2, 3], { keep }).pairs).toEqual([
      [3, 1],
      [1, 3],
    ]);
  });

  test('reach at most as far as the window, and nearer more often', () => {
    const ids = Array.from({ length: 90 }, (_, i) => i);
    const all = keepAll(90);
    const { pairs } = pairsOf(ids, { window: 3, keep: all, noise: aliasTable(all), boundary: 999 });
    const at = [1, 2, 3, 4].map((d) => pairs.filter(([i = 0, o = 0]) => Math.abs(i - o) === d).length);
    // b is uniform in 1 … 3, so that distance d is reached with the probability (4 − d)/3 on each side.
    expect(at[0]).toBe(2 * 89);
    expect(Math.abs((at[1] ?? 0) / (2 * 88) - 2 / 3)).toBeLessThan(0.2);
    expect(Math.abs((at[2] ?? 0) / (2 * 87) - 1 / 3)).toBeLessThan(0.2);
    expect(at[3]).toBe(0);
  });

  test('have noise words that are never the output word', () => {
    const { pairs } = pairsOf([1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5], { negatives: 20, window: 3 });
    expect(pairs.length).toBeGreaterThan(30);
    for (const [, output, ...noise] of pairs) expect(noise).not.toContain(output);
    expect(new Set(pairs.flatMap(([, , ...noise]) => noise)).size).toBe(8);
    expect(pairs.some(([, , ...noise]) => noise.length < 20)).toBe(true);
  });

  test('are learnt at a rate that falls', () => {
    const { rates } = pairsOf([1, 2, 3, 0, 4, 5, 6, 0]);
    expect(rates[0]).toBe(1);
    expect(rates).toEqual([...rates].sort((a, b) => b - a));
    expect(rates.at(-1)).toBeCloseTo(1 / 8, 10);
  });
});

describe('pieces of a text', () => {
  test('end with a sentence, and cover all of it', () => {
    const ids = Int32Array.from({ length: 45_000 }, (_, i) => (i % 7 === 6 ? 0 : 1));
    const edges = pieceEdges(ids, 0);
    expect(edges[0]).toBe(0);
    expect(edges.at(-1)).toBe(45_000);
    for (const edge of edges.slice(1, -1)) expect(ids[edge - 1]).toBe(0);
    expect(edges.length).toBe(6);
  });

  test('are cut where a sentence does not end', () => {
    expect(pieceEdges(new Int32Array(50_000).fill(1), 0)).toEqual([0, 20_000, 40_000, 50_000]);
    expect(pieceEdges(new Int32Array(0), 0)).toEqual([0]);
  });
});
