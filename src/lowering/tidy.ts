import { sameShape, isStatic } from '../core/shape.ts';
import type { Graph, GraphNode } from '../graph/graph.ts';

/** The graph without nodes, initializers and types that no output needs. */
export function prune(graph: Graph): Graph {
  const needed = new Set(graph.outputs);
  const kept: GraphNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    kept.push(node);
    for (const name of node.inputs) needed.add(name);
  }
  const live = new Set([...needed, ...graph.inputs, ...kept.flatMap((node) => node.outputs)]);
  return Object.freeze({
    ...graph,
    nodes: Object.freeze(kept.reverse()),
    initializers: new Map([...graph.initializers].filter(([name]) => needed.has(name))),
    types: new Map([...graph.types].filter(([name]) => live.has(name))),
  });
}

/**
 * A Reshape of a Reshape reads the first one's operand, and a Reshape to the shape that is there disappears.
 *
 * More than tidiness: ONNX Runtime fuses chains of Reshapes itself into a node that it numbers last, and since it orders
 * execution by node number, weight gradients written as chains would all run at the end with their operands alive till then.
 */
export function collapseReshapes(graph: Graph): Graph {
  const source = new Map<string, string>();
  const alias = new Map<string, string>();
  const outputs = new Set(graph.outputs);
  const nodes: GraphNode[] = [];
  for (const original of graph.nodes) {
    const node = original.inputs.some((name) => alias.has(name))
      ? { ...original, inputs: original.inputs.map((name) => alias.get(name) ?? name) }
      : original;
    const [result = ''] = node.outputs;
    const shape = graph.types.get(result)?.shape;
    if (node.kind !== 'op' || node.op !== 'Reshape' || shape === undefined || !isStatic(shape)) {
      nodes.push(node);
      continue;
    }
    const given = node.inputs[0] ?? '';
    const operand = source.get(given) ?? given;
    const from = graph.types.get(operand)?.shape;
    if (from !== undefined && sameShape(from, shape) && !outputs.has(result)) {
      alias.set(result, operand);
      continue;
    }
    source.set(result, operand);
    nodes.push(Object.freeze({ ...node, inputs: [operand], attributes: { shape } }));
  }
  return { ...graph, nodes };
}

/** Gives values the names in `names` (present name to new name), everywhere. */
export function rename(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  const to = (name: string): string => names.get(name) ?? name;
  return {
    ...graph,
    outputs: graph.outputs.map(to),
    nodes: graph.nodes.map((node) =>
      Object.freeze({ ...node, inputs: node.inputs.map(to), outputs: node.outputs.map(to) }),
    ),
    types: new Map([...graph.types].map(([name, type]) => [to(name), type])),
  };
}
