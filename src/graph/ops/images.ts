import { convolution, unary, window, type OpDefinition } from './definition.ts';

/** Convolutions, pooling and resizing of `[batch, channels, ...extents]`, for one extent or more. */
export const imagesOps = {
  Conv: { domain: '', inputs: ['x', 'w', 'b?'], outputs: ['y'], attributes: convolution },
  ConvTranspose: {
    domain: '',
    inputs: ['x', 'w', 'b?'],
    outputs: ['y'],
    attributes: { ...convolution, output_padding: 'ints' },
  },
  MaxPool: { ...unary, attributes: { ...window, dilations: 'ints' } },
  AveragePool: { ...unary, attributes: { ...window, count_include_pad: 'int' } },
  GlobalMaxPool: unary,
  GlobalAveragePool: unary,
  // Either scales or sizes are given for the axes; the others are empty.
  Resize: {
    ...unary,
    attributes: {
      axes: 'ints',
      scales: 'floatOperand2?',
      sizes: 'operand3?',
      mode: 'string',
      coordinate_transformation_mode: 'string',
      nearest_mode: 'string',
      cubic_coeff_a: 'float',
      exclude_outside: 'int',
    },
  },
} as const satisfies Record<string, OpDefinition>;
