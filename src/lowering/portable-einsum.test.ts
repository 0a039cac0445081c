import { expect, test } from 'vitest';
import { build, expectLowered, portable } from '../../test/support/lowering.ts';
import type { Shape, StaticShape } from '../core/shape.ts';
import { einsum } from '../graph/functions.ts';
import { countOperators } from '../graph/graph.ts';
import { lower } from './lower.ts';

const graphOf = (equation: string, shapes: readonly Shape[]) =>
  build((b) => [einsum(b, equation, ...shapes.map((shape, index) => b.input(`x${index}`, 'float32', shape)))]);

/** Each with the matrix products, elementwise products and transposes it takes. */
test.each<readonly [equation: string, shapes: readonly StaticShape[], matmuls: number, muls: number, moves: number]>([
  [
    'ij,jk->ik',
    [
      [2, 3],
      [3, 4],
    ],
    1,
    0,
    0,
  ],
  [
    'ij,kj->ik',
    [
      [2, 3],
      [4, 3],
    ],
    1,
    0,
    1,
  ],
  [
    'bij,bjk->bik',
    [
      [2, 3, 4],
      [2, 4, 5],
    ],
    1,
    0,
    0,
  ],
  [
    'bqhd,bkhd->bhqk',
    [
      [2, 3, 4, 5],
      [2, 6, 4, 5],
    ],
    1,
    0,
    2,
  ],
  [
    'ij,jk,kl->il',
    [
      [2, 3],
      [3, 2],
      [2, 4],
    ],
    2,
    0,
    0,
  ],
  ['i,j->ij', [[2], [3]], 0, 1, 0],
  [
    'ij,ij->ij',
    [
      [2, 3],
      [2, 3],
    ],
    0,
    1,
    0,
  ],
  ['i,i->', [[3], [3]], 1, 0, 0],
  ['ij->ji', [[2, 3]], 0, 0, 1],
  ['ij,k->i', [[2, 3], [4]], 0, 1, 0],
  [
    '...ij,jk->...ik',
    [
      [2, 2, 2, 3],
      [3, 2],
    ],
    1,
    0,
    0,
  ],
  // Extents of 1 repeat.
  [
    '...i,...i->...',
    [
      [2, 1, 3],
      [1, 4, 3],
    ],
    1,
    0,
    1,
  ],
  [
    'ij,ij->ij',
    [
      [2, 1],
      [2, 3],
    ],
    0,
    1,
    0,
  ],
  [
    'ij,jk->ik',
    [
      [2, 3],
      [1, 4],
    ],
    0,
    1,
    0,
  ],
  [
    'ij,jk->ik',
    [
      [1, 1],
      [1, 1],
    ],
    0,
    1,
    0,
  ],
  [',i->i', [[], [3]], 0, 1, 0],
])('%s of %j', async (equation, shapes, matmuls, muls, moves) => {
  for (const lowered of await expectLowered(graphOf(equation, shapes), [portable], { length: 12 })) {
    const count = countOperators(lowered);
    expect(['Einsum', 'MatMul', 'Mul', 'Transpose'].map((op) => count.get(op) ?? 0)).toEqual([0, matmuls, muls, moves]);
  }
});

test('an Einsum of extents that are not known stays', () => {
  expect(
    countOperators(
      lower(
        graphOf('ij,jk->ik', [
          ['batch', 3],
          [3, 4],
        ]),
        portable,
      ),
    ).get('Einsum'),
  ).toBe(1);
});
