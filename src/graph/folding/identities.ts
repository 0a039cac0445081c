import type { Graph, GraphNode } from '../graph.ts';

function isIdentity(node: GraphNode): boolean {
  return node.kind === 'op' ? node.op === 'Identity' : node.domain === '' && node.opType === 'Identity';
}

/**
 * The graph without Identity nodes. What they copy is read instead; where the copy is an output of the graph and the original
 * is a node's value, the node's value takes the output's name.
 */
export function resolveIdentities(graph: Graph): Graph {
  const produced = new Set(graph.nodes.flatMap((node) => node.outputs));
  const outputs = new Set(graph.outputs);
  const dropped = new Set<GraphNode>();
  /** What a value is called instead. */
  const names = new Map<string, string>();
  const nameOf = (name: string): string => names.get(name) ?? name;

  // From the end, so that a chain of copies hands the output's name back to its beginning.
  for (const node of graph.nodes.toReversed()) {
    const [source = ''] = node.inputs;
    const [copy = ''] = node.outputs;
    if (!isIdentity(node) || !outputs.has(nameOf(copy))) continue;
    if (!produced.has(source) || outputs.has(source) || names.has(source)) continue;
    names.set(source, nameOf(copy));
    dropped.add(node);
  }
  const nodes: GraphNode[] = [];
  for (const node of graph.nodes) {
    const [source = ''] = node.inputs;
    const [copy = ''] = node.outputs;
    if (dropped.has(node)) continue;
    if (isIdentity(node) && !outputs.has(nameOf(copy))) {
      names.set(copy, nameOf(source));
      continue;
    }
    const renamed = node.inputs.some((name) => names.has(name)) || node.outputs.some((name) => names.has(name));
    nodes.push(
      renamed ? Object.freeze({ ...node, inputs: node.inputs.map(nameOf), outputs: node.outputs.map(nameOf) }) : node,
    );
  }
  const types = new Map(graph.types);
  for (const [name, other] of names) {
    const type = types.get(name);
    types.delete(name);
    if (type !== undefined && !types.has(other)) types.set(other, type);
  }
  return { ...graph, nodes: Object.freeze(nodes), types };
}
