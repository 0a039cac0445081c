import type { FeatureSign } from '../heads/geometry.ts';
import type { Head } from '../heads/head.ts';
import { countParameters, modelTensors, type Model, type ParameterCounts } from '../heads/model.ts';
import { filled, type Weights } from '../nn/layer-context.ts';
import type { ClassifierCost, HeadDocument } from '../report/head-document.ts';
import { evaluationGraph } from '../train/inference-graph.ts';
import { nodeCosts, type NodeCost } from './graph-cost.ts';
import { diagnoseHead, multiplyAddsIn, signNotes, type HeadDiagnosis } from './head-doctor.ts';

/** The layers of a model, its size, and what its classifier is and costs. */
export type Inspection = HeadDocument;

/** What was found, and the head that can be timed, where there is one. */
export interface Inspected {
  readonly document: Inspection;
  readonly head: Head | undefined;
}

const FLOAT_BYTES = 4;

/** What a learned classifier of that size takes. */
export function denseOf(features: number, classes: number, bytesPerNumber = FLOAT_BYTES): ClassifierCost['dense'] {
  const parameters = features * classes + classes;
  return { parameters, bytes: bytesPerNumber * parameters, multiplyAdds: features * classes };
}

/** What a head of ours costs as the classifier of a model with these parameters. */
export function classifierOf(
  head: Pick<Head, 'name' | 'features' | 'classes' | 'geometry'>,
  counts: ParameterCounts,
  multiplyAdds: number,
): ClassifierCost {
  const { name, features, classes, geometry } = head;
  return {
    kind: name,
    features,
    classes,
    parameters: counts.classifier,
    // The parameters that are a geometry's constants are stored once.
    bytes: FLOAT_BYTES * (counts.classifier - (geometry?.fixedParameters ?? 0)) + (geometry?.cost.constantBytes ?? 0),
    share: counts.total === 0 ? 0 : counts.classifier / counts.total,
    multiplyAdds,
    dense: denseOf(features, classes),
  };
}

/**
 * The layers of a model, in which the head's products are counted as they are for one image: with several bases the batch
 * dimension also runs over these, so the shapes in a graph for any batch do not tell.
 */
export function withHeadLayers(layers: readonly NodeCost[], head: readonly NodeCost[]): readonly NodeCost[] {
  const known = new Map(head.map((layer) => [layer.name, layer]));
  return layers.map((layer) => {
    const own = known.get(layer.name);
    return own?.operator === layer.operator ? { ...layer, multiplyAdds: own.multiplyAdds } : layer;
  });
}

/** The part of a document that a head alone decides. */
export function headPart(diagnosis: HeadDiagnosis) {
  const { geometry, cost, memory, vectors, scale } = diagnosis;
  return { geometry, cost, memory, vectors, scale };
}

/** What a head is and costs, without a model: for features of a given sign. */
export function inspectHead(head: Head, sign: FeatureSign): Inspection {
  const diagnosis = diagnoseHead(head);
  const { parameters, layers } = diagnosis;
  const multiplyAdds = multiplyAddsIn(layers);
  return Object.freeze({
    model: null,
    head: head.name,
    sign,
    image: null,
    ...headPart(diagnosis),
    parameters,
    timing: null,
    training: null,
    multiplyAdds,
    unknownNodes: 0,
    classifier: classifierOf(head, parameters, multiplyAdds),
    layers: [],
    notes: signNotes(head, sign),
  } satisfies Inspection);
}

/** A model with its weights left out: every number 0, which no count depends on. */
function blankWeights(model: Model): Weights {
  const { parameters, buffers } = modelTensors(model);
  return new Map([...parameters, ...buffers].map(({ name, shape }) => [name, filled(shape, 0)]));
}

/** What a model of this backbone, head and size consists of and costs. */
export function inspectModel(model: Model): Inspection {
  const { head, backbone } = model;
  const tensors = modelTensors(model);
  const counts = countParameters(tensors);
  const counted = new Set([...tensors.parameters, ...tensors.fixed].map(({ name }) => name));
  const diagnosis = diagnoseHead(head);
  const layers = withHeadLayers(
    nodeCosts(evaluationGraph(model, blankWeights(model)), (name) => counted.has(name)),
    diagnosis.layers,
  );
  return Object.freeze({
    model: model.name,
    head: head.name,
    sign: backbone.sign,
    image: model.image,
    ...headPart(diagnosis),
    parameters: counts,
    timing: null,
    training: null,
    multiplyAdds: multiplyAddsIn(layers),
    unknownNodes: 0,
    classifier: classifierOf(head, counts, multiplyAddsIn(diagnosis.layers)),
    layers,
    notes: signNotes(head, backbone.sign),
  } satisfies Inspection);
}
