import { convolution, unary, window, type OpDefinition } from './definition.ts';

/** Macro operators: training steps speak in these; a lowering turns them into what a runtime executes. They never reach a file. */
export const macrosOps = {
  // y = x, and no gradient flows back: for values whose derivative is written down beside them.
  Detach: { ...unary, domain: 'fixhead' },
  // y = value, whose gradient to x is g besides what flows through value: y = value + ⟨g, x − Detach(x)⟩, without computing that zero
  GivenGradient: { domain: 'fixhead', inputs: ['value', 'x', 'g'], outputs: ['y'], attributes: {} },
  // y = x, for a second computation of what follows, which begins when `after` is known and is not merged with the first
  Recompute: { domain: 'fixhead', inputs: ['x', 'after'], outputs: ['y'], attributes: {} },
  BatchNormTraining: {
    domain: 'fixhead',
    // y = relu?((x − mean)·scale/√(variance + epsilon) + bias + sum?), mean and biased variance over batch, height, width
    inputs: ['x', 'scale', 'bias', 'sum?'],
    outputs: ['y', 'mean', 'variance'],
    attributes: { epsilon: 'float', relu: 'int' },
  },
  BatchNormGrad: {
    domain: 'fixhead',
    inputs: ['gy', 'x', 'scale', 'mean', 'variance'],
    outputs: ['gx', 'gscale', 'gbias'],
    attributes: { epsilon: 'float' },
  },
  ReluGrad: { domain: 'fixhead', inputs: ['gy', 'y'], outputs: ['gx'], attributes: {} },
  // gx = gy where min < y < max, y = Clip(x, min, max); an absent bound does not bound
  ClipGrad: { domain: 'fixhead', inputs: ['gy', 'y', 'min?', 'max?'], outputs: ['gx'], attributes: {} },
  // gx = gradient of Conv with respect to its input (of shape input_shape), plus sum
  ConvInputGrad: {
    domain: 'fixhead',
    inputs: ['gy', 'w', 'sum?'],
    outputs: ['gx'],
    attributes: { ...convolution, input_shape: 'ints' },
  },
  ConvWeightGrad: { domain: 'fixhead', inputs: ['x', 'gy'], outputs: ['gw'], attributes: convolution },
  MaxPoolGrad: {
    domain: 'fixhead',
    inputs: ['gy', 'x', 'y'],
    outputs: ['gx'],
    attributes: { ...window, dilations: 'ints' },
  },
  AveragePoolGrad: {
    domain: 'fixhead',
    inputs: ['gy'],
    outputs: ['gx'],
    attributes: { ...window, count_include_pad: 'int', input_shape: 'ints' },
  },
} as const satisfies Record<string, OpDefinition>;
