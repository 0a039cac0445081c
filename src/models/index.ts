export type { Backbone, ImageSize } from './backbone.ts';
export { countParameters, createModel, modelTensors, type Model, type ParameterCounts } from './model.ts';
export { createBackbone, modelNames } from './registry.ts';
export { resnet } from './resnet.ts';
export { cnn, mlp } from './small.ts';
