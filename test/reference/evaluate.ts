import { defined, inputError, internalError } from '../../src/core/errors.ts';
import { halfToNumber, toHalf } from '../../src/core/half.ts';
import { formatShape, isStatic, sameShape } from '../../src/core/shape.ts';
import type { HostTensor } from '../../src/core/tensor.ts';
import { operatorName, type Graph, type OpNode } from '../../src/graph/graph.ts';
import type { Op } from '../../src/graph/ops.ts';
import type { EvaluateContext, EvaluateTable, NdArray } from './array.ts';
import { convolutions } from './convolution.ts';
import { elementwise } from './elementwise.ts';
import { movement } from './movement.ts';
import { normalization } from './normalization.ts';
import { pooling } from './pooling.ts';
import { products } from './products.ts';
import { reductions } from './reductions.ts';
import { resizing } from './resize.ts';

function notPartOfTheReference(): never {
  throw inputError('blocked operators are not part of the reference', { hint: 'evaluate the graph before lowering' });
}

/** The evaluation of every operator in float64. */
export const evaluations: EvaluateTable<Op> = {
  ...elementwise,
  ...products,
  ...movement,
  ...reductions,
  ...convolutions,
  ...pooling,
  ...resizing,
  ...normalization,
  'nchwc.ReorderInput': notPartOfTheReference,
  'nchwc.ReorderOutput': notPartOfTheReference,
  'nchwc.Conv': notPartOfTheReference,
  'nchwc.MaxPool': notPartOfTheReference,
  'nchwc.GlobalAveragePool': notPartOfTheReference,
};

/** A host tensor in float64; the bit patterns of bfloat16 are not understood. */
export function toNdArray(value: HostTensor): NdArray {
  if (value.dtype === 'float16') return { shape: value.shape, data: Float64Array.from(value.data, halfToNumber) };
  if (value.dtype === 'bfloat16') throw inputError('bfloat16 is not part of the reference', { received: value.dtype });
  return { shape: value.shape, data: Float64Array.from(value.data as ArrayLike<number | bigint>, Number) };
}

function evaluateOp<K extends Op>(op: K, context: EvaluateContext<K>): readonly NdArray[] {
  return evaluations[op](context);
}

function evaluateNode(node: OpNode, valueOf: (name: string) => NdArray): readonly NdArray[] {
  const inputs = node.inputs.map((name) => (name === '' ? undefined : valueOf(name)));
  const input = (index: number): NdArray => defined(inputs[index], `input ${index} of ${node.name}`);
  return evaluateOp(node.op, { inputs, input, attributes: node.attributes });
}

/**
 * Evaluates a graph in float64 by straight loops, and checks every shape against the graph's types on the way.
 *
 * Returns all values by name, not only the graph's outputs. Element types are not simulated: float32 is not rounded; integers are,
 * towards zero; float16 is, to nearest.
 */
export function evaluateGraph(graph: Graph, feeds: ReadonlyMap<string, NdArray>): Map<string, NdArray> {
  const values = new Map<string, NdArray>();
  const valueOf = (name: string): NdArray => defined(values.get(name), `value ${name}`);
  const define = (name: string, value: NdArray): void => {
    const declared = graph.types.get(name)?.shape;
    if (declared !== undefined && isStatic(declared) && !sameShape(declared, value.shape)) {
      throw internalError('evaluated shape differs from the declared one', {
        where: name,
        expected: formatShape(declared),
        received: formatShape(value.shape),
      });
    }
    values.set(name, value);
  };
  /** Whole numbers divide to whole numbers; halves have 11 bits. */
  const rounded = (name: string, value: NdArray): NdArray => {
    const dtype = graph.types.get(name)?.dtype;
    if (dtype === 'float16')
      return { ...value, data: Float64Array.from(toHalf(Float32Array.from(value.data)), halfToNumber) };
    return dtype?.startsWith('int') === true ? { ...value, data: value.data.map(Math.trunc) } : value;
  };
  for (const name of graph.inputs) define(name, defined(feeds.get(name), `feed ${name}`));
  for (const [name, value] of graph.initializers) define(name, toNdArray(value));
  for (const node of graph.nodes) {
    if (node.kind === 'foreign') {
      throw inputError('operator is not part of the reference', { where: node.name, received: operatorName(node) });
    }
    const results = evaluateNode(node, valueOf);
    node.outputs.forEach((name, index) => {
      if (name !== '') define(name, rounded(name, defined(results[index], `output ${index} of ${node.name}`)));
    });
  }
  return values;
}
