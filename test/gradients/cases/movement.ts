import type { StaticShape } from '../../../src/core/shape.ts';
import type { movementOps } from '../../../src/graph/ops/movement.ts';
import { any, type CaseTable } from '../case.ts';
import { indexingCases } from './movement-indexing.ts';

interface Bounds {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly axes: readonly number[];
  readonly steps: readonly number[];
}

const slice = (name: string, shape: StaticShape, attributes: Bounds) => ({ name, inputs: [any(shape)], attributes });

const pad = (name: string, shape: StaticShape, pads: readonly number[], mode = 'constant') => ({
  name: `${mode}: ${name}`,
  inputs: [any(shape)],
  attributes: { pads, mode },
});

export const movementCases: CaseTable<keyof typeof movementOps> = {
  ...indexingCases,
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
    slice('back to front', [2, 5], { starts: [-1], ends: [-99], axes: [1], steps: [-1] }),
    slice('back to front, step and bounds', [7, 2], { starts: [5], ends: [0], axes: [0], steps: [-2] }),
    slice('back to front from beyond the end', [5], { starts: [99], ends: [-5], axes: [0], steps: [-3] }),
    slice('both ways', [4, 6], { starts: [3, 1], ends: [0, 6], axes: [0, 1], steps: [-1, 2] }),
  ],
  Pad: [
    pad('one axis', [2, 3], [0, 1, 0, 2]),
    pad('image', [1, 2, 3, 2], [0, 0, 1, 1, 0, 0, 1, 2]),
    pad('nothing', [2, 3], [0, 0, 0, 0]),
    pad('negative pads crop', [3, 4], [-1, 1, 0, -2]),
    { ...pad('with a value', [2, 3], [0, 1, 2, 0]), inputs: [any([2, 3]), any([])] },
    { ...pad('with a value, cropped', [3, 4], [-1, 1, 0, 2]), inputs: [any([3, 4]), any([])] },
    pad('one axis', [2, 3], [0, 1, 0, 2], 'edge'),
    pad('image', [1, 2, 3, 2], [0, 0, 1, 1, 0, 0, 1, 2], 'edge'),
    pad('of one element', [1, 2], [2, 0, 3, 0], 'edge'),
    pad('cropped in front, padded behind', [2, 4], [0, -1, 0, 2], 'edge'),
    pad('one axis', [2, 4], [0, 2, 0, 3], 'reflect'),
    pad('image', [1, 2, 3, 3], [0, 0, 1, 2, 0, 0, 2, 1], 'reflect'),
    pad('cropped in front, padded behind', [2, 5], [0, -1, 0, 2], 'reflect'),
  ],
  Squeeze: [
    { name: 'one axis', inputs: [any([2, 1, 3, 1])], attributes: { axes: [1] } },
    { name: 'several axes, negative', inputs: [any([1, 2, 1, 3])], attributes: { axes: [-2, 0] } },
    { name: 'to a scalar', inputs: [any([1, 1])], attributes: { axes: [0, 1] } },
  ],
  Unsqueeze: [
    { name: 'in front and behind', inputs: [any([2, 3])], attributes: { axes: [0, 3] } },
    { name: 'negative axes in any order', inputs: [any([2, 3])], attributes: { axes: [-1, -3] } },
    { name: 'a scalar', inputs: [any([])], attributes: { axes: [0] } },
  ],
  Tile: [
    { name: 'rows and columns', inputs: [any([2, 3])], attributes: { repeats: [3, 2] } },
    { name: 'the inner axis only', inputs: [any([2, 1, 2])], attributes: { repeats: [1, 3, 1] } },
    { name: 'nothing', inputs: [any([2, 3])], attributes: { repeats: [1, 1] } },
  ],
  DepthToSpace: [
    { name: 'depth, column, row', inputs: [any([2, 8, 2, 3])], attributes: { blocksize: 2, mode: 'DCR' } },
    { name: 'column, row, depth', inputs: [any([2, 8, 2, 3])], attributes: { blocksize: 2, mode: 'CRD' } },
    { name: 'blocks of three', inputs: [any([1, 9, 1, 2])], attributes: { blocksize: 3, mode: 'CRD' } },
  ],
  SpaceToDepth: [
    { name: 'blocks of two', inputs: [any([2, 2, 4, 6])], attributes: { blocksize: 2 } },
    { name: 'blocks of three', inputs: [any([1, 1, 3, 6])], attributes: { blocksize: 3 } },
  ],
  Trilu: [
    { name: 'upper', inputs: [any([3, 4])], attributes: { k: [0], upper: 1 } },
    { name: 'lower, above the diagonal too', inputs: [any([2, 3, 3])], attributes: { k: [1], upper: 0 } },
    { name: 'upper, below the diagonal too', inputs: [any([4, 3])], attributes: { k: [-1], upper: 1 } },
  ],
  Shape: {
    noGradient: 'a shape',
    forward: [
      { name: 'all', inputs: [any([2, 3, 4])], attributes: { start: 0, end: 3 } },
      { name: 'without the first', inputs: [any([2, 3, 4])], attributes: { start: 1, end: 3 } },
      { name: 'bounds from the end', inputs: [any([2, 3, 4])], attributes: { start: -2, end: -1 } },
    ],
  },
  Size: { noGradient: 'a number of elements', forward: [{ name: 'matrix', inputs: [any([2, 3])], attributes: {} }] },
};
