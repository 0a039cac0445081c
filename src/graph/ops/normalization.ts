import type { OpDefinition } from './definition.ts';

/** Normalisation layers of ONNX. */
export const normalizationOps = {
  BatchNormalization: {
    domain: '',
    inputs: ['x', 'scale', 'b', 'input_mean', 'input_var'],
    outputs: ['y'],
    attributes: { epsilon: 'float' },
  },
} as const satisfies Record<string, OpDefinition>;
