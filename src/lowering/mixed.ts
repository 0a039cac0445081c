import { halfToNumber, toHalf } from '../core/half.ts';
import { isStatic, sizeOf, type Shape } from '../core/shape.ts';
import { tensor, type HostTensor } from '../core/tensor.ts';
import type { Graph, GraphNode, OpNode, TensorType } from '../graph/graph.ts';
import type { Op } from '../graph/ops.ts';

/** Operators that only move elements: rounding before and after them is the same. */
const moving: ReadonlySet<Op> = new Set<Op>([
  ...(['Transpose', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Expand', 'Tile', 'Concat', 'Split'] as const),
  ...(['Slice', 'Pad', 'Gather', 'DepthToSpace', 'SpaceToDepth', 'Identity'] as const),
]);

/**
 * Longest sum that a product may have in half precision. Some devices also add in 16 bits, where the error of n terms grows like √n·2⁻¹¹
 * at best, and a sum stands still once it is 2¹¹ times its terms. Layers of networks have up to some thousand terms.
 */
const LONGEST_SUM = 8192;

/**
 * A training step or an inference in mixed precision (Micikevicius et al. 2018): convolutions and matrix products take and give 16-bit floats,
 * and so does the movement of data between them. Everything else (parameters and their update, norms and statistics, sums, softmax, loss)
 * stays in float32.
 *
 * A value that is needed in the other precision is cast once, however many nodes read it, and never back: what is rounded is
 * exactly each operand and each result of a product. Initializers that only half-precision nodes read are stored so. Integers and
 * booleans stay as they are; inputs and outputs keep their types.
 *
 * @param graph standard operators only, in float32.
 */
export function mixedPrecision(graph: Graph): Graph {
  const half = halfNodes(graph);
  const outputs = new Set(graph.outputs);
  const types = new Map(graph.types);
  const nodes: GraphNode[] = [];
  const isFloat = (name: string): boolean => graph.types.get(name)?.dtype === 'float32';
  const typeAs = (name: string, dtype: TensorType['dtype']): TensorType => ({
    dtype,
    shape: graph.types.get(name)?.shape ?? [],
  });
  const fresh = (name: string): string => {
    let [candidate, count] = [name, 0];
    while (types.has(candidate)) candidate = `${name}_${++count}`;
    return candidate;
  };

  // Each float value under its name in either precision, as far as it is there.
  const halves = new Map<string, string>();
  const floats = new Map<string, string>();
  const readIn = (name: string, dtype: 'float16' | 'float32'): string => {
    if (!isFloat(name)) return name;
    const [there, other] = dtype === 'float16' ? [halves, floats] : [floats, halves];
    const known = there.get(name);
    if (known !== undefined) return known;
    const result = dtype === 'float32' && outputs.has(name) ? name : fresh(`${name}/${dtype}`);
    const source = other.get(name) ?? name;
    const cast: OpNode<'Cast'> = {
      kind: 'op',
      op: 'Cast',
      name: fresh(`${name}/to-${dtype}`),
      inputs: [source],
      outputs: [result],
      attributes: { to: dtype },
    };
    nodes.push(Object.freeze(cast));
    types.set(result, typeAs(name, dtype));
    there.set(name, result);
    return result;
  };

  const initializers = new Map<string, HostTensor>();
  const readInFloat = new Set(graph.nodes.filter((node) => !half.has(node)).flatMap((node) => node.inputs));
  for (const [name, value] of graph.initializers) {
    const onlyHalf = value.dtype === 'float32' && !readInFloat.has(name) && !outputs.has(name);
    initializers.set(name, onlyHalf ? tensor('float16', value.shape, toHalf(value.data)) : value);
    if (onlyHalf) types.set(name, typeAs(name, 'float16'));
    (onlyHalf ? halves : floats).set(name, name);
  }
  for (const name of graph.inputs) floats.set(name, name);

  for (const node of graph.nodes) {
    const dtype = half.has(node) ? 'float16' : 'float32';
    const inputs = node.inputs.map((name) => readIn(name, dtype));
    const results = node.outputs.map((name) => {
      if (!isFloat(name)) return name;
      const given = dtype === 'float16' && outputs.has(name) ? fresh(`${name}/float16`) : name;
      types.set(given, typeAs(name, dtype));
      (dtype === 'float16' ? halves : floats).set(name, given);
      return given;
    });
    const changed = { ...node, inputs, outputs: results };
    const toHalves = dtype === 'float16' && changed.kind === 'op' && changed.op === 'Cast';
    nodes.push(Object.freeze(toHalves ? { ...changed, attributes: { to: 'float16' as const } } : changed));
  }
  for (const name of graph.outputs) readIn(name, 'float32');
  return Object.freeze({ ...graph, nodes: Object.freeze(nodes), initializers, types });
}

/** The nodes that compute in half precision. */
function halfNodes(graph: Graph): ReadonlySet<GraphNode> {
  const isFloat = (name: string): boolean => graph.types.get(name)?.dtype === 'float32';
  const outputs = new Set(graph.outputs);
  const half = new Set<GraphNode>();
  const made = new Set<string>();
  const isHalf = (name: string): boolean => {
    const constant = graph.initializers.get(name);
    return made.has(name) || (constant?.dtype === 'float32' && fitsHalf(constant.data));
  };
  for (const node of graph.nodes) {
    if (node.kind === 'foreign') continue;
    const moved = node.inputs.filter(isFloat);
    const moves = moving.has(node.op) && moved.some((name) => made.has(name)) && moved.every(isHalf);
    if (!moves && !(sumLength(node, graph) <= LONGEST_SUM)) continue;
    half.add(node);
    for (const name of node.outputs) made.add(name);
  }
  // What only half-precision nodes read is rounded before it is moved, not behind: less to move, the same values.
  const readers = new Map<string, GraphNode[]>();
  for (const node of graph.nodes)
    for (const name of new Set(node.inputs)) readers.set(name, [...(readers.get(name) ?? []), node]);
  for (const node of graph.nodes.toReversed()) {
    if (node.kind === 'foreign' || half.has(node) || !(moving.has(node.op) || isMask(node, graph))) continue;
    if (!node.outputs.every(isFloat) || node.outputs.some((name) => outputs.has(name))) continue;
    const reading = node.outputs.flatMap((name) => readers.get(name) ?? []);
    if (reading.length > 0 && reading.every((reader) => half.has(reader))) half.add(node);
  }
  return half;
}

/** Integers or booleans as floats: they can as well become halves at once. */
function isMask(node: OpNode, graph: Graph): boolean {
  const source = graph.types.get(node.inputs[0] ?? '')?.dtype;
  return node.op === 'Cast' && (source === 'bool' || source === 'int32' || source === 'int64');
}

const fitsHalf = (values: Float32Array): boolean =>
  toHalf(values).every((bits, index) => Object.is(halfToNumber(bits), values[index]));

/** How many products each result of a convolution or matrix product sums; infinite for other operators, other types and unknown sizes. */
function sumLength(node: OpNode, graph: Graph): number {
  const shapeOf = (index: number): Shape => {
    const type = graph.types.get(node.inputs[index] ?? '');
    return type?.dtype === 'float32' ? type.shape : ['unknown'];
  };
  const terms = (extents: Shape): number => (isStatic(extents) ? sizeOf(extents) : Infinity);
  if (node.op === 'Conv') return terms(shapeOf(1).slice(1));
  if (node.op === 'MatMul') return terms(shapeOf(0).slice(-1));
  if (node.op === 'Gemm')
    return terms(
      shapeOf(0)
        .slice(node.attributes.transA === 1 ? 0 : 1)
        .slice(0, 1),
    );
  if (node.op !== 'ConvTranspose') return Infinity;
  const [channels = 'unknown', , ...kernel] = shapeOf(1);
  return terms([channels, ...kernel]) / node.attributes.group;
}
