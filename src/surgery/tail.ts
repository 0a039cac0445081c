import { operatorName, type Graph, type GraphNode } from '../graph/graph.ts';
import { constantBehind } from './constants.ts';
import type { Links } from './links.ts';

/**
 * What a node between a product and the output does.
 *
 * - `shape`: moves numbers or leaves them as they are; `score`: makes probabilities or an answer out of logits;
 * - `affine`: adds or multiplies a constant; `relu`, `pool`: rectifies, or averages each channel of a map.
 */
export type TailRole = 'shape' | 'score' | 'affine' | 'relu' | 'pool';

/** A node between a product and the output. */
export interface TailStep {
  readonly node: GraphNode;
  readonly role: TailRole;
}

/** The way back from an output to the last product with weights, or to where it is lost. */
export interface WayBack {
  /** From the product on to the output. */
  readonly steps: readonly TailStep[];
  /** The product, or the node that is none of the known ones; `undefined` where the way ends at an input or a constant. */
  readonly end: GraphNode | undefined;
  readonly found: boolean;
}

/** Operators whose result is a product with weights: what ends the search, whether it is a classifier or not. */
const products = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul', 'com.microsoft.FusedMatMul', 'Einsum']);

const roles: ReadonlyMap<string, TailRole> = new Map<string, TailRole>([
  ...['Identity', 'Cast', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Dropout', 'Transpose'].map(
    (op) => [op, 'shape'] as const,
  ),
  ...['Softmax', 'LogSoftmax', 'Hardmax', 'Sigmoid', 'ArgMax', 'TopK'].map((op) => [op, 'score'] as const),
  ...['Relu', 'Clip', 'LeakyRelu', 'PRelu'].map((op) => [op, 'relu'] as const),
  ...['GlobalAveragePool', 'AveragePool', 'ReduceMean'].map((op) => [op, 'pool'] as const),
]);

const affine = new Set(['Add', 'Sub', 'Mul', 'Div']);

/** Whether a node multiplies something by weights, and does not just prepare them. */
export function isProduct(graph: Graph, links: Links, node: GraphNode): boolean {
  return (
    products.has(operatorName(node)) &&
    !node.inputs.every((name) => name === '' || constantBehind(graph, links, name) !== undefined)
  );
}

/** Follows the data from an output back to the last product. */
export function wayBack(graph: Graph, links: Links, output: string): WayBack {
  const steps: TailStep[] = [];
  let value = output;
  for (;;) {
    const node = links.producer(value);
    const ended = { steps: steps.toReversed(), end: node };
    if (node === undefined) return { ...ended, found: false };
    if (isProduct(graph, links, node)) return { ...ended, found: true };
    const operator = operatorName(node);
    const role = roles.get(operator);
    if (role !== undefined) {
      steps.push({ node, role });
      value = node.inputs[0] ?? '';
      continue;
    }
    const data = node.inputs.filter((name) => constantBehind(graph, links, name) === undefined);
    if (!affine.has(operator) || data.length !== 1) return { ...ended, found: false };
    steps.push({ node, role: 'affine' });
    value = data[0] ?? '';
  }
}
