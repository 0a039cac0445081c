import { isStatic, sizeOf } from '../core/shape.ts';
import type { Graph, GraphNode } from '../graph/graph.ts';

/**
 * Puts the nodes in an order that makes ONNX Runtime free memory early.
 *
 * ONNX Runtime runs nodes in the order of a depth-first search from the nodes without readers, the last one first, and from
 * the last of a node's operands first. A training step ends in vectors packed from many gradients. The vector that needs
 * the most work, the filters', must be searched first, so that each weight gradient runs beside the backward step of
 * its layer; after the vector of scales and biases, which needs all backward steps but no weight gradient, every activation
 * would still be waiting. So whatever stands at or behind a packed vector goes to the end, least work first. Within a vector
 * the order is the given one: last layer last.
 */
export function scheduleForMemory(graph: Graph): Graph {
  const producer = new Map<string, GraphNode>();
  for (const node of graph.nodes) for (const name of node.outputs) producer.set(name, node);
  const isFlat = (name: string): boolean => (graph.types.get(name)?.shape.length ?? 2) <= 1;
  // Values that images depend on: the statistics of channels side by side are packed vectors too, but in the middle of a step.
  const within = new Set<string>();
  for (const node of graph.nodes.toReversed())
    if (node.outputs.some((name) => !isFlat(name) || within.has(name)))
      for (const name of node.inputs) within.add(name);
  const isPack = (node: GraphNode | undefined): boolean => {
    const [result = ''] = node?.outputs ?? [];
    return node?.kind === 'op' && node.op === 'Concat' && isFlat(result) && !within.has(result);
  };
  // A tree of Concats counts as one vector.
  const inner = new Set(graph.nodes.filter(isPack).flatMap((node) => node.inputs.map((name) => producer.get(name))));
  const behind = new Set<GraphNode>();
  for (const node of graph.nodes) {
    const follows = node.inputs.some((name) => {
      const source = producer.get(name);
      return source !== undefined && behind.has(source);
    });
    if (follows || (isPack(node) && !inner.has(node))) behind.add(node);
  }

  const elements = (node: GraphNode): number =>
    node.outputs.reduce((sum, name) => {
      const shape = graph.types.get(name)?.shape ?? [];
      return sum + (isStatic(shape) ? sizeOf(shape) : 1);
    }, 0);
  /** Elements that the node and all it depends on produce. */
  const work = (last: GraphNode): number => {
    const needed = new Set([last]);
    for (const node of needed)
      for (const name of node.inputs) {
        const source = producer.get(name);
        if (source !== undefined) needed.add(source);
      }
    return [...needed].reduce((sum, node) => sum + 1 + elements(node), 0);
  };
  // What a node needs is less than what its readers need: the order stays a topological one.
  const ordered = [...behind].map((node) => ({ node, work: work(node) })).sort((a, b) => a.work - b.work);
  return {
    ...graph,
    nodes: Object.freeze([...graph.nodes.filter((node) => !behind.has(node)), ...ordered.map(({ node }) => node)]),
  };
}
