import { defined } from '../core/errors.ts';
import type { HostTensor } from '../core/tensor.ts';
import { createBuilder } from '../graph/builder.ts';
import { checkGraph } from '../graph/check.ts';
import { welchBound } from '../heads/cosines.ts';
import { needsCentring, type FeatureSign, type Geometry, type ProductCost } from '../heads/geometry.ts';
import { logScaleParameter, scaleParameter, type Head } from '../heads/head.ts';
import { countParameters, type ParameterCounts } from '../heads/model.ts';
import { scaleAdvice, type ScaleAdvice } from '../heads/scale-advice.ts';
import { createLayerContext, filled, type ModelTensors, type Weights } from '../nn/layer-context.ts';
import type { GeometryFacts, TrainingBytes, VectorFacts } from '../report/head-document.ts';
import { nodeCosts, type NodeCost } from './graph-cost.ts';
import { floatsOf } from './floats.ts';
import { measureGeometry, measureMatrix, type MeasuredVectors } from './measure-vectors.ts';

const FLOAT_BYTES = 4;

/** What can be said of a head without a model, data or training. */
export interface HeadDiagnosis {
  readonly geometry: GeometryFacts | null;
  readonly cost: ProductCost;
  /** Of the head alone. */
  readonly parameters: ParameterCounts;
  readonly memory: { readonly head: TrainingBytes; readonly learned: TrainingBytes };
  readonly vectors: VectorFacts | null;
  readonly scale: ScaleAdvice | null;
  /** The head's nodes for one image. */
  readonly layers: readonly NodeCost[];
}

/** The parameters, buffers and fixed tensors of a head. */
export function headTensors(head: Head): ModelTensors {
  const c = createLayerContext(createBuilder(head.name));
  head.logits(c, c.b.input('features', 'float32', [2, head.features]));
  return c.tensors();
}

/** The head with every parameter 0, which no count and no time depends on. */
export function blankHeadWeights(head: Head): Weights {
  const { parameters, buffers } = headTensors(head);
  return new Map([...parameters, ...buffers].map(({ name, shape }) => [name, filled(shape, 0)]));
}

/**
 * The head's own nodes for a batch of one image: all shapes are numbers, so that every product is counted. Parameters are inputs
 * of this graph, so a matrix that is learned takes no memory.
 */
export function headLayers(head: Head): readonly NodeCost[] {
  const b = createBuilder(head.name);
  const features = b.input('features', 'float32', [1, head.features]);
  b.output(head.logits(createLayerContext(b), features), 'logits');
  return nodeCosts(checkGraph(b.build(), 'classifier'), () => true, 'one');
}

/** Multiply-adds of the products among some nodes; what is not known counts as none. */
export function multiplyAddsIn(layers: readonly NodeCost[]): number {
  return layers.reduce((sum, { multiplyAdds }) => sum + (multiplyAdds ?? 0), 0);
}

/** What one dense product of N features with C vectors takes. */
export function denseCost(features: number, classes: number): ProductCost {
  return { adds: classes * (features - 1), multiplies: classes * features, constantBytes: 0 };
}

/** Bytes of training: a trained number has a gradient and a momentum; a constant is only stored. */
export function trainingBytes(trained: number, constantBytes: number): TrainingBytes {
  const weights = FLOAT_BYTES * trained;
  return { parameters: trained, weights, gradients: weights, momentum: weights, constants: constantBytes };
}

/** What a learned head of this size takes in training: C·N weights and C biases. */
export function learnedBytes(features: number, classes: number): TrainingBytes {
  return trainingBytes(features * classes + classes, 0);
}

/** Facts about the vectors of a geometry, promised and measured. */
export function geometryFacts(geometry: Geometry, measured: MeasuredVectors, multiplyAdds: number): GeometryFacts {
  const { kind, construction, features, classes, order, bases, capacity, coherence, antipodal, balanced } = geometry;
  const { exhaustive, examined } = measured.facts;
  // Different vectors have |cos| ≤ coherence < 1 by construction; a sample can only contradict that.
  const missing = examined - measured.distinct;
  return {
    ...{ kind, construction, features, classes, order, bases },
    distinct: classes - missing,
    distinctBy: exhaustive ? 'all' : 'sample',
    capacity: Number.isFinite(capacity) ? capacity : null,
    coherence,
    measuredCoherence: measured.facts.coherence,
    welch: welchBound(classes, features),
    ...{ antipodal, balanced, multiplyAdds },
    constantBytes: geometry.cost.constantBytes,
    fixedParameters: geometry.fixedParameters,
  };
}

/** Facts about the rows of a matrix that nobody promises anything about. */
export function matrixFacts(
  { facts, distinct }: MeasuredVectors,
  size: { readonly features: number; readonly classes: number },
  origin: { readonly construction: string; readonly trained: boolean },
): GeometryFacts {
  const { features, classes } = size;
  return {
    kind: 'weights',
    construction: origin.construction,
    features,
    classes,
    order: features,
    bases: 0,
    distinct,
    distinctBy: 'all',
    capacity: null,
    coherence: facts.coherence,
    measuredCoherence: facts.coherence,
    welch: welchBound(classes, features),
    antipodal: facts.antipodalPairs > 0,
    balanced: Math.abs(facts.constant.largest) < 1e-6,
    multiplyAdds: features * classes,
    constantBytes: 0,
    fixedParameters: origin.trained ? 0 : features * classes,
  };
}

/** α where training begins: a constant, or the first value of the parameter that is learned (of its logarithm, with a margin). */
function startOf(head: Head, { parameters }: ModelTensors): { readonly start: number; readonly learned: boolean } {
  const { scale } = head.spec;
  if (typeof scale === 'number') return { start: scale, learned: false };
  const initialOf = (wanted: string): number | undefined => {
    const initial = parameters.find(({ name }) => name === wanted)?.initial;
    return initial?.kind === 'constant' ? initial.value : undefined;
  };
  const logarithm = initialOf(logScaleParameter);
  const start = initialOf(scaleParameter) ?? (logarithm === undefined ? undefined : Math.exp(logarithm));
  return { start: defined(start, 'first value of the scale'), learned: true };
}

/** Where a head stores class vectors that it cannot make again, `[C, N]`. */
export const storedVectorsName = 'head.vectors';

/** The parameter of a head that learns its class vectors, `[C, N]`. */
export const trainedVectorsName = 'head.weight';

/**
 * Measures and counts everything about a head that needs no data.
 *
 * @param trained the class vectors of a head that learns them, where it has been trained
 */
export function diagnoseHead(head: Head, trained?: HostTensor): HeadDiagnosis {
  const { features, classes, geometry } = head;
  const tensors = headTensors(head);
  const parameters = countParameters(tensors);
  const layers = headLayers(head);
  const bytes = trainingBytes(parameters.classifierTrainable, geometry?.cost.constantBytes ?? 0);
  const learned = learnedBytes(features, classes);
  if (geometry === undefined) {
    const matrix = trained === undefined ? undefined : floatsOf(trained);
    const measured = matrix?.length === features * classes ? measureMatrix(matrix, features) : undefined;
    const origin = { construction: 'trained', trained: true };
    return {
      geometry: measured === undefined ? null : matrixFacts(measured, { features, classes }, origin),
      cost: denseCost(features, classes),
      parameters,
      memory: { head: bytes, learned },
      vectors: measured?.facts ?? null,
      scale: null,
      layers,
    };
  }
  const measured = measureGeometry(geometry);
  const size = { features, classes, ...startOf(head, tensors) };
  return {
    geometry: geometryFacts(geometry, measured, multiplyAddsIn(layers)),
    cost: geometry.cost,
    parameters,
    memory: { head: bytes, learned },
    vectors: measured.facts,
    scale: scaleAdvice(size, { mean: measured.facts.mean, bins: measured.bins }),
    layers,
  };
}

/** Notes for features of a sign that the vectors are not made for; none where all is well. */
export function signNotes({ geometry, centred }: Head, sign: FeatureSign): readonly string[] {
  if (geometry === undefined || !needsCentring(geometry, sign)) return [];
  return centred
    ? ['some class vectors are not orthogonal to (1, …, 1), so the head batch-normalises non-negative features first']
    : [
        'some class vectors are not orthogonal to (1, …, 1): non-negative features favour these classes or leave them dead; let the head centre features (center=auto), or take a backbone whose features are signed',
      ];
}
