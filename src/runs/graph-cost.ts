import { sizeOf } from '../core/shape.ts';
import type { HostTensor } from '../core/tensor.ts';
import { operatorName, type Graph, type GraphNode } from '../graph/graph.ts';

/** What one node of a graph computes and holds, for one image. */
export interface NodeCost {
  readonly name: string;
  readonly operator: string;
  /** Of the first output, the batch dimension as the graph has it; `null` where the file does not say. */
  readonly shape: readonly (number | string)[] | null;
  /** Numbers in the weights that this node is the first to read; running statistics are no parameters. */
  readonly parameters: number;
  /** Multiply-adds of convolutions and matrix products for one image; `null` where a shape is not known. */
  readonly multiplyAdds: number | null;
}

/** Inputs that hold weights, by operator; others of a known operator are data or settings. */
const weightInputs: Readonly<Record<string, readonly number[]>> = {
  // Not the running mean and variance.
  BatchNormalization: [1, 2],
};

type OneImage = typeof forOneImage;

/** The shape with every symbolic dimension, and a batch that is a number, as 1: what one image needs. */
function forOneImage(shape: readonly (number | string)[] | undefined): readonly number[] | undefined {
  if (shape === undefined) return undefined;
  return shape.map((dim, axis) => (typeof dim === 'string' || axis === 0 ? 1 : dim));
}

/** The shape of a graph that was built for one image: all of it counts. */
const asItIs: OneImage = (shape) => shape?.map((dim) => (typeof dim === 'number' ? dim : 1));

/** Multiply-adds of a product, 0 for everything else; the sum over which each output element runs times their number. */
function multiplyAddsOf(node: GraphNode, graph: Graph, oneImage: OneImage): number | null {
  const operator = operatorName(node);
  const shapeOf = (name: string | undefined) => (name === undefined ? undefined : graph.types.get(name)?.shape);
  const output = shapeOf(node.outputs[0]);
  const [data, weight] = node.inputs;
  const numbers = (shape: readonly (number | string)[] | undefined) =>
    shape === undefined ? undefined : shape.map((dim) => (typeof dim === 'number' ? dim : 1));
  switch (operator) {
    case 'Conv':
    case 'ConvTranspose': {
      // Each element of the output (of the input, for the transpose) meets one filter `[in/groups, h, w]`.
      const filter = numbers(shapeOf(weight));
      const image = oneImage(operator === 'Conv' ? output : shapeOf(data));
      return filter === undefined || image === undefined ? null : sizeOf(image) * sizeOf(filter.slice(1));
    }
    case 'Gemm': {
      const matrix = numbers(shapeOf(weight));
      return matrix === undefined ? null : sizeOf(matrix);
    }
    case 'MatMul': {
      // With a constant left factor `[m, k]` the first dimension of the output is still the batch.
      const left = numbers(shapeOf(data));
      const result = oneImage(output);
      return left === undefined || result === undefined ? null : sizeOf(result) * (left.at(-1) ?? 1);
    }
    default:
      return 0;
  }
}

/** Whether a tensor holds trained or trainable numbers: a scalar, an index or a shape does not. */
function isWeight(value: HostTensor | undefined): value is HostTensor {
  return value !== undefined && value.shape.length > 0 && /^b?float/.test(value.dtype);
}

/**
 * The cost of every node, in order.
 *
 * @param isParameter whether an initializer of that name counts as a parameter, besides being a float tensor.
 * @param batch `any`: the first dimension is a batch, of which one is counted; `one`: the graph was built for a batch of one.
 */
export function nodeCosts(
  graph: Graph,
  isParameter: (name: string) => boolean = () => true,
  batch: 'any' | 'one' = 'any',
): readonly NodeCost[] {
  const counted = new Set<string>();
  return graph.nodes.map((node) => {
    const operator = operatorName(node);
    const places = weightInputs[operator] ?? node.inputs.keys();
    let parameters = 0;
    for (const place of places) {
      const name = node.inputs[place] ?? '';
      const value = graph.initializers.get(name);
      if (!isWeight(value) || counted.has(name) || !isParameter(name)) continue;
      counted.add(name);
      parameters += sizeOf(value.shape);
    }
    return {
      name: node.name,
      operator,
      shape: graph.types.get(node.outputs[0] ?? '')?.shape ?? null,
      parameters,
      multiplyAdds: multiplyAddsOf(node, graph, batch === 'one' ? asItIs : forOneImage),
    };
  });
}
