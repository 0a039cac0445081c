import { unary, type OpDefinition } from './definition.ts';

/** Operators that move elements and compute none, and those that ask for a shape. */
export const movementOps = {
  Transpose: { ...unary, attributes: { perm: 'ints' } },
  Reshape: { ...unary, attributes: { shape: 'operand1' } },
  Flatten: { ...unary, attributes: { axis: 'int' } },
  Squeeze: { ...unary, attributes: { axes: 'operand1' } },
  Unsqueeze: { ...unary, attributes: { axes: 'operand1' } },
  Expand: { ...unary, attributes: { shape: 'operand1' } },
  Tile: { ...unary, attributes: { repeats: 'operand1' } },
  Concat: { domain: '', inputs: ['...x'], outputs: ['y'], attributes: { axis: 'int' } },
  Split: { domain: '', inputs: ['x'], outputs: ['...y'], attributes: { split: 'operand1', axis: 'int' } },
  Slice: { ...unary, attributes: { starts: 'operand1', ends: 'operand2', axes: 'operand3', steps: 'operand4' } },
  // Modes are constant (with `value`, else 0), edge and reflect; negative pads crop.
  Pad: { domain: '', inputs: ['x', 'value?'], outputs: ['y'], attributes: { pads: 'operand1', mode: 'string' } },
  Gather: { domain: '', inputs: ['x', 'indices'], outputs: ['y'], attributes: { axis: 'int' } },
  GatherElements: { domain: '', inputs: ['x', 'indices'], outputs: ['y'], attributes: { axis: 'int' } },
  GatherND: { domain: '', inputs: ['x', 'indices'], outputs: ['y'], attributes: { batch_dims: 'int' } },
  ScatterElements: {
    domain: '',
    inputs: ['x', 'indices', 'updates'],
    outputs: ['y'],
    attributes: { axis: 'int', reduction: 'string' },
  },
  ScatterND: {
    domain: '',
    inputs: ['x', 'indices', 'updates'],
    outputs: ['y'],
    attributes: { reduction: 'string' },
  },
  DepthToSpace: { ...unary, attributes: { blocksize: 'int', mode: 'string' } },
  SpaceToDepth: { ...unary, attributes: { blocksize: 'int' } },
  Trilu: { ...unary, attributes: { k: 'operand1', upper: 'int' } },
  // `values` are [off, on].
  OneHot: {
    domain: '',
    inputs: ['indices', 'values'],
    outputs: ['y'],
    attributes: { depth: 'operand1', axis: 'int' },
  },
  Shape: { ...unary, attributes: { start: 'int', end: 'int' } },
  Size: unary,
} as const satisfies Record<string, OpDefinition>;
