import { isStatic } from '../core/shape.ts';
import type { Value } from '../graph/builder.ts';
import { add, concat, matmul, transpose } from '../graph/functions.ts';
import type { Graph, GraphNode, OpNode } from '../graph/graph.ts';
import { copyNode, startPass } from './pass.ts';
import { prune } from './tidy.ts';

/** One summand Aₜ·Bₜ: names of `[n, k]` and `[k, m]`, and the lengths of the axes. */
interface Product {
  readonly left: string;
  readonly right: string;
  readonly n: number;
  readonly k: number;
  readonly m: number;
}

/** A sum with all that is added up in it. */
interface Sum {
  readonly products: readonly Product[];
  readonly others: readonly string[];
}

/**
 * A sum of matrix products is one product of longer operands:
 *
 * Σₜ Aₜ·Bₜ = [A₁ … A_T]·[B₁; …; B_T], for Aₜ `[n, kₜ]` and Bₜ `[kₜ, m]`
 *
 * Differentiation writes such sums for a matrix that is used at many places: the gradient of the recurrent weights of a network
 * that is unrolled over T steps is Σₜ δₜᵀ·hₜ₋₁, T products of rank `batch` whose results are as large as the matrix. Merged, the
 * result is written once and the product has a length at which it runs at full speed. The same up to the order in which float32
 * numbers are added.
 *
 * Only products that write at least as many numbers as they read (n·m ≥ k·(n + m)) are merged: of others the operands are
 * what is large, and putting them side by side would hold all of them in memory; a sum over blocks of classes stays one. And
 * only where each product and each partial sum has no other reader.
 */
export function mergeProducts(graph: Graph): Graph {
  const sums = findSums(graph);
  if (sums.size === 0) return graph;
  const producer = producersOf(graph);
  const position = new Map(graph.nodes.flatMap((node, index) => node.outputs.map((name) => [name, index] as const)));
  const pass = startPass(graph);
  const { builder: b } = pass;
  const renamed = new Map<string, string>();
  const nameOf = (name: string): string => renamed.get(name) ?? name;
  const valueOf = (name: string): Value => b.value(nameOf(name));

  /** Operands along one axis; transposed ones are transposed once, behind the Concat. */
  const joined = (names: readonly string[], axis: 0 | 1): Value => {
    const sources = names.map((name) => transposedBy(producer.get(name)));
    return sources.every((source) => source !== undefined)
      ? transpose(b, concat(b, sources.map(valueOf), 1 - axis), [1, 0])
      : concat(b, names.map(valueOf), axis);
  };

  for (const node of graph.nodes) {
    const [result = ''] = node.outputs;
    const sum = sums.get(result);
    if (sum === undefined) {
      copyNode(b, node, nameOf);
      continue;
    }
    b.scoped(node.name, () => {
      // In the order of the values that come first in the graph, which is that of the steps, whatever order they were added in:
      // where the same values stand side by side elsewhere, the runtime then finds the same Concat.
      const ordered = sum.products.toSorted((p, q) => placeOf(p, position) - placeOf(q, position));
      const product = matmul(
        b,
        joined(
          ordered.map(({ left }) => left),
          1,
        ),
        joined(
          ordered.map(({ right }) => right),
          0,
        ),
      );
      renamed.set(result, sum.others.reduce((total, name) => add(b, total, valueOf(name)), product).name);
    });
  }
  return prune(pass.finish(nameOf));
}

/** Where the earlier operand of a product is made; graph inputs come before all nodes. */
function placeOf({ left, right }: Product, position: ReadonlyMap<string, number>): number {
  return Math.min(position.get(left) ?? -1, position.get(right) ?? -1);
}

function producersOf(graph: Graph): ReadonlyMap<string, OpNode> {
  return new Map(graph.nodes.flatMap((node) => (node.kind === 'op' ? [[node.outputs[0] ?? '', node] as const] : [])));
}

/** What a Transpose of a matrix turns around. */
function transposedBy(node: OpNode | undefined): string | undefined {
  if (node?.op !== 'Transpose') return undefined;
  const { perm } = node.attributes;
  return perm.join() === '1,0' ? node.inputs[0] : undefined;
}

function productOf(graph: Graph, node: GraphNode | undefined): Product | undefined {
  if (node?.kind !== 'op' || node.op !== 'MatMul') return undefined;
  const [left = '', right = ''] = node.inputs;
  const [a, b] = [graph.types.get(left)?.shape, graph.types.get(right)?.shape];
  if (a?.length !== 2 || b?.length !== 2 || !isStatic(a) || !isStatic(b)) return undefined;
  const [n = 0, k = 0] = a;
  const m = b[1] ?? 0;
  return n * m >= k * (n + m) ? { left, right, n, k, m } : undefined;
}

/** The outermost sums of at least two products that can be merged, by the name of their result. */
function findSums(graph: Graph): ReadonlyMap<string, Sum> {
  const producer = producersOf(graph);
  const readers = new Map<string, number>();
  for (const name of [...graph.nodes.flatMap((node) => node.inputs), ...graph.outputs])
    readers.set(name, (readers.get(name) ?? 0) + 1);
  const shapeOf = (name: string): string => graph.types.get(name)?.shape.join() ?? '';
  const isSum = (name: string): boolean => producer.get(name)?.op === 'Add';
  const within = new Set<string>();
  const sums = new Map<string, Sum>();

  for (const node of graph.nodes.toReversed()) {
    const [result = ''] = node.outputs;
    if (!isSum(result) || within.has(result)) continue;
    const products: Product[] = [];
    const others: string[] = [];
    // Not recursive: as many Adds as steps lie inside one another.
    const open = [...node.inputs];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      const own = readers.get(name) === 1 && shapeOf(name) === shapeOf(result);
      const product = own ? productOf(graph, producer.get(name)) : undefined;
      if (product !== undefined) products.push(product);
      else if (own && isSum(name)) {
        within.add(name);
        open.push(...(producer.get(name)?.inputs ?? []));
      } else others.push(name);
    }
    if (products.length > 1) sums.set(result, { products, others });
  }
  return sums;
}
