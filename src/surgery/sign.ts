import { operatorName, type Graph, type GraphNode } from '../graph/graph.ts';
import type { FeatureSign } from '../heads/geometry.ts';
import { linksOf, type Links } from './links.ts';

/** Operators whose results are never negative. */
const positive = new Set([
  'Relu',
  'ThresholdedRelu',
  'Sigmoid',
  'HardSigmoid',
  'Softmax',
  'Softplus',
  'Abs',
  'Exp',
  'Sqrt',
]);

/** Operators that keep non-negative numbers so: of their first operand … */
const keeping = new Set([
  ...[
    'Identity',
    'Dropout',
    'Flatten',
    'Reshape',
    'Squeeze',
    'Unsqueeze',
    'Transpose',
    'Slice',
    'Split',
    'Gather',
    'Tile',
  ],
  ...['GlobalAveragePool', 'GlobalMaxPool', 'AveragePool', 'MaxPool', 'ReduceMean', 'ReduceMax', 'ReduceSum', 'Expand'],
]);

/** … or of all. */
const keepingAll = new Set(['Concat', 'Add', 'Sum', 'Mean', 'Min']);

/** Whether the lower bound of a Clip is known not to be negative. */
function clipsBelow(graph: Graph, node: GraphNode): boolean {
  const bound = graph.initializers.get(node.inputs[1] ?? '')?.data[0];
  return bound !== undefined && Number(bound) >= 0;
}

function isNonNegative(graph: Graph, links: Links, value: string): boolean {
  const node = links.producer(value);
  if (node === undefined) {
    const constant = graph.initializers.get(value);
    return constant?.dtype === 'float32' && constant.data.every((each) => each >= 0);
  }
  const operator = operatorName(node);
  if (positive.has(operator) || (operator === 'Clip' && clipsBelow(graph, node))) return true;
  if (keeping.has(operator)) return isNonNegative(graph, links, node.inputs[0] ?? '');
  return keepingAll.has(operator) && node.inputs.every((name) => isNonNegative(graph, links, name));
}

/**
 * Whether a value is known to have no negative numbers: what leaves a ReLU (or Sigmoid, Clip from 0 …), and averages, sums and
 * selections of such. Anything else counts as signed.
 */
export function signOf(graph: Graph, value: string): FeatureSign {
  return isNonNegative(graph, linksOf(graph), value) ? 'non-negative' : 'signed';
}
