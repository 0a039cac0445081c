import { expect, test } from 'vitest';
import { build, expectLowered, portable } from '../../test/support/lowering.ts';
import { countOperators } from '../graph/graph.ts';

test.each([
  ['a step that leaves a rest', [7, 2], { starts: [5], ends: [0], axes: [0], steps: [-2] }, 1, 0],
  ['from beyond the end, counted from the end', [2, 5], { starts: [99], ends: [-5], axes: [-1], steps: [-3] }, 1, 0],
  ['two axes', [7, 6], { starts: [6, 4], ends: [-99, 0], axes: [0, 1], steps: [-4, -2] }, 2, 0],
  ['one axis of three', [5, 6, 4], { starts: [4, 1, 3], ends: [-9, 6, 0], axes: [0, 1, 2], steps: [-2, 3, -1] }, 1, 1],
  ['steps of 1 back', [5, 3], { starts: [-1], ends: [-99], axes: [0], steps: [-1] }, 0, 1],
  ['forwards', [5, 3], { starts: [1], ends: [5], axes: [0], steps: [2] }, 0, 1],
] as const)('back to front in steps of 2 and more is a Gather: %s', async (_, shape, attributes, gathers, slices) => {
  const graph = build((b) => [b.op('Slice', [b.input('x', 'float32', shape)], attributes)]);
  for (const lowered of await expectLowered(graph, [portable], { length: 1 })) {
    const count = countOperators(lowered);
    expect([count.get('Gather') ?? 0, count.get('Slice') ?? 0]).toEqual([gathers, slices]);
  }
});
