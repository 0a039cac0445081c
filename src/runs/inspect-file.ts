import { inputError } from '../core/errors.ts';
import { sizeOf } from '../core/shape.ts';
import { bytesPerElement, type HostTensor } from '../core/tensor.ts';
import type { Graph } from '../graph/graph.ts';
import type { FeatureSign } from '../heads/geometry.ts';
import { slotTableName } from '../heads/assigned.ts';
import type { Head } from '../heads/head.ts';
import { parseHead } from '../heads/parse.ts';
import type { HeadSpec } from '../heads/spec.ts';
import { storedModel } from '../heads/stored-model.ts';
import type { HeadDocument, VectorFacts } from '../report/head-document.ts';
import { classRows, searchClassifier, type FoundClassifier } from '../surgery/index.ts';
import { metadataKeys } from './export.ts';
import { floatsOf } from './floats.ts';
import { nodeCosts } from './graph-cost.ts';
import {
  denseCost,
  diagnoseHead,
  learnedBytes,
  matrixFacts,
  multiplyAddsIn,
  storedVectorsName,
  trainedVectorsName,
  trainingBytes,
} from './head-doctor.ts';
import { classifierOf, denseOf, headPart, withHeadLayers, type Inspected } from './inspect-model.ts';
import { measureMatrix } from './measure-vectors.ts';
import { readForInspection } from './read-for-inspection.ts';
import { readModelFile } from './read-model.ts';

function imageOf({ inputs, types }: Graph): HeadDocument['image'] {
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

/** The sign of the features of our own file; files of version 0.1 do not say it, and all its models were non-negative. */
function signOf(metadata: Readonly<Record<string, string>>): FeatureSign {
  return metadata[metadataKeys.sign] === 'signed' ? 'signed' : 'non-negative';
}

/** The head of our own file made again: from the class vectors or the assignment of classes that the file holds, where it does. */
function headAgain(
  spec: HeadSpec,
  { features, classes }: { readonly features: number; readonly classes: number },
  { initializers }: Graph,
  sign: FeatureSign,
): Head {
  const stored = initializers.get(storedVectorsName);
  const data = spec.kind === 'custom' && stored !== undefined ? floatsOf(stored) : undefined;
  const vectors = data === undefined ? {} : { vectors: { features, classes, data } };
  const codes = [...initializers].find(([name]) => name.endsWith(slotTableName))?.[1];
  return storedModel(spec, { features, classes, sign, ...vectors }, codes).head;
}

/** What an `.onnx` file consists of and costs; fixhead's own or any other. @throws an input error for a file that is none. */
export async function inspectFile(path: string): Promise<Inspected> {
  const bytes = await readModelFile(path);
  const { graph, metadata, producer, opset } = readForInspection(bytes, path);
  const own = producer === 'fixhead';
  const spec = own ? ownHead(metadata[metadataKeys.head], path) : undefined;
  // In our own files constants are named by paths with slashes, parameters with dots.
  const layers = nodeCosts(graph, (name) => !own || !name.includes('/'));
  const unknownNodes = layers.filter(({ multiplyAdds }) => multiplyAdds === null).length;
  const total = layers.reduce((sum, { parameters }) => sum + parameters, 0);
  const shared = {
    model: own ? `${metadata[metadataKeys.model] ?? graph.name} (${path})` : path,
    image: imageOf(graph),
    sign: null,
    scale: null,
    timing: null,
    training: null,
    multiplyAdds: multiplyAddsIn(layers),
    unknownNodes,
    layers,
  };
  const unknown =
    unknownNodes === 0
      ? []
      : [
          `${unknownNodes} products are of a shape that the file (opset ${opset}) does not tell; their multiply-adds are missing`,
        ];
  if (spec !== undefined && metadata[metadataKeys.task] !== 'instance') {
    const sign = signOf(metadata);
    const head = headAgain(spec, headSize(graph, metadata, path), graph, sign);
    const diagnosis = diagnoseHead(head, graph.initializers.get(trainedVectorsName));
    const counted = withHeadLayers(layers, diagnosis.layers);
    const parameters = layers
      .filter(({ name }) => name.startsWith('head/'))
      .reduce((sum, layer) => sum + layer.parameters, 0);
    const fixed = head.geometry?.fixedParameters ?? 0;
    const counts = { total, trainable: total - fixed, classifier: parameters, classifierTrainable: parameters - fixed };
    const document = Object.freeze({
      ...shared,
      ...headPart(diagnosis),
      head: head.name,
      sign,
      layers: counted,
      multiplyAdds: multiplyAddsIn(counted),
      parameters: counts,
      classifier: classifierOf(head, counts, multiplyAddsIn(diagnosis.layers)),
      notes: [
        'BatchNorm is folded into the convolutions of an exported model, so it has fewer parameters than its run',
        ...unknown,
      ],
    } satisfies HeadDocument);
    return { document, head };
  }
  const found = spec === undefined ? searchClassifier(graph) : { summary: 'the file was exported to give features' };
  if ('summary' in found) {
    const document = Object.freeze({
      ...shared,
      head: null,
      parameters: { total, trainable: total, classifier: 0, classifierTrainable: 0 },
      ...{ geometry: null, cost: null, memory: null, vectors: null, classifier: null },
      notes: [`no classifier found: ${found.summary}`, ...unknown],
    } satisfies HeadDocument);
    return { document, head: undefined };
  }
  const { features, classes } = found;
  const weight = graph.initializers.get(found.weight);
  const bias = found.bias === undefined ? undefined : graph.initializers.get(found.bias);
  const parameters = sizeOf(weight?.shape ?? []) + (bias === undefined ? 0 : sizeOf(bias.shape));
  const perNumber = weight === undefined ? 4 : bytesPerElement(weight.dtype);
  const cost = layers.find(({ name }) => name === found.node.name);
  const name = `${cost?.operator ?? ''} ${found.node.name}`;
  const matrix = weight === undefined ? undefined : finiteRows(weight, found);
  const measured = matrix === undefined ? undefined : measureMatrix(matrix, features);
  const document = Object.freeze({
    ...shared,
    head: null,
    parameters: { total, trainable: total, classifier: parameters, classifierTrainable: parameters },
    geometry:
      measured === undefined
        ? null
        : matrixFacts(measured, { features, classes }, { construction: `rows of ${found.weight}`, trained: true }),
    cost: denseCost(features, classes),
    memory: { head: trainingBytes(parameters, 0), learned: learnedBytes(features, classes) },
    vectors: measured?.facts ?? null,
    classifier: {
      kind: name,
      features,
      classes,
      parameters,
      bytes: perNumber * parameters,
      share: total === 0 ? 0 : parameters / total,
      multiplyAdds: cost?.multiplyAdds ?? features * classes,
      dense: denseOf(features, classes, perNumber),
    },
    notes: [
      'a file does not say what was trained: all of its weights are counted as trainable',
      ...(measured === undefined
        ? [`the weights are ${weight?.dtype ?? 'missing'}; their cosines are not measured`]
        : matrixNotes(measured.facts)),
      ...unknown,
    ],
  } satisfies HeadDocument);
  return { document, head: undefined };
}

/** The class vectors `[C, N]` of a classifier; `undefined` for weights that are not floating-point or not all finite. */
function finiteRows(weight: HostTensor, found: FoundClassifier): Float32Array | undefined {
  const stored = floatsOf(weight);
  return stored?.every(Number.isFinite) === true ? classRows(stored, found) : undefined;
}

/** What the numbers of the vectors alone do not say loudly enough. */
function matrixNotes({ norms, identicalPairs, repeated }: VectorFacts): readonly string[] {
  return [
    ...(norms.smallest === 0 ? ['a class vector is all zeros: its logit is its bias, whatever the image shows'] : []),
    ...(identicalPairs > 0 && repeated.pairs.length === 0
      ? [`${identicalPairs} pairs of class vectors point in the same direction and differ in length only`]
      : []),
  ];
}
