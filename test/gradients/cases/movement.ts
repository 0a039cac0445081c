import type { StaticShape } from '../../../src/core/shape.ts';
import { any, integers, type CaseTable } from '../case.ts';

interface Bounds {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly axes: readonly number[];
  readonly steps: readonly number[];
}

const slice = (name: string, shape: StaticShape, attributes: Bounds) => ({ name, inputs: [any(shape)], attributes });

const gather = (
  name: string,
  shape: StaticShape,
  axis: number,
  indexShape: StaticShape,
  indices: readonly number[],
) => ({ name, inputs: [any(shape), integers(indexShape, indices)], attributes: { axis } });

export const movementCases: CaseTable<
  'Transpose' | 'Reshape' | 'Flatten' | 'Expand' | 'Concat' | 'Split' | 'Slice' | 'Pad' | 'Gather' | 'ScatterElements'
> = {
  Transpose: [
    { name: 'matrix', inputs: [any([2, 3])], attributes: { perm: [1, 0] } },
    { name: 'rotation, not its own inverse', inputs: [any([2, 3, 4])], attributes: { perm: [2, 0, 1] } },
    { name: 'channels last', inputs: [any([2, 3, 2, 4])], attributes: { perm: [0, 2, 3, 1] } },
  ],
  Reshape: [
    { name: 'flat', inputs: [any([2, 3])], attributes: { shape: [6] } },
    { name: '0 copies and −1 fills', inputs: [any([2, 3, 4])], attributes: { shape: [0, -1] } },
    { name: 'to a scalar', inputs: [any([1, 1])], attributes: { shape: [] } },
    { name: 'from a scalar', inputs: [any([])], attributes: { shape: [1, -1] } },
  ],
  Flatten: [0, 1, 2, 3, -1].map((axis) => ({ name: `axis ${axis}`, inputs: [any([2, 3, 4])], attributes: { axis } })),
  Expand: [
    { name: 'scalar', inputs: [any([])], attributes: { shape: [2, 3] } },
    { name: 'inner and new axes', inputs: [any([3, 1])], attributes: { shape: [2, 3, 4] } },
    { name: 'target smaller than the input', inputs: [any([2, 3])], attributes: { shape: [1, 3] } },
    { name: 'nothing', inputs: [any([2, 3])], attributes: { shape: [2, 3] } },
  ],
  Concat: [
    { name: 'one', inputs: [any([2, 3])], attributes: { axis: 0 } },
    { name: 'two', inputs: [any([2, 3]), any([1, 3])], attributes: { axis: 0 } },
    { name: 'three, last axis', inputs: [any([2, 1]), any([2, 3]), any([2, 2])], attributes: { axis: -1 } },
    { name: 'channels', inputs: [any([2, 1, 2, 2]), any([2, 3, 2, 2])], attributes: { axis: 1 } },
  ],
  Split: [
    { name: 'equal', inputs: [any([4, 3])], attributes: { split: [2, 2], axis: 0 } },
    { name: 'uneven, last axis', inputs: [any([2, 6])], attributes: { split: [1, 3, 2], axis: -1 } },
    { name: 'only the first part is used', inputs: [any([2, 6])], attributes: { split: [1, 5], axis: 1 }, outputs: 1 },
  ],
  Slice: [
    slice('plain', [4, 3], { starts: [1], ends: [3], axes: [0], steps: [1] }),
    slice('negative bounds and axis', [2, 5], { starts: [-4], ends: [-1], axes: [-1], steps: [1] }),
    slice('end beyond the size', [2, 5], { starts: [2], ends: [1000], axes: [1], steps: [1] }),
    slice('start before the first', [2, 5], { starts: [-9], ends: [2], axes: [1], steps: [1] }),
    slice('step that fits', [6, 2], { starts: [0], ends: [6], axes: [0], steps: [2] }),
    slice('step with a remainder', [7, 2], { starts: [1], ends: [6], axes: [0], steps: [3] }),
    slice('step that ends on the last element', [5], { starts: [0], ends: [5], axes: [0], steps: [2] }),
    slice('step larger than what is left', [2, 4], { starts: [3], ends: [4], axes: [1], steps: [5] }),
    slice('several axes', [4, 3, 5], { starts: [1, 1], ends: [4, 5], axes: [0, 2], steps: [2, 3] }),
    slice('whole', [2, 3], { starts: [0], ends: [3], axes: [1], steps: [1] }),
  ],
  Pad: [
    { name: 'one axis', inputs: [any([2, 3])], attributes: { pads: [0, 1, 0, 2] } },
    { name: 'image', inputs: [any([1, 2, 3, 2])], attributes: { pads: [0, 0, 1, 1, 0, 0, 1, 2] } },
    { name: 'nothing', inputs: [any([2, 3])], attributes: { pads: [0, 0, 0, 0] } },
    { name: 'negative pads crop', inputs: [any([3, 4])], attributes: { pads: [-1, 1, 0, -2] } },
  ],
  Gather: [
    gather('embedding with repeated indices', [4, 3], 0, [5], [2, 0, 2, 2, 3]),
    gather('sequence of sentences', [4, 3], 0, [2, 3], [1, 1, 0, 3, 1, 0]),
    gather('scalar index', [4, 3], 0, [], [2]),
    gather('columns', [2, 4], 1, [3], [3, 3, 0]),
    gather('middle axis', [2, 3, 2], 1, [2, 2], [0, 2, 2, 2]),
    gather('last axis, negative', [2, 3], -1, [2], [1, 0]),
    gather('negative indices', [4, 2], 0, [3], [-1, 3, -4]),
  ],
  ScatterElements: {
    noGradient: 'emitted by gradients only',
    forward: [
      {
        name: 'replace',
        inputs: [any([3, 3]), integers([2, 2], [0, 2, 1, -3]), any([2, 2])],
        attributes: { axis: 0, reduction: 'none' },
      },
      {
        name: 'repeated indices add up',
        inputs: [any([2, 4]), integers([2, 3], [1, 1, 1, 0, 3, 0]), any([2, 3])],
        attributes: { axis: 1, reduction: 'add' },
      },
      {
        name: 'last axis',
        inputs: [any([2, 4]), integers([2, 3], [1, 1, 1, 0, 3, 0]), any([2, 3])],
        attributes: { axis: -1, reduction: 'max' },
      },
    ],
  },
};
