export { createBackbone, modelNames } from './registry.ts';
export { resnet } from './resnet.ts';
export { cnn, mlp } from './small.ts';
