import { usageError } from '../core/errors.ts';
import type { Value } from '../graph/builder.ts';
import { add, div, mul, reduceSum, sqrt } from '../graph/functions.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import { correctCount, cosineLoss, crossEntropy, oneHot } from '../nn/losses.ts';
import type { FeatureSign, Geometry } from './geometry.ts';
import { hadamardGeometry } from './hadamard.ts';
import { orthonormalGeometry } from './orthonormal.ts';
import { formatHead } from './parse.ts';
import type { SoftmaxSpec } from './softmax.ts';
import type { HeadSpec } from './spec.ts';

/** A classifier layer for a given number of features and classes. Backbones take one and do not know which. */
export interface Head {
  readonly spec: HeadSpec;
  readonly name: string;
  readonly features: number;
  readonly classes: number;
  /** The fixed class vectors; none for a learned head. */
  readonly geometry: Geometry | undefined;
  /** Logits `[batch, classes]` of features `[batch, features]`; declares the head's parameters under `head.`. */
  readonly logits: (c: LayerContext, features: Value) => Value;
  /**
   * What a training step minimises, of features `[batch, features]` against int32 labels `[batch]`; declares the same
   * parameters as `logits`.
   */
  readonly objective: (c: LayerContext, features: Value, labels: Value, options: ObjectiveOptions) => Objective;
}

/** How the softmax of a training step is computed; see {@link SoftmaxSpec}. */
export interface ObjectiveOptions {
  readonly labelSmoothing: number;
  readonly softmax: SoftmaxSpec;
}

/** Scalars of one training step. */
export interface Objective {
  /** Averaged over the batch. */
  readonly loss: Value;
  /** How many of the batch are right. */
  readonly correct: Value;
  /** α, where it is learned. */
  readonly scale: Value | undefined;
}

/** The place that a head must fill. */
export interface HeadRequest {
  readonly classes: number;
  readonly features: number;
  readonly sign: FeatureSign;
}

/** Where α is a parameter, its name in checkpoints and metrics. */
export const scaleParameter = 'head.scale';

/** Keeps the norm of an all-zero feature vector from dividing by zero; far below the square of any real norm. */
const NORM_EPSILON = 1e-12;

/** x/‖x‖ for each row of x `[batch, features]`: per sample, so a logit never depends on its neighbours in the batch. */
export function normalizeRows(c: LayerContext, x: Value): Value {
  const squared = reduceSum(c.b, mul(c.b, x, x), [1], { keepdims: true });
  return div(c.b, x, sqrt(c.b, add(c.b, squared, NORM_EPSILON)));
}

/**
 * First value of a learned α: √N in units of the cosine. A random feature vector has cosines of standard deviation 1/√N
 * with unit vectors, so the first logits have standard deviation 1: gradients neither vanish nor saturate the softmax.
 */
function initialScale(spec: HeadSpec, features: number): number {
  return spec.kind === 'learned' ? 1 : Math.sqrt(features);
}

function geometryOf(spec: HeadSpec, request: HeadRequest): Geometry | undefined {
  switch (spec.kind) {
    case 'learned':
      return undefined;
    case 'hadamard':
      return hadamardGeometry(request);
    case 'orthonormal':
      return orthonormalGeometry({ ...request, seed: spec.seed });
    default:
      return spec satisfies never;
  }
}

/** Multiplies by α: a trained scalar, a constant, or nothing for 1. */
function applyScale(c: LayerContext, spec: HeadSpec, features: number, x: Value): Value {
  if (spec.scale === 1) return x;
  if (spec.scale !== 'learned') return mul(c.b, x, spec.scale);
  return mul(
    c.b,
    x,
    c.parameter('scale', [1], { kind: 'constant', value: initialScale(spec, features) }, { decay: false }),
  );
}

/**
 * The head that a spec describes, for C classes on N features (Hoffer, Hubara & Soudry 2018, sections 2 and 3).
 *
 * @throws a usage error if C or N is not an integer ≥ 2 or ≥ 1, or the geometry has too few vectors.
 */
export function createHead(spec: HeadSpec, request: HeadRequest): Head {
  const { classes, features } = request;
  if (!Number.isInteger(classes) || classes < 2)
    throw usageError('a classifier needs at least 2 classes', { received: String(classes) });
  if (!Number.isInteger(features) || features < 1)
    throw usageError('features must be a positive integer', { received: String(features) });
  const geometry = geometryOf(spec, request);
  const addBias = (c: LayerContext, x: Value): Value =>
    spec.bias ? add(c.b, x, c.parameter('bias', [classes], { kind: 'constant', value: 0 }, { decay: false })) : x;

  const logits = (c: LayerContext, x: Value): Value =>
    c.layer('head', () => {
      if (geometry !== undefined)
        return addBias(c, applyScale(c, spec, features, geometry.product(c, normalizeRows(c, x))));
      // PyTorch's Linear initialisation: U(−1/√N, 1/√N).
      const weight = c.parameter(
        'weight',
        [classes, features],
        { kind: 'uniform', bound: 1 / Math.sqrt(features) },
        { decay: true },
      );
      const bias = spec.bias
        ? c.parameter('bias', [classes], { kind: 'constant', value: 0 }, { decay: false })
        : undefined;
      return applyScale(
        c,
        spec,
        features,
        c.b.op('Gemm', [x, weight, bias], { alpha: 1, beta: 1, transA: 0, transB: 1 }),
      );
    });

  const lossOf = (c: LayerContext, z: Value, targets: Value, labelSmoothing: number): Value => {
    switch (spec.loss) {
      case 'cross-entropy':
        return crossEntropy(c.b, z, targets, labelSmoothing);
      case 'cosine': {
        // Without a bias the logits are the cosines times a constant.
        const cosines = typeof spec.scale === 'number' && spec.scale !== 1 ? div(c.b, z, spec.scale) : z;
        return cosineLoss(c.b, cosines, targets);
      }
      default:
        return spec.loss satisfies never;
    }
  };
  const objective = (c: LayerContext, x: Value, labels: Value, { labelSmoothing }: ObjectiveOptions): Objective => {
    const z = logits(c, x);
    const targets = c.b.scoped('targets', () => oneHot(c.b, labels, classes));
    return {
      loss: c.b.scoped('loss_function', () => lossOf(c, z, targets, labelSmoothing)),
      correct: c.b.scoped('accuracy', () => correctCount(c.b, z, targets)),
      scale: spec.scale === 'learned' ? c.b.value(scaleParameter) : undefined,
    };
  };
  return Object.freeze({ spec, name: formatHead(spec), features, classes, geometry, logits, objective });
}
