import { usageError } from '../core/errors.ts';
import { sameShape } from '../core/shape.ts';
import type { HostTensor } from '../core/tensor.ts';
import { checkGraph } from './check.ts';
import type { Graph, GraphNode } from './graph.ts';
import { typeText } from './text.ts';

/** The part of `values` whose keys are in `kept`, in the old order. */
function only<T>(values: ReadonlyMap<string, T>, kept: ReadonlySet<string>): ReadonlyMap<string, T> {
  return new Map([...values].filter(([name]) => kept.has(name)));
}

/** Keeps the nodes and initializers that an output needs, in their order. Unused inputs stay: they are the caller's contract. */
export function eliminateDeadNodes(graph: Graph): Graph {
  const needed = new Set(graph.outputs);
  const live: GraphNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    live.push(node);
    for (const name of node.inputs) needed.add(name);
  }
  const nodes = Object.freeze(live.reverse());
  // A live node may also define values that nobody reads; their types stay.
  const defined = new Set([...needed, ...graph.inputs, ...nodes.flatMap((node) => node.outputs)]);
  return checkGraph(
    Object.freeze({
      ...graph,
      nodes,
      initializers: only(graph.initializers, needed),
      types: only(graph.types, defined),
    }),
    'eliminateDeadNodes',
  );
}

/**
 * The graph with some of its inputs turned into initializers.
 *
 * @throws usage error for a name that is no input, or a tensor that is not of the input's type
 */
export function bindValues(graph: Graph, values: ReadonlyMap<string, HostTensor>): Graph {
  const inputs = new Set(graph.inputs);
  for (const [name, value] of values) {
    const type = inputs.has(name) ? graph.types.get(name) : undefined;
    if (type === undefined) {
      throw usageError(`${name} is not an input of the graph`, { where: graph.name, legal: graph.inputs });
    }
    if (type.dtype !== value.dtype || !sameShape(type.shape, value.shape)) {
      throw usageError('the tensor does not fit the input', {
        where: `input ${name} of graph ${graph.name}`,
        expected: typeText(type),
        received: typeText(value),
      });
    }
  }
  return checkGraph(
    Object.freeze({
      ...graph,
      inputs: Object.freeze(graph.inputs.filter((name) => !values.has(name))),
      initializers: new Map([...graph.initializers, ...values]),
    }),
    'bindValues',
  );
}

/**
 * The graph with these outputs, in this order, and without what only the others needed. Any value of the graph will do.
 *
 * @throws usage error for a name that no value has
 */
export function keepOutputs(graph: Graph, names: readonly string[]): Graph {
  const values = new Set([
    ...graph.inputs,
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap((node) => node.outputs),
  ]);
  for (const name of names) {
    if (name === '' || !values.has(name)) {
      throw usageError(`${name} is not a value of the graph`, { where: graph.name, legal: graph.outputs });
    }
  }
  return eliminateDeadNodes(Object.freeze({ ...graph, outputs: Object.freeze([...new Set(names)]) }));
}
