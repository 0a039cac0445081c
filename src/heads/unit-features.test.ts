import { describe, expect, test } from 'vitest';
import { expectAllclose } from '../../test/support/allclose.ts';
import { evaluateGraph } from '../../test/reference/evaluate.ts';
import type { NdArray } from '../../test/reference/array.ts';
import { defined } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import { float32 } from '../core/tensor.ts';
import { createBuilder } from '../graph/builder.ts';
import { createLayerContext } from '../nn/layer-context.ts';
import { createHead } from './head.ts';
import { parseHead } from './parse.ts';
import { centred } from './unit-features.ts';

const [BATCH, FEATURES] = [5, 4];

function nonNegative(): NdArray {
  const random = randomStream('centred');
  return {
    shape: [BATCH, FEATURES],
    data: new Float64Array(BATCH * FEATURES).map(() => Math.abs(3 * random.normal())),
  };
}

const column = ({ data }: NdArray, k: number): number[] =>
  Array.from({ length: BATCH }, (_, row) => data[row * FEATURES + k] ?? NaN);
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const squares = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0);

describe('centring', () => {
  test('in training gives every feature mean 0 and deviation 1 over the batch, and notes mean and unbiased variance', () => {
    const b = createBuilder('centred');
    const c = createLayerContext(b);
    b.output(
      c.layer('head', () => centred(c, b.input('x', 'float32', [BATCH, FEATURES]))),
      'y',
    );
    const { buffers, updates, parameters } = c.tensors();
    expect(parameters).toEqual([]);
    expect(buffers.map(({ name, initial }) => [name, initial])).toEqual([
      ['head.running_mean', 0],
      ['head.running_var', 1],
    ]);
    const x = nonNegative();
    const zeros = { shape: [FEATURES], data: new Float64Array(FEATURES) };
    const values = evaluateGraph(b.build(), new Map([...buffers.map(({ name }) => [name, zeros] as const), ['x', x]]));
    const y = defined(values.get('y'), 'y');
    for (let k = 0; k < FEATURES; k++) {
      expect(mean(column(y, k))).toBeCloseTo(0, 8);
      expect(squares(column(y, k)) / BATCH).toBeCloseTo(1, 3);
    }
    const statistic = (index: number): number[] => [
      ...defined(values.get(defined(updates[index], 'update').statistic.name), 'statistic').data,
    ];
    const columns = Array.from({ length: FEATURES }, (_, k) => column(x, k));
    expectAllclose(statistic(0), columns.map(mean), { what: 'mean', rtol: 1e-7 });
    const unbiased = columns.map((values) => squares(values) / (BATCH - 1));
    expectAllclose(statistic(1), unbiased, { what: 'variance', rtol: 1e-6 });
  });

  test('in inference takes the running statistics, one sample at a time', () => {
    const weights = new Map([
      ['running_mean', float32([FEATURES], [1, 2, 3, 4])],
      ['running_var', float32([FEATURES], [1, 4, 9, 16])],
    ]);
    const b = createBuilder('centred');
    b.output(centred(createLayerContext(b, weights), b.input('x', 'float32', ['batch', FEATURES])), 'y');
    const x = { shape: [1, FEATURES], data: Float64Array.of(2, 2, 0, 12) };
    const y = defined(evaluateGraph(b.build(), new Map([['x', x]])).get('y'), 'y');
    expectAllclose(y.data, [1, 0, -1, 2], { what: 'y', atol: 1e-4 });
  });
});

describe('heads centre features', () => {
  const isCentred = (text: string, classes: number, sign: 'signed' | 'non-negative'): boolean =>
    createHead(parseHead(text), { classes, features: 8, sign }).centred;

  test('that are non-negative where some class vector is not orthogonal to (1, …, 1), and where told to', () => {
    expect(isCentred('hadamard', 45, 'non-negative')).toBe(true);
    expect(isCentred('hadamard', 45, 'signed')).toBe(false);
    expect(isCentred('hadamard', 7, 'non-negative')).toBe(false);
    expect(isCentred('hadamard:center=none', 45, 'non-negative')).toBe(false);
    expect(isCentred('hadamard:center=bn', 7, 'signed')).toBe(true);
    expect(isCentred('cosine', 45, 'non-negative')).toBe(false);
    expect(isCentred('cosine:center=bn', 45, 'non-negative')).toBe(true);
    expect(isCentred('learned', 45, 'non-negative')).toBe(false);
  });

  test('so that features of one direction do not all go to one class', () => {
    const winners = (text: string): number => {
      const head = createHead(parseHead(text), { classes: 45, features: 8, sign: 'non-negative' });
      const b = createBuilder('winners');
      const c = createLayerContext(b);
      b.output(head.logits(c, b.input('x', 'float32', [BATCH, 8])), 'y');
      const random = randomStream('winners');
      const feeds = new Map<string, NdArray>([
        ['x', { shape: [BATCH, 8], data: new Float64Array(BATCH * 8).map(() => 1 + 0.01 * random.normal()) }],
        ['head.scale', { shape: [1], data: Float64Array.of(20) }],
      ]);
      for (const { name, shape } of c.tensors().buffers) feeds.set(name, { shape, data: new Float64Array(8) });
      const y = defined(evaluateGraph(b.build(), feeds).get('y'), 'y').data;
      const rows = Array.from({ length: BATCH }, (_, row) => [...y.subarray(row * 45, (row + 1) * 45)]);
      return new Set(rows.map((row) => row.indexOf(Math.max(...row)))).size;
    };
    expect(winners('hadamard:bias=off:center=none')).toBe(1);
    expect(winners('hadamard:bias=off')).toBeGreaterThan(2);
  });
});
