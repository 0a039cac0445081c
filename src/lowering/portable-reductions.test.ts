import { expect, test } from 'vitest';
import { build, expectLowered, portable } from '../../test/support/lowering.ts';
import { runOnnx } from '../../test/support/onnx-runtime.ts';
import { reduceLogSumExp } from '../graph/functions.ts';
import { countOperators } from '../graph/graph.ts';
import { lower } from './lower.ts';

/** Above 0, so that logarithms are numbers. */
const positive = (shape: readonly number[], length: number) =>
  new Map([['x', { shape, data: Float64Array.from({ length }, (_, index) => (index + 1) / 8) }]]);

test.each(['ReduceL1', 'ReduceL2', 'ReduceSumSquare', 'ReduceLogSum'] as const)(
  '%s is no reduction where it reduces nothing, and left where it does',
  async (op) => {
    const nothing = build((b) => [
      b.op(op, [b.input('x', 'float32', [2, 3])], { axes: [], keepdims: 0 }),
      b.op(op, [b.input('y', 'float32', [])], { axes: [], keepdims: 1 }),
    ]);
    const feeds = new Map([...positive([2, 3], 6), ['y', { shape: [], data: Float64Array.of(0.25) }] as const]);
    for (const lowered of await expectLowered(nothing, [portable], { length: 1, feeds }))
      expect(countOperators(lowered).has(op)).toBe(false);
    const rows = build((b) => [b.op(op, [b.input('x', 'float32', [2, 3])], { axes: [-1], keepdims: 0 })]);
    for (const lowered of await expectLowered(rows, [portable], { length: 3, feeds: positive([2, 3], 6) }))
      expect(countOperators(lowered).get(op)).toBe(1);
  },
);

test.each([false, true])('log Σeˣ is written with the largest entry taken out, keepdims %s', async (keepdims) => {
  const graph = build((b) => [reduceLogSumExp(b, b.input('x', 'float32', [2, 3, 4]), [0, -1], { keepdims })]);
  for (const lowered of await expectLowered(graph, [portable], { length: 8 }))
    expect(countOperators(lowered).has('ReduceLogSumExp')).toBe(false);
});

test('log Σeˣ of infinite and of large entries', async () => {
  const graph = lower(
    build((b) => [reduceLogSumExp(b, b.input('x', 'float32', [4, 2]), [1])]),
    portable,
  );
  const data = Float64Array.of(-Infinity, -Infinity, 1, Infinity, -Infinity, 3, 1000, 1000);
  const [out] = [...(await runOnnx(graph, new Map([['x', { shape: [4, 2], data }]]))).values()];
  expect([...(out?.data ?? [])]).toEqual([-Infinity, Infinity, 3, Math.fround(1000 + Math.LN2)]);
});
