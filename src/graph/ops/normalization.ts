import { unary, type OpDefinition } from './definition.ts';

/** Normalisation layers of ONNX, and dropout as it is after training. */
export const normalizationOps = {
  BatchNormalization: {
    domain: '',
    inputs: ['x', 'scale', 'b', 'input_mean', 'input_var'],
    outputs: ['y'],
    attributes: { epsilon: 'float' },
  },
  // Over all axes from `axis` on.
  LayerNormalization: {
    domain: '',
    inputs: ['x', 'scale', 'b?'],
    outputs: ['y'],
    attributes: { axis: 'int', epsilon: 'float' },
  },
  InstanceNormalization: { domain: '', inputs: ['x', 'scale', 'b'], outputs: ['y'], attributes: { epsilon: 'float' } },
  // y = x/(bias + alpha/size·Σ x²)^beta, the sum over `size` neighbouring channels
  LRN: { ...unary, attributes: { size: 'int', alpha: 'float', beta: 'float', bias: 'float' } },
  // y = x: in training mode it is not in the table.
  Dropout: unary,
} as const satisfies Record<string, OpDefinition>;
