import { binary, type OpDefinition } from './definition.ts';

/** Products of matrices and tensors. */
export const productsOps = {
  MatMul: binary,
  Gemm: {
    domain: '',
    inputs: ['a', 'b', 'c?'],
    outputs: ['y'],
    attributes: { alpha: 'float', beta: 'float', transA: 'int', transB: 'int' },
  },
  // Sums of products over named axes, as in numpy.einsum.
  Einsum: { domain: '', inputs: ['...x'], outputs: ['y'], attributes: { equation: 'string' } },
} as const satisfies Record<string, OpDefinition>;
