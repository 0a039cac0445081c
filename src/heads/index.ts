export type { Backbone, ImageSize } from './backbone.ts';
export { countParameters, createModel, modelOn, modelTensors, type Model, type ParameterCounts } from './model.ts';
export {
  createHead,
  headOn,
  logScaleParameter,
  normalizeRows,
  scaleParameter,
  type Head,
  type HeadRequest,
  type Objective,
  type ObjectiveOptions,
} from './head.ts';
export type { SoftmaxSpec } from './softmax.ts';
export type { StepFeeds } from './sampled-softmax.ts';
export { assignSlots, type Assignment, type AssignmentProgress, type AssignmentRequest } from './assignment/assign.ts';
export { createClassMeans, type ClassMeans } from './assignment/class-means.ts';
export { canAssign, codesName, modelWithStoredCodes, poolGeometry, withCodes } from './assignment/codes.ts';
export {
  measuredCoherence,
  needsCentring,
  orthogonalCapacity,
  vectorsOf,
  type BasisLayout,
  type ClassVectors,
  type FeatureSign,
  type Geometry,
  type GeometryKind,
  type GeometryRequest,
  type ProductCost,
  type SlotBlock,
} from './geometry.ts';
export { geometryOf } from './geometry-of.ts';
export {
  biorthogonalGeometry,
  cosetGeometry,
  hadamardGeometry,
  type CosetRequest,
  type HadamardRequest,
} from './hadamard.ts';
export { distillation, distillationLoss, type Distillation } from './distillation.ts';
export { assigned } from './assigned.ts';
export { customGeometry } from './custom.ts';
export { orthonormalGeometry } from './orthonormal.ts';
export { randomCoherenceBound, randomGeometry, type RandomRequest } from './random.ts';
export { simplexGeometry } from './simplex.ts';
export { formatHead, parseHead } from './parse.ts';
export {
  AUTO_BIAS_CLASSES,
  biorthogonal,
  coset,
  cosine,
  custom,
  hadamard,
  hasBias,
  headKinds,
  headSpec,
  learned,
  orthonormal,
  random,
  simplex,
  type Choices,
  type Directions,
  type HeadChoices,
  type HeadKind,
  type HeadOptions,
  type HeadSpec,
  type Margin,
  type OwnOptions,
} from './spec.ts';
export { cosineStatistics, effectiveDimension, welchBound, type CosineBins, type CosineStatistics } from './cosines.ts';
export { collapseOf, type ClassFeatures, type Collapse } from './collapse.ts';
export { REACHABLE_LOSS, alignedLoss, scaleReaching, type ScaleAdvice } from './scale-advice.ts';
export { wordLogits, wordLogLikelihoods, wordLoss, type WordScores, type WordVectors } from './word-classifier.ts';
