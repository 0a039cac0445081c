import { isStatic, sizeOf } from '../core/shape.ts';
import type { Graph, GraphNode, OpNode } from '../graph/graph.ts';

/** Part of the forward pass that is computed again: nodes at positions `first` to `last` of the forward nodes. */
interface Segment {
  readonly nodes: readonly GraphNode[];
  /** The one activation that goes in, and the one that comes out. */
  readonly entry: string;
  readonly exit: string;
}

/**
 * Keeps only some activations of the forward pass for the backward pass and computes the others again from them, one segment
 * after the other (Chen et al. 2016, "Training deep nets with sublinear memory cost").
 *
 * A segment begins and ends where the forward pass is one value wide: at the joins of residual blocks, between dense blocks.
 * Among these places those are chosen that keep least: the activations at the cuts and the largest segment
 * together. A segment's second computation waits for the gradient of what comes out of it, so that segments do not overlap, and the
 * results are the same to the last bit. Vectors by channel (batch statistics) are kept. The last segment is kept as it is: the backward pass
 * begins with it.
 *
 * @param graph a training step with macro operators, fused.
 * @param loss the name of its loss; the graph is returned as it is if it has no such output.
 */
export function checkpointActivations(graph: Graph, loss = 'loss'): Graph {
  if (!graph.outputs.includes(loss)) return graph;
  const forward = ancestors(graph, loss);
  const inserted = new Map<GraphNode, GraphNode[]>();
  const renamed = new Map<string, string>();
  for (const [index, segment] of segmentsOf(graph, forward).entries()) {
    const again = computeAgain(graph, forward, segment, `again${index}`);
    if (again === undefined) continue;
    inserted.set(again.before, [...(inserted.get(again.before) ?? []), ...again.nodes]);
    for (const [name, copy] of again.names) renamed.set(name, copy);
  }
  const to = (name: string): string => renamed.get(name) ?? name;
  const nodes = graph.nodes.flatMap((node) => [
    ...(inserted.get(node) ?? []),
    forward.has(node) ? node : Object.freeze({ ...node, inputs: node.inputs.map(to) }),
  ]);
  const types = new Map(graph.types);
  for (const list of inserted.values())
    for (const node of list) for (const name of node.outputs) types.set(name, typeOfCopy(graph, name));
  return Object.freeze({ ...graph, nodes: Object.freeze(nodes), types });
}

const copyName = (prefix: string, name: string): string => `${prefix}:${name}`;

function typeOfCopy(graph: Graph, copy: string) {
  const type = graph.types.get(copy.slice(copy.indexOf(':') + 1));
  return type ?? { dtype: 'float32' as const, shape: [] };
}

function ancestors(graph: Graph, output: string): ReadonlySet<GraphNode> {
  const needed = new Set([output]);
  const found = new Set<GraphNode>();
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    found.add(node);
    for (const name of node.inputs) needed.add(name);
  }
  return found;
}

function elementsOf(graph: Graph, name: string): number {
  const shape = graph.types.get(name)?.shape;
  return shape !== undefined && isStatic(shape) ? sizeOf(shape) : 0;
}

/** The forward pass cut where one activation alone is needed by what follows. */
function segmentsOf(graph: Graph, forward: ReadonlySet<GraphNode>): readonly Segment[] {
  // What depends on images, not what is made of parameters alone.
  const data = new Set(graph.inputs.filter((name) => (graph.types.get(name)?.shape.length ?? 0) > 1));
  const nodes = graph.nodes.filter((node) => forward.has(node) && markedBy(data, node));
  const lastUse = new Map<string, number>();
  nodes.forEach((node, position) => {
    for (const name of node.inputs) if (data.has(name)) lastUse.set(name, position);
  });
  const cuts: { readonly position: number; readonly name: string }[] = [];
  const live = new Set(graph.inputs.filter((name) => lastUse.has(name)));
  nodes.forEach((node, position) => {
    for (const name of node.outputs) if ((lastUse.get(name) ?? -1) > position) live.add(name);
    for (const name of node.inputs) if (lastUse.get(name) === position) live.delete(name);
    const [only] = live;
    if (live.size === 1 && only !== undefined && node.outputs[0] === only) cuts.push({ position, name: only });
  });
  const [entry] = graph.inputs.filter((name) => lastUse.has(name));
  if (entry === undefined || cuts.length === 0) return [];
  const elements = nodes.map((node) => node.outputs.reduce((sum, name) => sum + elementsOf(graph, name), 0));
  const total = elements.reduce((sum, count) => sum + count, 0);

  /** Cuts at the first possible places behind so many elements, and what is kept then. */
  const cutBy = (budget: number) => {
    const chosen: typeof cuts = [];
    let [kept, largest, since, next] = [0, 0, 0, 0];
    for (const cut of cuts) {
      for (; next <= cut.position; next++) since += elements[next] ?? 0;
      if (since < budget) continue;
      chosen.push(cut);
      kept += elementsOf(graph, cut.name);
      largest = Math.max(largest, since);
      since = 0;
    }
    const rest = elements.slice(next).reduce((sum, count) => sum + count, since);
    return { chosen, memory: kept + Math.max(largest, rest) };
  };
  const plans = Array.from({ length: 64 }, (_, index) => cutBy((total * (index + 1)) / 64));
  const best = plans.reduce((a, b) => (b.memory < a.memory ? b : a));
  return best.chosen.map(({ position, name }, index) => {
    const before = best.chosen[index - 1];
    const first = before === undefined ? 0 : before.position + 1;
    return { nodes: nodes.slice(first, position + 1), entry: before?.name ?? entry, exit: name };
  });
}

/** Whether the node depends on images; its results then do too. */
function markedBy(data: Set<string>, node: GraphNode): boolean {
  if (!node.inputs.some((name) => data.has(name))) return false;
  for (const name of node.outputs) data.add(name);
  return true;
}

interface Again {
  readonly nodes: readonly GraphNode[];
  /** What readers behind the forward pass read instead. */
  readonly names: ReadonlyMap<string, string>;
  /** The node that the copies must stand before. */
  readonly before: GraphNode;
}

function computeAgain(
  graph: Graph,
  forward: ReadonlySet<GraphNode>,
  { nodes, entry, exit }: Segment,
  prefix: string,
): Again | undefined {
  const isImage = (name: string): boolean => (graph.types.get(name)?.shape.length ?? 0) > 1;
  const inside = new Set(nodes.flatMap((node) => node.outputs).filter(isImage));
  const backward = graph.nodes.filter((node) => !forward.has(node) && node.inputs.some((name) => inside.has(name)));
  const made = new Set(graph.nodes.flatMap((node) => (forward.has(node) ? [] : node.outputs)));
  // The gradient that the segment's backward pass begins with.
  const after = backward[0]?.inputs.find((name) => made.has(name) && isImage(name));
  const wanted = new Set(backward.flatMap((node) => node.inputs).filter((name) => inside.has(name) && name !== exit));
  const before = backward.find((node) => node.inputs.some((name) => wanted.has(name)));
  if (after === undefined || before === undefined) return undefined;
  const copied: GraphNode[] = [];
  const needed = new Set(wanted);
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    copied.push(node);
    for (const name of node.inputs) needed.add(name);
  }
  if (copied.length === 0) return undefined;
  const ours = new Set([entry, ...copied.flatMap((node) => node.outputs)]);
  const to = (name: string): string => (ours.has(name) ? copyName(prefix, name) : name);
  const start: OpNode<'Recompute'> = {
    kind: 'op',
    op: 'Recompute',
    name: copyName(prefix, entry),
    inputs: [entry, after],
    outputs: [copyName(prefix, entry)],
    attributes: {},
  };
  const copies = copied.reverse().map((node) =>
    Object.freeze({
      ...node,
      name: copyName(prefix, node.name),
      inputs: node.inputs.map(to),
      outputs: node.outputs.map((name) => copyName(prefix, name)),
    }),
  );
  return {
    nodes: [Object.freeze(start), ...copies],
    names: new Map([...wanted].map((name) => [name, copyName(prefix, name)])),
    before,
  };
}
