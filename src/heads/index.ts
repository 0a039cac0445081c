export type { Backbone, ImageSize } from './backbone.ts';
export { countParameters, createModel, modelTensors, type Model, type ParameterCounts } from './model.ts';
export { createHead, normalizeRows, scaleParameter, type Head, type HeadRequest } from './head.ts';
export { measuredCoherence, type FeatureSign, type Geometry, type GeometryRequest } from './geometry.ts';
export { hadamardGeometry } from './hadamard.ts';
export { orthonormalGeometry } from './orthonormal.ts';
export { formatHead, parseHead } from './parse.ts';
export {
  hadamard,
  headKinds,
  headSpec,
  learned,
  orthonormal,
  type HeadKind,
  type HeadOptions,
  type HeadSpec,
} from './spec.ts';
