import { describe, expect, test } from 'vitest';
import { build, expectLowered, normalFeeds, portable } from '../../test/support/lowering.ts';
import type { StaticShape } from '../core/shape.ts';
import { countOperators, type Graph } from '../graph/graph.ts';

const expansions = (graph: Graph): number => countOperators(graph).get('Expand') ?? 0;

describe('Pow', () => {
  test.each<readonly [StaticShape, StaticShape, number]>([
    [[2, 1, 4], [1, 3, 1], 2],
    [[2, 3], [3], 1],
    [[], [2, 3], 1],
    [[2, 3], [], 0],
    [[2, 3], [2, 3], 0],
  ])('%j to the power %j has %i operands expanded', async (base, exponent, count) => {
    const graph = build((b) => [b.op('Pow', [b.input('x', 'float32', base), b.input('e', 'float32', exponent)], {})]);
    const feeds = new Map(
      [...normalFeeds(graph)].map(([name, { shape, data }]) => [
        name,
        { shape, data: name === 'x' ? data.map((value) => Math.fround(1 + Math.abs(value))) : data },
      ]),
    );
    for (const lowered of await expectLowered(graph, [portable], { length: 8, feeds }))
      expect(expansions(lowered)).toBe(count);
  });
});

describe('LayerNormalization', () => {
  const layerNorm = (scale: StaticShape, bias?: StaticShape) =>
    build((b) => [
      b.op(
        'LayerNormalization',
        [
          b.input('x', 'float32', [2, 3, 4]),
          b.input('scale', 'float32', scale),
          bias && b.input('bias', 'float32', bias),
        ],
        { axis: 1, epsilon: 1e-5 },
      ),
    ]);

  test.each<readonly [StaticShape, StaticShape | undefined, number]>([
    [[1], undefined, 1],
    [[1, 1], [4], 2],
    [[3, 1], [3, 4], 1],
    [[3, 4], [3, 4], 0],
    [[3, 4], undefined, 0],
  ])('a scale %j and a bias %j', async (scale, bias, count) => {
    for (const lowered of await expectLowered(layerNorm(scale, bias), [portable], { length: 12 }))
      expect(expansions(lowered)).toBe(count);
  });
});
