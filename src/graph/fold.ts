import { defined, inputError } from '../core/errors.ts';
import { broadcastShapes, isStatic, sizeOf } from '../core/shape.ts';
import type { HostTensor } from '../core/tensor.ts';
import { canEvaluate, evaluateMaker, evaluateNode } from './folding/evaluate.ts';
import { dimensions, type Dimensions } from './folding/dimensions.ts';
import { isWhole } from './folding/elements.ts';
import { resolveIdentities } from './folding/identities.ts';
import { constantOf, reshapeTarget, shapeFrom, sizesOf, sizesOfNode, type Sizes } from './folding/sizes.ts';
import type { ForeignNode, Graph, GraphNode, OpNode, TensorType } from './graph.ts';
import { inTable } from './onnx-table.ts';
import { eliminateDeadNodes } from './passes.ts';
import { inferTypes } from './shapes.ts';
import { typeText } from './text.ts';

/** Results with more elements than this are not computed. */
const LARGEST = 1_000_000;
/** Results larger than all operands together have at most so many: a repeated number should not make a file larger. */
const LARGEST_REPEATED = 65_536;

/** What is known while a graph is folded from its inputs to its outputs. */
interface Pass {
  readonly graph: Graph;
  readonly dims: Dimensions;
  readonly types: Map<string, TensorType>;
  readonly constants: Map<string, HostTensor>;
  /** Constants that were computed, from integers or single numbers. */
  readonly computed: Set<string>;
  /** Sizes of which not all are known. */
  readonly sizes: Map<string, Sizes>;
  readonly nodes: GraphNode[];
}

const typeIn = (pass: Pass, name: string): TensorType | undefined => {
  const type = pass.types.get(name);
  return type === undefined ? undefined : pass.dims.resolve(type);
};

function sizesIn(pass: Pass, name: string): Sizes | undefined {
  const constant = pass.constants.get(name);
  return constant === undefined ? pass.sizes.get(name) : sizesOf(constant);
}

/**
 * Whether a constant may be computed with. A float tensor of the model that has an axis may be a weight, wherever it is used: a
 * computed copy of it would be a number that training cannot reach. Integers, booleans, rank-0 floats and what was computed
 * from them are no weights.
 */
function mayCompute(pass: Pass, name: string): boolean {
  const constant = pass.constants.get(name);
  return constant !== undefined && (isWhole(constant.dtype) || constant.shape.length === 0 || pass.computed.has(name));
}

/** The node's operands, if it may be computed here. */
function operandsOf(pass: Pass, node: GraphNode): readonly HostTensor[] | undefined {
  const outputs = new Set(pass.graph.outputs);
  if (node.outputs.some((name) => outputs.has(name)) || !node.inputs.every((name) => mayCompute(pass, name))) return;
  return node.inputs.map((name) => defined(pass.constants.get(name), name));
}

function addConstant(pass: Pass, name: string, value: HostTensor): void {
  pass.constants.set(name, value);
  pass.computed.add(name);
  pass.types.set(name, Object.freeze({ dtype: value.dtype, shape: value.shape }));
}

/** Computes the node's outputs; false if it has to stay. */
function computeOutputs(pass: Pass, node: OpNode, types: readonly TensorType[]): boolean {
  const operands = operandsOf(pass, node);
  if (operands === undefined || operands.length === 0 || !canEvaluate(node.op)) return false;
  const given = operands.reduce((sum, { data }) => sum + data.length, 0);
  const made = types.reduce((sum, { shape }) => sum + (isStatic(shape) ? sizeOf(shape) : Infinity), 0);
  if (made > LARGEST || (made > given && made > LARGEST_REPEATED)) return false;
  const results = evaluateNode(node, operands, types);
  if (results === undefined) return false;
  node.outputs.forEach((name, index) => {
    addConstant(pass, name, defined(results[index], name));
  });
  return true;
}

/** Follows the sizes through a node; true if that makes constants of all its outputs. */
function followSizes(pass: Pass, node: OpNode): boolean {
  const followed = sizesOfNode(
    node,
    (name) => typeIn(pass, name),
    (name) => sizesIn(pass, name),
  );
  const outputs = new Set(pass.graph.outputs);
  const constants = node.outputs.map((name, index) => {
    const sizes = followed[index];
    if (sizes === undefined) return undefined;
    pass.sizes.set(name, sizes);
    return outputs.has(name) ? undefined : constantOf(sizes);
  });
  const complete = constants.filter((value) => value !== undefined);
  if (complete.length !== node.outputs.length) return false;
  node.outputs.forEach((name, index) => {
    addConstant(pass, name, defined(complete[index], name));
  });
  return true;
}

function foldTableNode(pass: Pass, node: OpNode, types: readonly TensorType[]): void {
  node.outputs.forEach((name, index) => {
    const inferred = defined(types[index], `type of ${name}`);
    const recorded = typeIn(pass, name);
    if (recorded !== undefined) pass.dims.unify(recorded, inferred);
    pass.types.set(name, inferred);
  });
  if (!computeOutputs(pass, node, types) && !followSizes(pass, node)) pass.nodes.push(node);
}

/** The constants among the node's operands; a Reshape's target may have one dimension that is not a number. */
function operandConstants(pass: Pass, node: ForeignNode): ReadonlyMap<string, HostTensor> {
  const constants = new Map<string, HostTensor>();
  for (const name of node.inputs) {
    const constant = pass.constants.get(name);
    if (constant !== undefined) constants.set(name, constant);
  }
  const [x = '', target = ''] = node.inputs;
  const from = typeIn(pass, x);
  const sizes = pass.sizes.get(target);
  if (
    node.domain === '' &&
    node.opType === 'Reshape' &&
    from !== undefined &&
    sizes !== undefined &&
    !constants.has(target)
  ) {
    const allowzero = node.attributes.get('allowzero');
    const resolved = reshapeTarget(from.shape, sizes, allowzero?.kind !== 'int' || allowzero.value === 0n);
    if (resolved !== undefined) constants.set(target, resolved);
  }
  return constants;
}

/** What can be said of the type of a node whose shape operand has symbolic dimensions. */
function foreignType(pass: Pass, node: ForeignNode): TensorType | undefined {
  if (node.domain !== '') return undefined;
  const [x = '', y = ''] = node.inputs;
  const target = sizesIn(pass, node.opType === 'ConstantOfShape' ? x : y);
  const shape = target === undefined ? undefined : shapeFrom(target);
  const from = typeIn(pass, x);
  if (shape === undefined || from === undefined) return undefined;
  switch (node.opType) {
    case 'Expand':
      return { dtype: from.dtype, shape: broadcastShapes(from.shape, shape, node.name) };
    case 'Reshape':
      return shape.includes(0) ? undefined : { dtype: from.dtype, shape };
    case 'ConstantOfShape': {
      const value = node.attributes.get('value');
      return { dtype: value?.kind === 'tensor' ? value.value.dtype : 'float32', shape };
    }
    default:
      return undefined;
  }
}

/** A CastLike whose model is of a known type is a Cast. */
function castOf(pass: Pass, { domain, opType, name, inputs, outputs }: ForeignNode): OpNode<'Cast'> | undefined {
  if (domain !== '' || opType !== 'CastLike') return undefined;
  const [x = '', like = ''] = inputs;
  const to = typeIn(pass, like)?.dtype;
  if (to === undefined || typeIn(pass, x) === undefined) return undefined;
  return Object.freeze({ kind: 'op', op: 'Cast', name, inputs: [x], outputs, attributes: { to } });
}

function foldForeignNode(pass: Pass, node: ForeignNode): void {
  const cast = castOf(pass, node);
  if (cast !== undefined) {
    foldTableNode(pass, cast, inferTypes(cast.op, cast.name, [typeIn(pass, node.inputs[0] ?? '')], cast.attributes));
    return;
  }
  const known = new Map(
    node.inputs.flatMap((name) => {
      const type = typeIn(pass, name);
      return type === undefined ? [] : [[name, type] as const];
    }),
  );
  const table = inTable(node, known, operandConstants(pass, node));
  if (table !== undefined) {
    checkStated(pass, node, table.types);
    foldTableNode(pass, table.node, table.types);
    return;
  }
  const operands = operandsOf(pass, node);
  const made = operands && evaluateMaker(node, operands, LARGEST_REPEATED);
  const [output = ''] = node.outputs;
  if (made !== undefined && node.outputs.length === 1) {
    addConstant(pass, output, made);
    return;
  }
  const type = foreignType(pass, node);
  if (type !== undefined && node.outputs.length === 1) {
    const stated = typeIn(pass, output);
    if (stated !== undefined) pass.dims.unify(stated, type);
    pass.types.set(output, Object.freeze(type));
  }
  pass.nodes.push(node);
}

/** A file that states another element type or rank, or other sizes, than what its node computes is wrong. */
function checkStated(pass: Pass, node: ForeignNode, types: readonly TensorType[]): void {
  node.outputs.forEach((name, index) => {
    const [stated, inferred] = [typeIn(pass, name), types[index]];
    if (stated === undefined || inferred === undefined) return;
    const contradicts =
      stated.dtype !== inferred.dtype ||
      stated.shape.length !== inferred.shape.length ||
      stated.shape.some((dim, axis) => {
        const other = inferred.shape[axis];
        return typeof dim === 'number' && typeof other === 'number' && dim !== other;
      });
    if (contradicts) {
      throw inputError(`value ${name} cannot have its declared type`, {
        where: `node ${node.name} (${node.opType})`,
        expected: typeText(inferred),
        received: typeText(stated),
      });
    }
  });
}

function foldOnce(graph: Graph): { readonly graph: Graph; readonly renamed: boolean } {
  const fixed = graph.inputs
    .flatMap((name) => graph.types.get(name)?.shape ?? [])
    .filter((dim) => typeof dim === 'string');
  const pass: Pass = {
    graph,
    dims: dimensions(new Set(fixed)),
    types: new Map(graph.types),
    constants: new Map(graph.initializers),
    computed: new Set(),
    sizes: new Map(),
    nodes: [],
  };
  for (const node of graph.nodes) {
    if (node.kind === 'foreign') {
      foldForeignNode(pass, node);
      continue;
    }
    const inputs = node.inputs.map((name) => (name === '' ? undefined : typeIn(pass, name)));
    foldTableNode(pass, node, inferTypes(node.op, node.name, inputs, node.attributes));
  }
  const types = new Map(Array.from(pass.types, ([name, type]) => [name, pass.dims.resolve(type)]));
  return {
    graph: { ...graph, nodes: Object.freeze(pass.nodes), initializers: pass.constants, types },
    renamed: pass.dims.changed(),
  };
}

/** Sub-graphs may read any value by its name, and fixhead does not look into them. */
const hasSubgraphs = (graph: Graph): boolean =>
  graph.nodes.some(
    (node) => node.kind === 'foreign' && [...node.attributes.values()].some((attribute) => attribute.kind === 'opaque'),
  );

/**
 * The graph with everything computed that follows from constants and from shapes: what exporters leave of the arithmetic that
 * finds out a shape (Shape, Gather, Unsqueeze, Concat ...) becomes constants, and nodes that were foreign because an operand
 * was computed become nodes of the table. All types are inferred again from the inputs on, so the result also fits inputs
 * whose types were replaced.
 *
 * - Folded are integers and booleans up to 10⁶ elements, and floats that come from integers or from rank-0 numbers. A float
 *   initializer with an axis is never folded, whatever it is used for: it may be a weight, and stays the one that training
 *   changes.
 * - A symbolic dimension may stay open: a Reshape to `[batch, 2, 116, 28, 28]` becomes one to `[0, 2, 116, 28, 28]`. What
 *   needs its number stays as nodes.
 * - Identity nodes disappear: of an initializer (parameters under two names) the initializer itself is read. Names of the
 *   graph's inputs and outputs stay; an output stays an Identity where it is an input, an initializer or another output.
 * - Values that no output needs disappear. A graph with control flow is returned as it is.
 *
 * @throws an input error, naming the node, if shapes contradict
 */
export function foldConstants(graph: Graph): Graph {
  if (hasSubgraphs(graph)) return graph;
  let folded = resolveIdentities(graph);
  // A dimension that turned out to have another name can make earlier nodes fit.
  for (let round = 0, again = true; again && round < 3; round++) {
    const result = foldOnce(folded);
    folded = result.graph;
    again = result.renamed;
  }
  return eliminateDeadNodes(Object.freeze(folded));
}
