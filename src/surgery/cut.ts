import { inputError, usageError } from '../core/errors.ts';
import { sizeOf, type Shape } from '../core/shape.ts';
import { bindInputs } from '../graph/bind.ts';
import { createBuilder, type Builder, type Value } from '../graph/builder.ts';
import { flatten, globalAveragePool, reshape } from '../graph/functions.ts';
import type { Graph } from '../graph/graph.ts';
import { typeText } from '../graph/text.ts';
import type { ImageSize } from '../heads/backbone.ts';
import { constantBehind } from './constants.ts';
import { findClassifier } from './find-classifier.ts';
import type { FoundClassifier } from './found-classifier.ts';
import { linksOf, nodesBefore } from './links.ts';
import { parametersBefore } from './parameters.ts';
import { nodeList } from './refusals.ts';
import { withOwnStatistics } from './statistics.ts';

/**
 * How the model takes its data.
 *
 * - `channels-first`: images `[batch, channels, height, width]`, as PyTorch exports them;
 * - `channels-last`: images `[batch, height, width, channels]`, as TensorFlow does;
 * - `flat`: vectors `[batch, n]`, which count as images of n channels and one pixel.
 */
export type InputLayout = 'channels-first' | 'channels-last' | 'flat';

/** Numbers in a part of a model, and the bytes that they take. */
export interface PartSize {
  readonly parameters: number;
  readonly bytes: number;
}

/** A model parted at its classifier. */
export interface Cut {
  /**
   * The model with the chosen output only, its types inferred and its shape arithmetic folded; two nodes may be added that give features and
   * logits as matrices. Names of nodes and values are the file's.
   */
  readonly graph: Graph;
  /** The one data input. */
  readonly input: string;
  readonly layout: InputLayout;
  readonly image: ImageSize;
  /** The batch size that the file fixes, or the name of its symbolic batch dimension. */
  readonly batch: number | string;
  /** The value that enters the classifier, `[batch, N]`: the features. */
  readonly features: string;
  /** The classifier's scores of C classes, `[batch, C]`. */
  readonly logits: string;
  readonly output: string;
  readonly classifier: FoundClassifier;
  /** What a head takes the place of, and all of the model: numbers that training may change. */
  readonly size: { readonly classifier: PartSize; readonly total: PartSize };
  /** Parameters of the classifier ÷ all parameters, 0 … 1. */
  readonly share: number;
}

/** The input that leads to the output, and nothing else. */
function dataInput(graph: Graph, output: string): string {
  const needed = new Set(nodesBefore(graph, output).flatMap((node) => node.inputs));
  const inputs = graph.inputs.filter((name) => needed.has(name));
  const [only] = inputs;
  if (only === undefined) throw inputError('the output does not depend on an input', { where: output });
  if (inputs.length > 1) {
    throw inputError('the model takes several inputs', {
      where: `output ${output}`,
      expected: 'one, the images',
      received: inputs.map((name) => `${name} ${typeText(graph.types.get(name))}`).join(', '),
      hint: 'make the others constants when the model is exported',
    });
  }
  return only;
}

/** Channels of pictures: grey, colour, colour with opacity. */
const pictureChannels: readonly unknown[] = [1, 3, 4];

function layoutOf(name: string, shape: Shape): { layout: InputLayout; image: ImageSize } {
  const where = `input ${name}`;
  const [, ...rest] = shape;
  const unknown = rest.filter((dim) => typeof dim === 'string');
  if (unknown.length > 0) {
    throw usageError('the model leaves the size of its images open', {
      where,
      received: `[${shape.join(', ')}]`,
      hint: `say which size ${unknown.map(String).join(' and ')} shall have`,
    });
  }
  const [first = 1, second = 1, third = 1] = rest.map(Number);
  switch (rest.length) {
    case 1:
      return { layout: 'flat', image: { channels: first, height: 1, width: 1 } };
    case 3:
      return pictureChannels.includes(third) && !pictureChannels.includes(first)
        ? { layout: 'channels-last', image: { channels: third, height: first, width: second } }
        : { layout: 'channels-first', image: { channels: first, height: second, width: third } };
    default:
      throw inputError('the input is neither images nor vectors', {
        where,
        expected: '[batch, channels, height, width], [batch, height, width, channels] or [batch, features]',
        received: `[${shape.join(', ')}]`,
      });
  }
}

/** float32 throughout: other floating-point types would need other kernels and a loss scale. */
function refuseOtherFloats(graph: Graph, input: string, output: string): void {
  const type = graph.types.get(input);
  if (type?.dtype !== 'float32') {
    throw inputError(`the model takes ${type?.dtype ?? 'values of an unknown type'}, not float32`, {
      where: `input ${input}`,
      hint: 'export it with float32 input (a half-precision model: convert it to float32 first)',
    });
  }
  const other = nodesBefore(graph, output).filter((node) =>
    [...node.inputs, ...node.outputs].some((name) =>
      ['float16', 'bfloat16', 'float64'].includes(graph.types.get(name)?.dtype ?? ''),
    ),
  );
  if (other.length > 0) {
    throw inputError('the model does not compute in float32 throughout', {
      received: nodeList(other),
      hint: 'convert it to float32 first',
    });
  }
}

/** A value as a matrix `[batch, width]`. */
function asMatrix(b: Builder, value: Value, width: number): Value {
  const { shape } = value.type;
  if (shape.length === 2) return value;
  return shape[1] === width && shape.length === 4 ? flatten(b, value) : reshape(b, value, [-1, width]);
}

/** Types that follow from what the classifier is, where the file does not say them. */
function withKnownTypes(graph: Graph, found: FoundClassifier, batch: number | string): Graph {
  const types = new Map(graph.types);
  const state = (name: string, width: number): void => {
    if (!types.has(name)) types.set(name, Object.freeze({ dtype: 'float32', shape: Object.freeze([batch, width]) }));
  };
  if (found.kind === 'Gemm') {
    state(found.input, found.features);
    state(found.logits, found.classes);
  }
  return Object.freeze({ ...graph, types });
}

/** What the `replaced` nodes hold, and what training may change before them. */
function sizesOf(graph: Graph, found: FoundClassifier, features: string): Cut['size'] {
  const links = linksOf(graph);
  const own = new Set<string>();
  for (const node of found.replaced) {
    for (const input of node.inputs) {
      const source = constantBehind(graph, links, input);
      if (source !== undefined && graph.initializers.get(source.name)?.dtype === 'float32') own.add(source.name);
    }
  }
  const elements = (names: Iterable<string>): number =>
    [...names].reduce((sum, name) => sum + sizeOf(graph.initializers.get(name)?.shape ?? []), 0);
  const classifier = elements(own);
  const total = classifier + elements(parametersBefore(graph, features).map(({ name }) => name));
  const part = (parameters: number): PartSize => Object.freeze({ parameters, bytes: 4 * parameters });
  return Object.freeze({ classifier: part(classifier), total: part(total) });
}

/**
 * Parts a model at a classifier that was found in it.
 *
 * @throws a usage error where the size of the images is open; an input error for several inputs, for input that is neither images nor
 * vectors of float32, for a model that is not float32 throughout, and where the features are not one list of N numbers for each image.
 */
export function cutAt(given: Graph, found: FoundClassifier): Cut {
  const { output } = found;
  const input = dataInput(given, output);
  refuseOtherFloats(given, input, output);
  const shape = given.types.get(input)?.shape ?? [];
  const { layout, image } = layoutOf(input, shape);
  const [batch = 1] = shape;
  const chosen = { ...given, outputs: Object.freeze([output]) };
  const bound = withOwnStatistics(bindInputs(chosen, new Map([[input, shape]])));
  // Folding may have moved the weights behind a Transpose into an initializer of their own.
  const again = findClassifier(bound, { node: found.node.name });
  const classifier = Object.freeze({ ...again, how: found.how });
  const graph = withKnownTypes(bound, classifier, batch);

  const b = createBuilder(graph.name, graph);
  const typed = (name: string): Value => {
    if (b.has(name)) return b.value(name);
    throw inputError('the shape of what enters or leaves the classifier is not known', {
      where: `value ${name}`,
      hint: 'run ONNX shape inference on the file first (in Python: onnx.shape_inference.infer_shapes)',
    });
  };
  const entering = typed(classifier.input);
  const [features, logits] = b.scoped('classifier', () => {
    const pooled = classifier.pooling === undefined ? entering : globalAveragePool(b, entering);
    return [asMatrix(b, pooled, classifier.features), asMatrix(b, typed(classifier.logits), classifier.classes)];
  });
  const [rows, width] = features.type.shape;
  if (rows !== batch || width !== classifier.features || features.type.shape.length !== 2) {
    throw inputError('more than one list of features enters the classifier for each image', {
      where: `node ${classifier.node.name}`,
      expected: `[${batch}, ${classifier.features}]`,
      received: `${classifier.input} ${typeText(entering.type)}`,
    });
  }
  const cutGraph = b.build();
  const size = sizesOf(cutGraph, classifier, features.name);
  return Object.freeze({
    graph: cutGraph,
    input,
    layout,
    image: Object.freeze(image),
    batch,
    features: features.name,
    logits: logits.name,
    output,
    classifier,
    size,
    share: size.total.parameters === 0 ? 0 : size.classifier.parameters / size.total.parameters,
  });
}
