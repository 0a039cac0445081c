import { sizeOf, type StaticShape } from '../core/shape.ts';
import { operatorName, type Graph, type GraphNode } from '../graph/graph.ts';
import { linksOf, nodesBefore } from './links.ts';
import { layerOf, safeNames } from './names.ts';
import { isProduct } from './tail.ts';

/** An initializer of a read model that training may change. */
export interface ImportedParameter {
  /** Its name in the model. */
  readonly name: string;
  /** Its name as a parameter of ours, without what a path of ours cannot hold; unique in its model. */
  readonly key: string;
  readonly shape: StaticShape;
  /** Whether weight decay applies: to matrices and filters, not to biases, norms, tokens and scales. */
  readonly decay: boolean;
  /** The path of its layer, from its name or from that of the node that reads it: `layer4.1.conv2`. */
  readonly layer: string;
  /** The name of the first node that uses it. */
  readonly reader: string;
  /** Whether it is multiplied with the data as a matrix, filter or table. */
  readonly product: boolean;
}

/** What an initializer is to the node that reads it. */
type Role = 'weight' | 'offset';

/** Operators that only move numbers, of their first operand. */
const movement = new Set([
  ...[
    'Identity',
    'Transpose',
    'Reshape',
    'Flatten',
    'Squeeze',
    'Unsqueeze',
    'Expand',
    'Tile',
    'Slice',
    'Split',
    'Cast',
  ],
]);

/** Positions of weights and offsets of operators that have them in fixed places. Running statistics are neither. */
const places: Readonly<Record<string, readonly (Role | undefined)[]>> = {
  Conv: [undefined, 'weight', 'offset'],
  ConvTranspose: [undefined, 'weight', 'offset'],
  Gemm: ['weight', 'weight', 'offset'],
  MatMul: ['weight', 'weight'],
  BatchNormalization: [undefined, 'offset', 'offset'],
  InstanceNormalization: [undefined, 'offset', 'offset'],
  LayerNormalization: [undefined, 'offset', 'offset'],
  GroupNormalization: [undefined, 'offset', 'offset'],
  PRelu: [undefined, 'offset'],
  Gather: ['weight'],
};

/** Operators whose operands are parameters wherever they stand behind a product and have more than one element. */
const anywhere = new Set(['Add', 'Mul', 'Sum', 'Concat']);

function roleOf(node: GraphNode, position: number, behindProduct: boolean, elements: number): Role | undefined {
  const operator = operatorName(node);
  if (operator === 'Einsum') return 'weight';
  const fixed = places[operator];
  if (fixed !== undefined) return fixed[position];
  return anywhere.has(operator) && behindProduct && elements > 1 ? 'offset' : undefined;
}

/**
 * The initializers before `features` that training may change, in the order in which the data meets them: float32 tensors that are filters,
 * matrices, tables (Gather) or their biases, scales and biases of normalisations, slopes of PRelu, and what is added to the data,
 * multiplied with it or put beside it behind the first product (position embeddings, class tokens, layer scales). Through
 * Transpose, Reshape and other movement. Not BatchNormalization's running statistics, not single numbers, not what prepares the input.
 *
 * One initializer that several nodes read is one parameter. A file does not tell a constant table that was never trained (an attention
 * mask) from one that was; such a table counts as a parameter.
 */
export function parametersBefore(graph: Graph, features: string): readonly ImportedParameter[] {
  const links = linksOf(graph);
  /** Values made of initializers alone: which ones. */
  const prepared = new Map<string, readonly string[]>();
  for (const [name, value] of graph.initializers) prepared.set(name, value.dtype === 'float32' ? [name] : []);
  const behindProduct = new Set<string>();
  const found = new Map<string, { readonly node: GraphNode; readonly roles: Set<Role> }>();

  for (const node of nodesBefore(graph, features)) {
    const given = node.inputs.filter((name) => name !== '');
    const moves = movement.has(operatorName(node)) && prepared.has(node.inputs[0] ?? '');
    if (moves || given.every((name) => prepared.has(name))) {
      const sources = (moves ? given.slice(0, 1) : given).flatMap((name) => prepared.get(name) ?? []);
      for (const name of node.outputs) prepared.set(name, sources);
      continue;
    }
    const behind = isProduct(graph, links, node) || given.some((name) => behindProduct.has(name));
    if (behind) for (const name of node.outputs) behindProduct.add(name);
    const data = given.some((name) => behindProduct.has(name));
    node.inputs.forEach((name, position) => {
      for (const source of prepared.get(name) ?? []) {
        const elements = sizeOf(graph.initializers.get(source)?.shape ?? []);
        const role = roleOf(node, position, data, elements);
        if (role === undefined) continue;
        const entry = found.get(source) ?? { node, roles: new Set<Role>() };
        entry.roles.add(role);
        found.set(source, entry);
      }
    });
  }

  const keys = safeNames([...found.keys()]);
  return Object.freeze(
    Array.from(found, ([name, { node, roles }]) => {
      const shape = graph.initializers.get(name)?.shape ?? [];
      const product = roles.has('weight');
      return Object.freeze({
        name,
        key: keys.get(name) ?? name,
        shape,
        decay: product && shape.length > 1,
        layer: layerOf(name, node.name),
        reader: node.name,
        product,
      });
    }),
  );
}
