import { operatorName, type Graph, type GraphNode } from '../graph/graph.ts';
import type { ForeignAttribute } from '../graph/graph.ts';

/** The last weighted product before a model's output: its classifier. */
export interface FoundClassifier {
  readonly node: GraphNode;
  /** The initializer that holds its weights. */
  readonly weight: string;
  /** The initializer that holds its bias, where it has one of its own or one is added behind it. */
  readonly bias: string | undefined;
  readonly features: number;
  readonly classes: number;
  /** Whether the weights of a class are a column of the stored matrix `[N, C]`; else a row of `[C, N]`. */
  readonly byColumns: boolean;
}

/** Operators whose result is a product with weights: what ends the search, whether it is a classifier or not. */
const products = new Set([
  'Conv',
  'ConvTranspose',
  'Gemm',
  'MatMul',
  'FusedMatMul',
  'Einsum',
  'MatMulInteger',
  'QLinearConv',
  'QLinearMatMul',
  'ConvInteger',
]);

/** The nodes that the first output depends on, last first. */
function backwards(graph: Graph): readonly GraphNode[] {
  const output = graph.outputs.includes('logits') ? 'logits' : graph.outputs[0];
  const needed = new Set(output === undefined ? [] : [output]);
  const found: GraphNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    found.push(node);
    for (const name of node.inputs) needed.add(name);
  }
  return found;
}

/** The initializer behind a name, through a Transpose, Identity or Cast of it, and whether it was transposed on the way. */
function constantBehind(graph: Graph, name: string | undefined): { name: string; transposed: boolean } | undefined {
  if (name === undefined) return undefined;
  if (graph.initializers.has(name)) return { name, transposed: false };
  const node = graph.nodes.find((each) => each.outputs.includes(name));
  if (node === undefined || !['Transpose', 'Identity', 'Cast'].includes(operatorName(node))) return undefined;
  const behind = constantBehind(graph, node.inputs[0]);
  return behind === undefined
    ? undefined
    : { ...behind, transposed: behind.transposed !== (operatorName(node) === 'Transpose') };
}

function transB(node: GraphNode): boolean {
  if (node.kind === 'op') return node.op === 'Gemm' && node.attributes.transB === 1;
  const attribute: ForeignAttribute | undefined = node.attributes.get('transB');
  return attribute?.kind === 'int' && attribute.value === 1n;
}

/** The bias that is added to a product's result in a node of its own. */
function biasBehind(graph: Graph, product: GraphNode, classes: number): string | undefined {
  const addition = graph.nodes.find(
    (node) => operatorName(node) === 'Add' && node.inputs.includes(product.outputs[0] ?? ''),
  );
  const bias = addition?.inputs.find((name) => graph.initializers.has(name));
  const shape = bias === undefined ? undefined : graph.initializers.get(bias)?.shape;
  return shape?.at(-1) === classes ? bias : undefined;
}

/**
 * The classifier of any model: the last MatMul, Gemm or 1×1 convolution with constant weights before its first output.
 * Where the last product is another one, there is no classifier, and the text says what is there instead.
 */
export function findClassifier(graph: Graph): FoundClassifier | string {
  const node = backwards(graph).find((each) => products.has(operatorName(each)) && !onConstantsOnly(graph, each));
  if (node === undefined) return 'no product with weights leads to the output';
  const operator = operatorName(node);
  const weight = constantBehind(graph, node.inputs[1]);
  const shape = weight === undefined ? undefined : graph.initializers.get(weight.name)?.shape;
  const described = `the last product before the output, ${node.name} (${operator})`;
  if (weight === undefined || shape === undefined) return `${described}, has no constant weights`;
  const own = graph.initializers.has(node.inputs[2] ?? '') ? node.inputs[2] : undefined;
  if (operator === 'Conv') {
    const [classes = 0, features = 0, ...window] = shape;
    if (window.some((side) => side !== 1)) return `${described}, is a convolution with windows of ${window.join('×')}`;
    return {
      node,
      weight: weight.name,
      bias: own ?? biasBehind(graph, node, classes),
      features,
      classes,
      byColumns: false,
    };
  }
  if ((operator !== 'Gemm' && operator !== 'MatMul') || shape.length !== 2)
    return `${described}, is no plain matrix product`;
  const [rows = 0, columns = 0] = shape;
  const swapped = weight.transposed !== transB(node);
  const [features, classes] = swapped ? [columns, rows] : [rows, columns];
  const bias = own ?? biasBehind(graph, node, classes);
  return { node, weight: weight.name, bias, features, classes, byColumns: !swapped };
}

/** A product of constants is preparation of weights. */
function onConstantsOnly(graph: Graph, node: GraphNode): boolean {
  return node.inputs.every((name) => name === '' || constantBehind(graph, name) !== undefined);
}
