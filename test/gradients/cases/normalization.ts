import type { StaticShape } from '../../../src/core/shape.ts';
import type { normalizationOps } from '../../../src/graph/ops/normalization.ts';
import { any, positive, type CaseTable } from '../case.ts';

/** Gradients of x, scale and bias; the running statistics are constants of an evaluation graph. */
const batchNorm = (name: string, shape: StaticShape, epsilon = 1e-5) => {
  const channels = [shape[1] ?? 1];
  return {
    name,
    inputs: [
      any(shape),
      any(channels),
      any(channels),
      { ...any(channels), constant: true as const },
      { ...positive(channels), constant: true as const },
    ],
    attributes: { epsilon },
  };
};

const layerNorm = (name: string, shape: StaticShape, axis: number, bias = true, given = shape.slice(axis)) => ({
  name,
  inputs: [any(shape), any(given), ...(bias ? [any(given)] : [])],
  attributes: { axis, epsilon: 1e-5 },
});

const instanceNorm = (name: string, shape: StaticShape, epsilon = 1e-5) => ({
  name,
  inputs: [any(shape), any([shape[1] ?? 1]), any([shape[1] ?? 1])],
  attributes: { epsilon },
});

const responseNorm = (name: string, shape: StaticShape, size: number, alpha = 0.5, beta = 0.75, bias = 2) => ({
  name,
  inputs: [any(shape)],
  attributes: { size, alpha, beta, bias },
});

export const normalizationCases: CaseTable<keyof typeof normalizationOps> = {
  BatchNormalization: [
    batchNorm('image', [2, 3, 2, 4]),
    batchNorm('vectors', [4, 3]),
    batchNorm('one extent, large epsilon', [2, 3, 5], 0.25),
    batchNorm('three extents', [2, 2, 2, 1, 3]),
  ],
  LayerNormalization: [
    layerNorm('last axis', [2, 3, 5], -1),
    layerNorm('without bias', [2, 3, 4], 2, false),
    layerNorm('two axes', [2, 3, 4], 1),
    layerNorm('all axes', [3, 4], 0),
    layerNorm('channels, height and width', [2, 3, 2, 4], -3),
    layerNorm('one scale for all', [2, 3, 4], 1, true, [1, 1]),
    layerNorm('a scale that is repeated', [2, 3, 4], 1, true, [4]),
  ],
  InstanceNormalization: [
    instanceNorm('image', [2, 3, 3, 4]),
    instanceNorm('one extent', [3, 2, 5]),
    instanceNorm('three extents, large epsilon', [1, 2, 2, 3, 2], 0.5),
  ],
  LRN: [
    responseNorm('five of six channels', [2, 6, 2, 2], 5),
    responseNorm('three channels, defaults of ONNX', [2, 4, 2, 2], 3, 1e-4, 0.75, 1),
    responseNorm('window larger than the channels', [1, 3, 2, 2], 9, 2, 1.5),
    responseNorm('one channel', [2, 1, 2, 2], 1),
  ],
  Dropout: [{ name: 'after training', inputs: [any([2, 3])], attributes: {} }],
};
