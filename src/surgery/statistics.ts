import type { HostTensor } from '../core/tensor.ts';
import { operatorName, type Graph, type GraphNode, type TensorType } from '../graph/graph.ts';

/** Where BatchNormalization has its running mean and variance. */
const statistics = [3, 4];

/**
 * The graph with running statistics in initializers of their own. Exporters store equal tensors once, so that the scale of a fresh
 * BatchNormalization (ones) can be its variance too; training would then change a statistic with a scale.
 */
export function withOwnStatistics(graph: Graph): Graph {
  const isStatistic = (node: GraphNode, place: number): boolean =>
    operatorName(node) === 'BatchNormalization' && statistics.includes(place);
  const elsewhere = new Set(graph.nodes.flatMap((node) => node.inputs.filter((_, place) => !isStatistic(node, place))));
  const initializers = new Map<string, HostTensor>(graph.initializers);
  const types = new Map<string, TensorType>(graph.types);
  const copyOf = (name: string): string => {
    const value = graph.initializers.get(name);
    if (value === undefined || !elsewhere.has(name)) return name;
    let copy = `${name}.statistic`;
    while (types.has(copy) && initializers.get(copy) !== value) copy += '_';
    initializers.set(copy, value);
    types.set(copy, Object.freeze({ dtype: value.dtype, shape: value.shape }));
    return copy;
  };
  const nodes = graph.nodes.map((node): GraphNode => {
    if (!node.inputs.some((_, place) => isStatistic(node, place))) return node;
    return Object.freeze({
      ...node,
      inputs: node.inputs.map((name, place) => (isStatistic(node, place) ? copyOf(name) : name)),
    });
  });
  return Object.freeze({ ...graph, nodes: Object.freeze(nodes), initializers, types });
}
