import { defined } from '../core/errors.ts';
import type { Shape } from '../core/shape.ts';
import type { HostTensor } from '../core/tensor.ts';
import { createBuilder } from '../graph/builder.ts';
import { checkGraph } from '../graph/check.ts';
import type { Graph, GraphNode, TensorType } from '../graph/graph.ts';
import { eliminateDeadNodes } from '../graph/passes.ts';
import { copyNodes, namingIn } from './copy.ts';

/** Where a head is put into a model: between the value that enters it and the scores that leave it. */
export interface HeadPlace {
  readonly graph: Graph;
  /** The model's constants, those that were trained with their new values. */
  readonly initializers: ReadonlyMap<string, HostTensor>;
  /** The nodes up to the features, and those from the scores on; what is in neither is left out. */
  readonly before: readonly GraphNode[];
  readonly behind: readonly GraphNode[];
  /** The value `[batch, N]` that enters the head. */
  readonly features: string;
  /** The scores of the head that was there, and how many classes it had. */
  readonly logits: string;
  readonly classes: number;
  readonly outputs: readonly string[];
}

/** A shape behind the classifier, for another number of classes. */
const resized = <S extends Shape>(shape: S, from: number, to: number): S =>
  shape.map((dim, axis) => (axis > 0 && dim === from ? to : dim)) as unknown as S;

/** Types behind the classifier, for another number of classes. */
export function resizedTypes(graph: Graph, from: number, to: number): ReadonlyMap<string, TensorType> {
  return new Map(
    [...graph.types].map(([name, { dtype, shape }]) => [name, { dtype, shape: resized(shape, from, to) }]),
  );
}

/** A node behind the classifier: where it writes the number of classes down, the new one. */
export function resizedNode(node: GraphNode, from: number, to: number): GraphNode {
  if (node.kind !== 'op' || (node.op !== 'Reshape' && node.op !== 'Expand')) return node;
  return Object.freeze({ ...node, attributes: { shape: resized(node.attributes.shape, from, to) } });
}

/**
 * The model with another head in its place: inputs and outputs keep their names and, but for the number of classes, their types.
 *
 * @param head from `features` `[batch, N]` to its only output, scores `[batch, classes]`
 */
export function spliceHead(place: HeadPlace, head: Graph, classes: number): Graph {
  const { graph, initializers, before, behind, features, logits, outputs } = place;
  const b = createBuilder(graph.name);
  for (const name of graph.inputs) {
    const type = defined(graph.types.get(name), name);
    b.input(name, type.dtype, type.shape);
  }
  const needed = new Set([...[...before, ...behind].flatMap((node) => node.inputs), ...outputs, features]);
  for (const [name, value] of initializers) if (needed.has(name)) b.named(name, value);
  for (const node of before) b.raw(node, graph.types);

  const shape = defined(graph.types.get(logits), `type of ${logits}`).shape;
  const isMatrix = shape.length === 2;
  // The head's names are its own wherever the file does not use them; its result takes the place of the old logits.
  const reserved = new Set([...[...before, ...behind].flatMap((node) => [node.name, ...node.outputs]), ...outputs]);
  if (isMatrix) reserved.delete(logits);
  const naming = namingIn(b, reserved);
  const [result = ''] = head.outputs;
  naming.place('features', features);
  for (const [name, value] of head.initializers) {
    const own = naming.fresh(name);
    naming.place(name, b.named(own, value).name);
  }
  copyNodes(b, head, head.nodes, {
    naming,
    rename: (name) => (isMatrix && name === result ? logits : name),
    // By its nodes' names the head is found again.
    renameNode: (name) => name,
  });
  if (!isMatrix) {
    const reshape: GraphNode = {
      kind: 'op',
      op: 'Reshape',
      name: 'head/scores',
      inputs: [naming.of(result)],
      outputs: [logits],
      attributes: { shape: [-1, ...resized(shape, place.classes, classes).slice(1).map(Number)] },
    };
    b.raw(Object.freeze(reshape));
  }
  const types = resizedTypes(graph, place.classes, classes);
  for (const node of behind) b.raw(resizedNode(node, place.classes, classes), types);
  for (const output of outputs) b.output(b.value(output));
  return checkGraph(eliminateDeadNodes(b.build()), 'model with a new head');
}
