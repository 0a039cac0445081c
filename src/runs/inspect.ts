import { inputError } from '../core/errors.ts';
import { sizeOf } from '../core/shape.ts';
import { bytesPerElement } from '../core/tensor.ts';
import type { ImageShape } from '../data/dataset.ts';
import { kindOf } from '../data/files.ts';
import type { Graph } from '../graph/graph.ts';
import { measuredCoherence, type Geometry } from '../heads/geometry.ts';
import { createHead } from '../heads/head.ts';
import { countParameters, modelTensors, type Model, type ParameterCounts } from '../heads/model.ts';
import { parseHead } from '../heads/parse.ts';
import type { HeadSpec } from '../heads/spec.ts';
import { filled, type Weights } from '../nn/layer-context.ts';
import { evaluationGraph } from '../train/inference-graph.ts';
import { openTrainingRun, readModelFile } from './classifier-file.ts';
import { metadataKeys } from './export.ts';
import { findClassifier } from './find-classifier.ts';
import { nodeCosts, type NodeCost } from './graph-cost.ts';
import { modelFor } from './prepare.ts';
import { readForInspection } from './read-for-inspection.ts';

/** What the classifier is and costs. Multiply-adds are for one image, bytes are those of the stored numbers. */
export interface ClassifierCost {
  /** A head's name, or for a foreign model the operator and name of its node. */
  readonly kind: string;
  readonly features: number;
  readonly classes: number;
  readonly parameters: number;
  readonly bytes: number;
  /** Of all parameters, a fraction in [0, 1]. */
  readonly share: number;
  /** Products only; normalisation, scale and bias are not counted. */
  readonly multiplyAdds: number;
  /** The same for a dense matrix of that size. */
  readonly dense: { readonly parameters: number; readonly bytes: number; readonly multiplyAdds: number };
}

/** The fixed class vectors of a head. */
export interface GeometryFacts {
  readonly kind: Geometry['kind'];
  readonly features: number;
  readonly classes: number;
  readonly capacity: number;
  /** Largest |cos| between two class vectors, as the construction promises. */
  readonly coherence: number;
  /** The same by brute force over all pairs; `null` where there are too many to do at once. */
  readonly measuredCoherence: number | null;
  readonly balanced: boolean;
  readonly multiplyAdds: number;
  readonly constantBytes: number;
  readonly fixedParameters: number;
}

/** The layers of a model, its size, and what its classifier costs. */
export interface Inspection {
  readonly model: string;
  readonly image: ImageShape | null;
  readonly parameters: ParameterCounts;
  /** Of convolutions and matrix products for one image; nodes of unknown shape are missing from it. */
  readonly multiplyAdds: number;
  /** Products whose shape the file does not tell. */
  readonly unknownNodes: number;
  /** `null` where no classifier was found; `notes` say why. */
  readonly classifier: ClassifierCost | null;
  readonly geometry: GeometryFacts | null;
  readonly layers: readonly NodeCost[];
  readonly notes: readonly string[];
}

/** Above this many multiply-adds, measuring all pairs would make the reader wait. */
const LARGEST_MEASUREMENT = 5e8;
const FLOAT_BYTES = 4;

function geometryFacts(geometry: Geometry | undefined): GeometryFacts | null {
  if (geometry === undefined) return null;
  const { kind, features, classes, capacity, coherence, balanced, cost, fixedParameters } = geometry;
  const affordable = (classes * classes * features) / 2 <= LARGEST_MEASUREMENT;
  return {
    ...{ kind, features, classes, capacity, coherence, balanced, fixedParameters, ...cost },
    measuredCoherence: affordable ? measuredCoherence(geometry.vectors(), features) : null,
  };
}

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);

function dense(features: number, classes: number, bytesPerNumber = FLOAT_BYTES): ClassifierCost['dense'] {
  const parameters = features * classes + classes;
  return { parameters, bytes: bytesPerNumber * parameters, multiplyAdds: features * classes };
}

/** A model with its weights left out: every number 0, which no count depends on. */
function blankWeights(model: Model): Weights {
  const { parameters, buffers } = modelTensors(model);
  return new Map([...parameters, ...buffers].map(({ name, shape }) => [name, filled(shape, 0)]));
}

/** What a model of this backbone, head and size consists of and costs. */
export function inspectModel(model: Model): Inspection {
  const tensors = modelTensors(model);
  const counts = countParameters(tensors);
  const counted = new Set([...tensors.parameters, ...tensors.fixed].map(({ name }) => name));
  const layers = nodeCosts(evaluationGraph(model, blankWeights(model)), (name) => counted.has(name));
  const { features, classes, geometry } = model.head;
  const constantBytes = geometry === undefined ? 0 : geometry.cost.constantBytes;
  return Object.freeze({
    model: model.name,
    image: model.image,
    parameters: counts,
    multiplyAdds: sum(layers.map(({ multiplyAdds }) => multiplyAdds ?? 0)),
    unknownNodes: 0,
    classifier: {
      kind: model.head.name,
      features,
      classes,
      parameters: counts.classifier,
      // The parameters that are a geometry's constants are stored once.
      bytes: FLOAT_BYTES * (counts.classifier - (geometry?.fixedParameters ?? 0)) + constantBytes,
      share: counts.classifier / counts.total,
      multiplyAdds: headMultiplyAdds(layers),
      dense: dense(features, classes),
    },
    geometry: geometryFacts(geometry),
    layers,
    notes: [],
  } satisfies Inspection);
}

/** The head's nodes are those that its layer made. */
function headMultiplyAdds(layers: readonly NodeCost[]): number {
  return sum(layers.filter(({ name }) => name.startsWith('head/')).map(({ multiplyAdds }) => multiplyAdds ?? 0));
}

/** What a run's model consists of and costs, before BatchNorm is folded. */
export async function inspectRun(folder: string): Promise<Inspection> {
  const { config } = await openTrainingRun(folder);
  return inspectModel(modelFor(config.model, config.head, config));
}

function imageOf({ inputs, types }: Graph): ImageShape | null {
  const [, channels, height, width] = types.get(inputs[0] ?? '')?.shape ?? [];
  return typeof channels === 'number' && typeof height === 'number' && typeof width === 'number'
    ? { channels, height, width }
    : null;
}

/** The head that one of our own files says it has. */
function ownHead(text: string | undefined, where: string): HeadSpec | undefined {
  if (text === undefined) return undefined;
  try {
    return parseHead(text);
  } catch (cause) {
    throw inputError('the file names a head that is not known', { where, received: text, cause });
  }
}

/** What an `.onnx` file consists of and costs; fixhead's own or any other. @throws an input error for a file that is none. */
export async function inspectFile(path: string): Promise<Inspection> {
  const bytes = await readModelFile(path);
  const { graph, metadata, producer, opset } = readForInspection(bytes, path);
  const own = producer === 'fixhead';
  const head = own ? ownHead(metadata[metadataKeys.head], path) : undefined;
  // In our own files constants are named by paths with slashes, parameters with dots.
  const layers = nodeCosts(graph, (name) => !own || !name.includes('/'));
  const total = sum(layers.map(({ parameters }) => parameters));
  const shared = {
    model: own ? `${metadata[metadataKeys.model] ?? graph.name} (${path})` : path,
    image: imageOf(graph),
    multiplyAdds: sum(layers.map(({ multiplyAdds }) => multiplyAdds ?? 0)),
    unknownNodes: layers.filter(({ multiplyAdds }) => multiplyAdds === null).length,
    layers,
  };
  const unknown =
    shared.unknownNodes === 0
      ? []
      : [
          `${shared.unknownNodes} products are of a shape that the file (opset ${opset}) does not tell; their multiply-adds are missing`,
        ];
  if (head !== undefined) {
    const { features, classes } = headSize(graph, metadata, path);
    const { geometry } = createHead(head, { features, classes, sign: 'non-negative' });
    const headLayers = layers.filter(({ name }) => name.startsWith('head/'));
    const parameters = sum(headLayers.map((layer) => layer.parameters));
    const fixed = geometry?.fixedParameters ?? 0;
    return Object.freeze({
      ...shared,
      parameters: { total, trainable: total - fixed, classifier: parameters, classifierTrainable: parameters - fixed },
      classifier: {
        kind: metadata[metadataKeys.head] ?? '',
        features,
        classes,
        parameters,
        bytes: FLOAT_BYTES * (parameters - fixed) + (geometry?.cost.constantBytes ?? 0),
        share: parameters / total,
        multiplyAdds: headMultiplyAdds(layers),
        dense: dense(features, classes),
      },
      geometry: geometryFacts(geometry),
      notes: [
        'BatchNorm is folded into the convolutions of an exported model, so it has fewer parameters than its run',
        ...unknown,
      ],
    });
  }
  const found = findClassifier(graph);
  if (typeof found === 'string') {
    return Object.freeze({
      ...shared,
      parameters: { total, trainable: total, classifier: 0, classifierTrainable: 0 },
      classifier: null,
      geometry: null,
      notes: [`no classifier found: ${found}`, ...unknown],
    });
  }
  const weight = graph.initializers.get(found.weight);
  const bias = found.bias === undefined ? undefined : graph.initializers.get(found.bias);
  const parameters = sizeOf(weight?.shape ?? []) + (bias === undefined ? 0 : sizeOf(bias.shape));
  const perNumber = weight === undefined ? FLOAT_BYTES : bytesPerElement(weight.dtype);
  const cost = layers.find(({ name }) => name === found.node.name);
  return Object.freeze({
    ...shared,
    parameters: { total, trainable: total, classifier: parameters, classifierTrainable: parameters },
    classifier: {
      kind: `${cost?.operator ?? ''} ${found.node.name}`,
      features: found.features,
      classes: found.classes,
      parameters,
      bytes: perNumber * parameters,
      share: total === 0 ? 0 : parameters / total,
      multiplyAdds: cost?.multiplyAdds ?? found.features * found.classes,
      dense: dense(found.features, found.classes, perNumber),
    },
    geometry: null,
    notes: ['a file does not say what was trained: all of its weights are counted as trainable', ...unknown],
  });
}

/** N and C of one of our own files: the width of what enters the head, and of what leaves the model. */
function headSize(
  graph: Graph,
  metadata: Readonly<Record<string, string>>,
  where: string,
): { features: number; classes: number } {
  const first = graph.nodes.find(({ name }) => name.startsWith('head/'));
  const features = graph.types.get(first?.inputs[0] ?? '')?.shape[1];
  const classes = graph.types.get(graph.outputs[0] ?? '')?.shape[1];
  if (typeof features === 'number' && typeof classes === 'number') return { features, classes };
  throw inputError('the file names a head but holds none', { where, received: metadata[metadataKeys.head] ?? '' });
}

/** What a path names: a run's model, or an `.onnx` file. */
export async function inspectPath(path: string): Promise<Inspection> {
  return (await kindOf(path)) === 'folder' ? await inspectRun(path) : await inspectFile(path);
}
