import { unary, type OpDefinition } from './definition.ts';

/** Operators that move elements and compute none. */
export const movementOps = {
  Transpose: { ...unary, attributes: { perm: 'ints' } },
  Reshape: { ...unary, attributes: { shape: 'operand1' } },
  Flatten: { ...unary, attributes: { axis: 'int' } },
  Expand: { ...unary, attributes: { shape: 'operand1' } },
  Concat: { domain: '', inputs: ['...x'], outputs: ['y'], attributes: { axis: 'int' } },
  Split: { domain: '', inputs: ['x'], outputs: ['...y'], attributes: { split: 'operand1', axis: 'int' } },
  Slice: { ...unary, attributes: { starts: 'operand1', ends: 'operand2', axes: 'operand3', steps: 'operand4' } },
  Pad: { domain: '', inputs: ['x'], outputs: ['y'], attributes: { pads: 'operand1' } },
  Gather: { domain: '', inputs: ['x', 'indices'], outputs: ['y'], attributes: { axis: 'int' } },
  ScatterElements: {
    domain: '',
    inputs: ['x', 'indices', 'updates'],
    outputs: ['y'],
    attributes: { axis: 'int', reduction: 'string' },
  },
} as const satisfies Record<string, OpDefinition>;
