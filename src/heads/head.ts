import { usageError } from '../core/errors.ts';
import { staticShapeOf, type Value } from '../graph/builder.ts';
import { add, exp, matmul, mul, sub, transpose } from '../graph/functions.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import { correctCount, cosineLoss, crossEntropy, oneHot } from '../nn/losses.ts';
import { rowProducts, type ClassScores } from './class-scores.ts';
import { distillationLoss, type Distillation } from './distillation.ts';
import { needsCentring, type Geometry, type GeometryRequest } from './geometry.ts';
import { geometryOf } from './geometry-of.ts';
import { marginLogit } from './margin.ts';
import { formatHead } from './parse.ts';
import type { StepFeeds } from './sampled-softmax.ts';
import type { SoftmaxSpec } from './softmax.ts';
import { sampledLoss, streamingCosineLoss, streamingLoss, type SoftmaxResult } from './softmax-loss.ts';
import { hasBias, type HeadSpec } from './spec.ts';
import { centred, normalizeRows } from './unit-features.ts';

export { normalizeRows } from './unit-features.ts';

/** A classifier layer for a given number of features and classes. Backbones take one and do not know which. */
export interface Head {
  readonly spec: HeadSpec;
  readonly name: string;
  readonly features: number;
  readonly classes: number;
  /** The fixed class vectors; none for a head that learns them. */
  readonly geometry: Geometry | undefined;
  /** Whether features are batch-normalised before they are scaled to unit length. */
  readonly centred: boolean;
  /**
   * What the class vectors are multiplied by: x̂ `[batch, features]`, features centred where this head does so and divided by their
   * norm; the features as they are for a learned head.
   */
  readonly unit: (c: LayerContext, features: Value) => Value;
  /** Logits `[batch, classes]` of features `[batch, features]`; declares the head's parameters under `head.`. */
  readonly logits: (c: LayerContext, features: Value) => Value;
  /**
   * What a training step minimises, of features `[batch, features]` against int32 labels `[batch]`; declares the same
   * parameters as `logits`.
   *
   * @throws a usage error for a softmax that the head cannot compute.
   */
  readonly objective: (c: LayerContext, features: Value, labels: Value, options: ObjectiveOptions) => Objective;
}

/** How the softmax of a training step is computed; see {@link SoftmaxSpec}. */
export interface ObjectiveOptions {
  readonly labelSmoothing: number;
  readonly softmax: SoftmaxSpec;
  /** Logits `[batch, classes]` of a model whose answers are learned along with the labels, or instead of them. */
  readonly teacher?: Distillation & { readonly logits: Value };
}

/** Scalars of one training step. */
export interface Objective {
  /** Averaged over the batch. */
  readonly loss: Value;
  /** How many of the batch are right; with a sampled softmax, how many beat the classes that were drawn. */
  readonly correct: Value;
  /** α, where it is learned. */
  readonly scale: Value | undefined;
  /** What is drawn anew for each step. Where there is something, loss and correct are estimates. */
  readonly feeds: StepFeeds | undefined;
}

/** The place that a head must fill. */
export type HeadRequest = GeometryRequest;

/** Where α is a parameter, its name in checkpoints. */
export const scaleParameter = 'head.scale';

/** Where a margin is set, the parameter is s = log α: α cannot turn negative, which would make the margin give the label away. */
export const logScaleParameter = 'head.log_scale';

/**
 * With `softmax: auto`, all logits at once up to this many in a batch, else block by block. Measured on a CPU at this size and above:
 * streaming takes less time, 0.7 of it here and 0.3 at 8 million logits, as well as less memory. Below, both take a millisecond or two.
 */
export const FULL_LOGITS = 2 ** 18;

/**
 * First value of a learned α: √N in units of the cosine. A random feature vector has cosines of standard deviation 1/√N
 * with unit vectors, so the first logits have standard deviation 1: gradients neither vanish nor saturate the softmax.
 */
function initialScale(spec: HeadSpec, features: number): number {
  return spec.kind === 'learned' ? 1 : Math.sqrt(features);
}

/** α: a trained scalar `[1]`, or a number. */
function scaleOf(c: LayerContext, spec: HeadSpec, features: number): Value | number {
  if (spec.scale !== 'learned') return spec.scale;
  const first = initialScale(spec, features);
  const trained = (name: string, value: number): Value =>
    c.parameter(name, [1], { kind: 'constant', value }, { decay: false });
  return spec.margin === undefined ? trained('scale', first) : exp(c.b, trained('log_scale', Math.log(first)));
}

const times = (c: LayerContext, x: Value, scale: Value | number): Value => (scale === 1 ? x : mul(c.b, x, scale));
const plus = (c: LayerContext, x: Value, bias: Value | undefined): Value =>
  bias === undefined ? x : add(c.b, x, bias);

/** A head with its parameters declared, before anything is multiplied by class vectors. */
interface Prepared {
  /** x̂, or the features as they are. */
  readonly unit: Value;
  readonly scale: Value | number;
  readonly bias: Value | undefined;
  /** ⟨vector of class c, x̂⟩ for all classes, `[batch, classes]`. */
  readonly products: () => Value;
}

/**
 * The head that a spec describes, for C classes on N features (Hoffer, Hubara & Soudry 2018, sections 2 and 3).
 *
 * @throws a usage error if C or N is not an integer ≥ 2, or the geometry has too few vectors.
 */
export function createHead(spec: HeadSpec, request: HeadRequest): Head {
  return headOn(spec, request, geometryOf(spec, request));
}

/** The head of a spec on given class vectors, such as those to which classes were assigned; none for heads that learn theirs. */
export function headOn(spec: HeadSpec, { classes, features, sign }: HeadRequest, geometry: Geometry | undefined): Head {
  const isCentred =
    spec.center === 'batch-norm' || (spec.center === 'auto' && geometry !== undefined && needsCentring(geometry, sign));

  const biasOf = (c: LayerContext): Value | undefined =>
    hasBias(spec, classes)
      ? c.parameter('bias', [classes], { kind: 'constant', value: 0 }, { decay: false })
      : undefined;

  const unitOf = (c: LayerContext, x: Value): Value =>
    spec.kind === 'learned' ? x : normalizeRows(c, isCentred ? centred(c, x) : x);

  const prepare = (c: LayerContext, x: Value): Prepared => {
    // PyTorch's Linear initialisation: U(−1/√N, 1/√N).
    const weightOf = (): Value =>
      c.parameter('weight', [classes, features], { kind: 'uniform', bound: 1 / Math.sqrt(features) }, { decay: true });
    const unit = unitOf(c, x);
    if (geometry !== undefined) {
      return { unit, scale: scaleOf(c, spec, features), bias: biasOf(c), products: () => geometry.product(c, unit) };
    }
    const weight = weightOf();
    if (spec.kind === 'learned') {
      const bias = biasOf(c);
      const products = (): Value => c.b.op('Gemm', [x, weight, bias], { alpha: 1, beta: 1, transA: 0, transB: 1 });
      // s·(W·x + b): the bias is inside.
      return { unit, scale: scaleOf(c, spec, features), bias: undefined, products };
    }
    const products = (): Value => matmul(c.b, unit, transpose(c.b, normalizeRows(c, weight), [1, 0]));
    return { unit, scale: scaleOf(c, spec, features), bias: biasOf(c), products };
  };

  const logits = (c: LayerContext, x: Value): Value =>
    c.layer('head', () => {
      const { scale, bias, products } = prepare(c, x);
      return plus(c, times(c, products(), scale), bias);
    });

  const full = (
    c: LayerContext,
    parts: Prepared,
    labels: Value,
    { labelSmoothing, teacher }: ObjectiveOptions,
  ): SoftmaxResult => {
    const { b } = c;
    const { scale, bias, products } = parts;
    const inner = products();
    const z = plus(c, times(c, inner, scale), bias);
    const targets = b.scoped('targets', () => oneHot(b, labels, classes));
    const withMargin = (): Value => {
      if (spec.margin === undefined) return z;
      const cosine = rowProducts(b, inner, targets);
      const change = sub(b, marginLogit(b, spec.margin, cosine, scale), mul(b, cosine, scale));
      return add(b, z, mul(b, targets, change));
    };
    const ofLabels = (): Value => {
      switch (spec.loss) {
        case 'cross-entropy':
          return crossEntropy(b, withMargin(), targets, labelSmoothing);
        case 'cosine':
          return cosineLoss(b, inner, targets);
        default:
          return spec.loss satisfies never;
      }
    };
    const loss = b.scoped('loss_function', () => {
      if (teacher === undefined) return ofLabels();
      const { temperature, weight } = teacher;
      const taught = distillationLoss(b, z, teacher.logits, temperature);
      return weight === 1 ? taught : add(b, mul(b, taught, weight), mul(b, ofLabels(), 1 - weight));
    });
    return { loss, correct: b.scoped('accuracy', () => correctCount(b, z, targets)), feeds: undefined };
  };

  const objective = (c: LayerContext, x: Value, labels: Value, options: ObjectiveOptions): Objective =>
    c.layer('head', () => {
      const { labelSmoothing, teacher } = options;
      const [batch = 1] = staticShapeOf(x);
      const softmax =
        teacher === undefined
          ? softmaxFor(spec, geometry, batch * classes, options.softmax)
          : taughtSoftmax(spec, options);
      const parts = prepare(c, x);
      const { unit, scale, bias } = parts;
      const fixed = (vectors: Geometry): ClassScores => ({
        geometry: vectors,
        unit,
        scaled: times(c, unit, scale),
        scale,
        bias,
        labels,
      });
      const result = (): SoftmaxResult => {
        if (geometry === undefined || softmax.kind === 'full') return full(c, parts, labels, options);
        const settings = { labelSmoothing, margin: spec.margin };
        if (softmax.kind === 'sampled') return sampledLoss(c, fixed(geometry), { ...settings, bases: softmax.bases });
        return spec.loss === 'cosine'
          ? streamingCosineLoss(c, fixed(geometry))
          : streamingLoss(c, fixed(geometry), settings);
      };
      const { loss, correct, feeds } = result();
      return { loss, correct, scale: typeof scale === 'number' ? undefined : scale, feeds };
    });

  return Object.freeze({
    spec,
    name: formatHead(spec),
    features,
    classes,
    geometry,
    centred: isCentred,
    unit: (c: LayerContext, x: Value) => c.layer('head', () => unitOf(c, x)),
    logits,
    objective,
  });
}

/** A teacher’s answers are distributions over all classes, so all logits are needed at once. */
function taughtSoftmax(spec: HeadSpec, { softmax }: ObjectiveOptions): SoftmaxSpec & { readonly kind: 'full' } {
  const where = `head ${formatHead(spec)}`;
  if (softmax.kind !== 'auto' && softmax.kind !== 'full') {
    throw usageError(`a ${softmax.kind} softmax cannot learn from a teacher`, { where, legal: ['auto', 'full'] });
  }
  if (spec.loss === 'cosine') {
    throw usageError('the cosine loss has no softmax, which a teacher’s answers are compared with', { where });
  }
  return { kind: 'full' };
}

/** `auto` decided, and what the head cannot do refused. */
function softmaxFor(
  spec: HeadSpec,
  geometry: Geometry | undefined,
  logits: number,
  asked: SoftmaxSpec,
): Exclude<SoftmaxSpec, { kind: 'auto' }> {
  const where = `head ${formatHead(spec)}`;
  switch (asked.kind) {
    case 'auto':
      return { kind: geometry !== undefined && logits > FULL_LOGITS ? 'streaming' : 'full' };
    case 'full':
      return asked;
    case 'streaming':
    case 'sampled':
      if (geometry === undefined) {
        throw usageError(`a ${asked.kind} softmax needs fixed class vectors`, {
          where,
          legal: ['auto', 'full'],
          hint: 'the gradient of learned vectors is as large as all of them anyway',
        });
      }
      if (asked.kind === 'sampled' && spec.loss === 'cosine') {
        throw usageError('the cosine loss has no softmax to sample', { where, legal: ['auto', 'full', 'streaming'] });
      }
      return asked;
    default:
      return asked satisfies never;
  }
}
