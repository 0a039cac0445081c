import { describe, expect, test } from 'vitest';
import { build, expectLowered, portable } from '../../test/support/lowering.ts';
import { countOperators, type Graph, type OpNode } from '../graph/graph.ts';

const convolutions = (graph: Graph): readonly OpNode<'Conv'>[] =>
  graph.nodes.flatMap((node) => (node.kind === 'op' && node.op === 'Conv' ? [node] : []));

/** No transposed convolution, and groups only with fewer than three extents. */
function expectPlain(graph: Graph): void {
  expect(countOperators(graph).has('ConvTranspose')).toBe(false);
  expect(convolutions(graph).map(({ attributes }) => attributes.group)).toEqual(convolutions(graph).map(() => 1));
}

const geometry = {
  kernel_shape: [2, 3, 2],
  dilations: [1, 1, 1],
  strides: [1, 1, 1],
  pads: [0, 0, 0, 0, 0, 0],
  group: 1,
};

describe('a transposed convolution of three extents is a convolution', () => {
  test.each([
    ['at stride 1', {}],
    ['at strides', { strides: [2, 1, 3] }],
    ['padded, with output padding', { strides: [2, 2, 3], pads: [0, 1, 1, 1, 2, 0], output_padding: [1, 0, 2] }],
    ['dilated', { strides: [1, 2, 2], dilations: [2, 1, 3], pads: [1, 0, 2, 0, 1, 1] }],
    ['with more padding than the filter reaches', { strides: [2, 2, 2], pads: [2, 3, 2, 1, 3, 2] }],
    ['in groups', { strides: [2, 1, 1], group: 2 }],
  ])('%s', async (_, given) => {
    const attributes = { ...geometry, output_padding: [0, 0, 0], ...given };
    const graph = build((b) => [
      b.op(
        'ConvTranspose',
        [
          b.input('x', 'float32', [2, 4, 3, 4, 3]),
          b.input('w', 'float32', [4, 3, 2, 3, 2]),
          b.input('bias', 'float32', [3 * attributes.group]),
        ],
        attributes,
      ),
    ]);
    for (const lowered of await expectLowered(graph, [portable], { length: 48 })) expectPlain(lowered);
  });
});

test.each([1, 2, 4])('a convolution of three extents in %i groups and its gradients', async (group) => {
  const attributes = { ...geometry, strides: [2, 1, 2], pads: [1, 1, 0, 0, 1, 1], group };
  const shape = [2, 4, 4, 3, 5];
  const graph = build((b) => {
    const [x, w] = [b.input('x', 'float32', shape), b.input('w', 'float32', [4, 4 / group, 2, 3, 2])];
    const y = b.op('Conv', [x, w, b.input('bias', 'float32', [4])], attributes);
    return [
      y,
      b.op('ConvInputGrad', [y, w], { ...attributes, input_shape: shape }),
      b.op('ConvWeightGrad', [x, y], attributes),
    ];
  });
  for (const lowered of await expectLowered(graph, [portable], { length: 4000 })) expectPlain(lowered);
});

test('a transposed convolution of two extents stays, in groups too', async () => {
  const graph = build((b) => [
    b.op('ConvTranspose', [b.input('x', 'float32', [1, 4, 3, 4]), b.input('w', 'float32', [4, 3, 2, 3]), undefined], {
      kernel_shape: [2, 3],
      pads: [0, 1, 0, 0],
      strides: [2, 1],
      dilations: [1, 1],
      output_padding: [0, 0],
      group: 2,
    }),
  ]);
  for (const lowered of await expectLowered(graph, [portable], { length: 24 }))
    expect(countOperators(lowered).get('ConvTranspose')).toBe(1);
});
