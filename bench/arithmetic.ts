import { defined } from '../src/core/errors.ts';
import { sizeOf, staticShape } from '../src/core/shape.ts';
import type { Graph, OpNode } from '../src/graph/graph.ts';

/**
 * Multiply-adds of a graph's convolutions and matrix products, the gradients' macro operators included; additions, norms and
 * activations are left out, so it bounds the arithmetic from below. Shapes must be static.
 *
 * A convolution and both of its gradients take the same number: outputs `[n, co, h, w]` times filter elements per output,
 * ci/group · kh · kw.
 */
export function multiplyAdds(graph: Graph): number {
  return graph.nodes.reduce((sum, node) => sum + (node.kind === 'op' ? nodeMultiplyAdds(graph, node) : 0), 0);
}

function nodeMultiplyAdds(graph: Graph, node: OpNode): number {
  const shapeOf = (name: string | undefined): readonly number[] => {
    const type = defined(graph.types.get(defined(name, `operand of ${node.name}`)), `type of ${name ?? ''}`);
    return staticShape(type.shape, node.name);
  };
  const [first, second] = node.inputs;
  const perOutput = (filter: readonly number[]): number => sizeOf(filter.slice(1));
  if (node.op === 'Conv') return sizeOf(shapeOf(node.outputs[0])) * perOutput(shapeOf(second));
  if (node.op === 'ConvInputGrad') return sizeOf(shapeOf(first)) * perOutput(shapeOf(second));
  if (node.op === 'ConvWeightGrad') return sizeOf(shapeOf(second)) * perOutput(shapeOf(node.outputs[0]));
  if (node.op === 'MatMul' || node.op === 'Gemm') {
    const contracted = node.op === 'Gemm' && node.attributes.transA === 1 ? 0 : -1;
    return sizeOf(shapeOf(node.outputs[0])) * (shapeOf(first).at(contracted) ?? 1);
  }
  return 0;
}
