import { convolution, unary, window, type OpDefinition } from './definition.ts';

/** Convolutions, pooling and resizing of `[batch, channels, height, width]`. */
export const imagesOps = {
  Conv: { domain: '', inputs: ['x', 'w', 'b?'], outputs: ['y'], attributes: convolution },
  ConvTranspose: {
    domain: '',
    inputs: ['x', 'w'],
    outputs: ['y'],
    attributes: { ...convolution, output_padding: 'ints' },
  },
  MaxPool: { ...unary, attributes: window },
  AveragePool: { ...unary, attributes: { ...window, count_include_pad: 'int' } },
  GlobalAveragePool: unary,
} as const satisfies Record<string, OpDefinition>;
