import { convolution, window, type OpDefinition } from './definition.ts';

/** What ONNX Runtime's CPU provider adds: the blocked lowering emits these, and they never reach a file for users. */
export const providerOps = {
  FusedMatMul: {
    domain: 'com.microsoft',
    inputs: ['a', 'b'],
    outputs: ['c'],
    attributes: { alpha: 'float', transA: 'int', transB: 'int' },
  },
  'nchwc.ReorderInput': {
    domain: 'com.microsoft.nchwc',
    type: 'ReorderInput',
    inputs: ['x'],
    outputs: ['y'],
    attributes: { channels_last: 'int' },
  },
  'nchwc.ReorderOutput': {
    domain: 'com.microsoft.nchwc',
    type: 'ReorderOutput',
    inputs: ['x'],
    outputs: ['y'],
    attributes: { channels: 'int', channels_last: 'int' },
  },
  'nchwc.Conv': {
    domain: 'com.microsoft.nchwc',
    type: 'Conv',
    inputs: ['x', 'w', 'b?', 'sum?'],
    outputs: ['y'],
    attributes: { ...convolution, activation: 'string', activation_params: 'floats' },
  },
  'nchwc.MaxPool': {
    domain: 'com.microsoft.nchwc',
    type: 'MaxPool',
    inputs: ['x'],
    outputs: ['y'],
    attributes: { ...window, dilations: 'ints' },
  },
  'nchwc.GlobalAveragePool': {
    domain: 'com.microsoft.nchwc',
    type: 'GlobalAveragePool',
    inputs: ['x'],
    outputs: ['y'],
    attributes: {},
  },
} as const satisfies Record<string, OpDefinition>;
