import type { ForeignAttribute, Graph, GraphNode } from '../graph/graph.ts';

/** Who makes and who reads each value of a graph. */
export interface Links {
  /** The node that makes a value; `undefined` for inputs and initializers. */
  readonly producer: (value: string) => GraphNode | undefined;
  readonly readers: (value: string) => readonly GraphNode[];
}

/** The producer and the readers of every value. */
export function linksOf(graph: Graph): Links {
  const producers = new Map<string, GraphNode>();
  const readers = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) {
    for (const name of node.outputs) producers.set(name, node);
    for (const name of new Set(node.inputs)) {
      const list = readers.get(name);
      if (list === undefined) readers.set(name, [node]);
      else list.push(node);
    }
  }
  return Object.freeze({
    producer: (value: string) => producers.get(value),
    readers: (value: string) => readers.get(value) ?? [],
  });
}

/** The nodes that a value depends on, in the graph's order. */
export function nodesBefore(graph: Graph, value: string): readonly GraphNode[] {
  const needed = new Set([value]);
  const found: GraphNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    found.push(node);
    for (const name of node.inputs) needed.add(name);
  }
  return found.reverse();
}

/** Names of the values that depend on one of `sources`, those included. */
export function valuesBehind(graph: Graph, sources: Iterable<string>): ReadonlySet<string> {
  const reached = new Set(sources);
  for (const node of graph.nodes) {
    if (node.inputs.some((name) => reached.has(name))) for (const name of node.outputs) reached.add(name);
  }
  return reached;
}

/** A numeric attribute of a node of either kind; `fallback` where the node does not state it. */
export function numberAttribute(node: GraphNode, name: string, fallback: number): number {
  if (node.kind === 'op') {
    const value = (node.attributes as Readonly<Record<string, unknown>>)[name];
    return typeof value === 'number' ? value : fallback;
  }
  const attribute: ForeignAttribute | undefined = node.attributes.get(name);
  return attribute?.kind === 'int' || attribute?.kind === 'float' ? Number(attribute.value) : fallback;
}
