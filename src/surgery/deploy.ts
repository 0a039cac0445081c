import { defined, inputError, internalError } from '../core/errors.ts';
import { formatShape, sameShape, type Shape } from '../core/shape.ts';
import type { HostTensor } from '../core/tensor.ts';
import { createBuilder } from '../graph/builder.ts';
import { checkGraph } from '../graph/check.ts';
import type { Graph, GraphNode, TensorType } from '../graph/graph.ts';
import { eliminateDeadNodes } from '../graph/passes.ts';
import type { Model } from '../heads/model.ts';
import { createLayerContext, type Weights } from '../nn/layer-context.ts';
import { importedName, isImported, type ImportedBackbone } from './backbone.ts';
import { copyNodes, namingIn } from './copy.ts';
import type { Cut } from './cut.ts';
import { nodesBefore } from './links.ts';

/** Adapter and head alone: the model's features `[batch, N]` to logits `[batch, C]`. */
function headGraph(cut: Cut, model: Model, backbone: ImportedBackbone, weights: Weights): Graph {
  const b = createBuilder('head');
  const c = createLayerContext(b, weights);
  const features = b.input('features', 'float32', [cut.batch, cut.classifier.features]);
  b.output(model.head.logits(c, backbone.adapt(c, features)));
  return b.build();
}

/** The model's initializers, with what was trained in the place of what the file had. */
function trainedInitializers(cut: Cut, backbone: ImportedBackbone, weights: Weights): ReadonlyMap<string, HostTensor> {
  const changed = new Map(cut.graph.initializers);
  for (const parameter of backbone.trained) {
    const name = importedName(parameter);
    const value = weights.get(name);
    if (value === undefined) throw inputError('weight is missing', { where: name });
    if (!sameShape(value.shape, parameter.shape) || value.dtype !== 'float32') {
      throw inputError('weight has another shape', {
        where: name,
        expected: `float32${formatShape(parameter.shape)}`,
        received: `${value.dtype}${formatShape(value.shape)}`,
      });
    }
    changed.set(parameter.name, value);
  }
  return changed;
}

/** A shape behind the classifier, for another number of classes. */
const resized = <S extends Shape>(shape: S, from: number, to: number): S =>
  shape.map((dim, axis) => (axis > 0 && dim === from ? to : dim)) as unknown as S;

/** A node behind the classifier: where it writes the number of classes down, the new one. */
function resizedNode(node: GraphNode, from: number, to: number): GraphNode {
  if (node.kind !== 'op' || (node.op !== 'Reshape' && node.op !== 'Expand')) return node;
  return Object.freeze({ ...node, attributes: { shape: resized(node.attributes.shape, from, to) } });
}

/**
 * The model with a trained head in the place of its classifier, in standard operators: inputs with the names, types and shapes of the file
 * (a symbolic batch stays symbolic, a fixed one fixed), the output of the same name with what stood behind the logits (a Softmax), its last
 * dimension the head's number of classes. What only the old classifier needed is gone; so are outputs that were not chosen.
 *
 * @param model a head on an `importedBackbone` of this cut
 * @param weights parameters and buffers by checkpoint key
 * @throws an input error for weights that are missing or of another shape
 */
export function deployGraph(cut: Cut, model: Model, weights: Weights): Graph {
  const { backbone } = model;
  if (!isImported(backbone) || backbone.cut !== cut) throw internalError('the model is not on a backbone of this cut');
  const { graph, classifier, features, output } = cut;
  const head = headGraph(cut, model, backbone, weights);
  const initializers = trainedInitializers(cut, backbone, weights);

  const b = createBuilder(graph.name);
  for (const name of graph.inputs) {
    const type = defined(graph.types.get(name), name);
    b.input(name, type.dtype, type.shape);
  }
  const before = nodesBefore(graph, features);
  const emitted = new Set([...before, ...classifier.replaced]);
  const behind = nodesBefore(graph, output).filter((node) => !emitted.has(node));
  const needed = new Set([...[...before, ...behind].flatMap((node) => node.inputs), output, features]);
  for (const [name, value] of initializers) if (needed.has(name)) b.named(name, value);
  for (const node of before) b.raw(node, graph.types);

  const { classes } = model.head;
  const shape = defined(graph.types.get(classifier.logits), `type of ${classifier.logits}`).shape;
  const isMatrix = shape.length === 2;
  // The head's names are its own wherever the file does not use them; its result takes the place of the old logits.
  const reserved = new Set([...[...before, ...behind].flatMap((node) => [node.name, ...node.outputs]), output]);
  if (isMatrix) reserved.delete(classifier.logits);
  const naming = namingIn(b, reserved);
  const [result = ''] = head.outputs;
  naming.place('features', features);
  for (const [name, value] of head.initializers) {
    const own = naming.fresh(name);
    naming.place(name, b.named(own, value).name);
  }
  copyNodes(b, head, head.nodes, {
    naming,
    rename: (name) => (isMatrix && name === result ? classifier.logits : name),
  });
  if (!isMatrix) {
    const reshape: GraphNode = {
      kind: 'op',
      op: 'Reshape',
      name: 'head/scores',
      inputs: [naming.of(result)],
      outputs: [classifier.logits],
      attributes: { shape: [-1, ...resized(shape, classifier.classes, classes).slice(1).map(Number)] },
    };
    b.raw(Object.freeze(reshape));
  }
  const types = new Map<string, TensorType>(
    [...graph.types].map(([name, type]) => [
      name,
      { dtype: type.dtype, shape: resized(type.shape, classifier.classes, classes) },
    ]),
  );
  for (const node of behind) b.raw(resizedNode(node, classifier.classes, classes), types);
  b.output(b.value(output));
  return checkGraph(eliminateDeadNodes(b.build()), 'model with a new head');
}
