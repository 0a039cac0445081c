import { FixheadError, inputError, usageError } from '../core/errors.ts';
import { formatShape, type Dim, type Shape } from '../core/shape.ts';
import { checkGraph } from './check.ts';
import { foldConstants } from './fold.ts';
import type { Graph, GraphNode, OpNode, TensorType } from './graph.ts';

/** What binding does to the dimensions of a graph. */
interface Change {
  /** Symbolic dimensions and what they become. */
  readonly renamed: ReadonlyMap<string, Dim>;
  /** Inputs of which a size that the file fixes becomes another. */
  readonly resized: ReadonlySet<string>;
}

function changeOf(graph: Graph, shapes: ReadonlyMap<string, Shape>): Change {
  const renamed = new Map<string, Dim>();
  const resized = new Set<string>();
  for (const [name, shape] of shapes) {
    const type = graph.inputs.includes(name) ? graph.types.get(name) : undefined;
    if (type === undefined) {
      throw usageError(`${name} is not an input of the graph`, { where: graph.name, legal: graph.inputs });
    }
    const problem = { where: `input ${name}`, expected: formatShape(type.shape), received: formatShape(shape) };
    if (shape.length !== type.shape.length) throw usageError('the shape has another rank than the input', problem);
    type.shape.forEach((old, axis) => {
      const dim = shape[axis] ?? old;
      if (typeof dim === 'number' && !(Number.isSafeInteger(dim) && dim >= 0)) {
        throw usageError('impossible shape', problem);
      }
      if (typeof old === 'number') {
        if (old !== dim) resized.add(name);
        return;
      }
      const before = renamed.get(old);
      if (before !== undefined && before !== dim) {
        throw inputError(`dimension ${old} cannot be both ${before} and ${dim}`, problem);
      }
      renamed.set(old, dim);
    });
  }
  return { renamed, resized };
}

/**
 * A Reshape that keeps the first size of its operand says so with a 0 in place of the number: the same for the sizes of the
 * file, and right for every other batch.
 */
function withKeptBatch(node: OpNode<'Reshape'>, types: ReadonlyMap<string, TensorType>): OpNode {
  const [first, ...rest] = node.attributes.shape;
  const [x = ''] = node.inputs;
  const batch = types.get(x)?.shape[0];
  if (first === undefined || first <= 0 || first !== batch) return node;
  return Object.freeze({
    ...node,
    attributes: Object.freeze({ ...node.attributes, shape: Object.freeze([0, ...rest]) }),
  });
}

/** Values that depend on one of these inputs. */
function dependents(graph: Graph, sources: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set(sources);
  for (const node of graph.nodes) {
    if (node.inputs.some((name) => found.has(name))) for (const name of node.outputs) found.add(name);
  }
  return found;
}

/** The first node of the table that reads a value without a type, and the node that makes it. */
function untypedReader(graph: Graph): { readonly reader: GraphNode; readonly maker: GraphNode } | undefined {
  const makers = new Map<string, GraphNode>();
  for (const node of graph.nodes) {
    if (node.kind === 'op') {
      const name = node.inputs.find((each) => each !== '' && makers.has(each));
      const maker = name === undefined ? undefined : makers.get(name);
      if (maker !== undefined) return { reader: node, maker };
    } else for (const name of node.outputs) if (name !== '' && !graph.types.has(name)) makers.set(name, node);
  }
  return undefined;
}

/**
 * The same graph with inputs of these shapes: all types are inferred again, what follows from the shapes is computed
 * (`foldConstants`), and nodes that become nodes of the operator table thereby do. Names of inputs, outputs, remaining nodes and
 * values stay. A shape may hold symbolic dimensions, such as `['batch', 3, 224, 224]`.
 *
 * A batch that the file fixes can be replaced by another: a Reshape that keeps the first size of its operand then keeps the new
 * one. Any other constant that holds the old size contradicts the new one.
 *
 * @throws a usage error for a name that is no input or a shape of another rank; an input error, naming the node, where shapes
 * contradict each other or the shape of a value is no longer known
 */
export function bindInputs(graph: Graph, shapes: ReadonlyMap<string, Shape>): Graph {
  const { renamed, resized } = changeOf(graph, shapes);
  const stale = dependents(graph, resized);
  const bound = (dim: Dim): Dim => (typeof dim === 'string' ? (renamed.get(dim) ?? dim) : dim);
  const foreign = new Set(graph.nodes.flatMap((node) => (node.kind === 'foreign' ? node.outputs : [])));
  const types = new Map<string, TensorType>();
  for (const [name, type] of graph.types) {
    // What a file states of a foreign value may hold the size that is replaced.
    if (foreign.has(name) && stale.has(name)) continue;
    types.set(
      name,
      Object.freeze({ dtype: type.dtype, shape: Object.freeze(shapes.get(name) ?? type.shape.map(bound)) }),
    );
  }
  const nodes = graph.nodes.map((node) =>
    resized.size > 0 && node.kind === 'op' && node.op === 'Reshape' ? withKeptBatch(node, graph.types) : node,
  );
  const given: Graph = { ...graph, nodes, types };
  const control = nodes.find(
    (node) => node.kind === 'foreign' && [...node.attributes.values()].some(({ kind }) => kind === 'opaque'),
  );
  if (control?.kind === 'foreign') {
    throw inputError('shapes cannot be bound in a graph with control flow', {
      where: `node ${control.name} (${control.opType})`,
    });
  }
  let folded: Graph;
  try {
    folded = foldConstants(given);
  } catch (cause) {
    throw contradiction(given, cause, resized.size > 0);
  }
  const untyped = untypedReader(folded);
  if (untyped !== undefined) throw contradiction(folded, undefined, resized.size > 0);
  return checkGraph(folded, 'bindInputs');
}

/** Why shapes do not fit, in the words of whoever bound them. */
function contradiction(graph: Graph, cause: unknown, resized: boolean): unknown {
  const untyped = untypedReader(graph);
  if (untyped !== undefined) {
    const { reader, maker } = untyped;
    return inputError('the shape of a value is not known for these inputs', {
      where: `node ${reader.name}`,
      received: `a value of node ${maker.name}${maker.kind === 'foreign' ? ` (${maker.opType})` : ''}, whose shapes are not followed`,
      ...(cause === undefined ? {} : { cause }),
    });
  }
  if (!(cause instanceof FixheadError) || cause.kind !== 'input') return cause;
  return inputError(`the shapes contradict the model: ${cause.message}`, {
    where: graph.name,
    cause,
    ...(resized
      ? { hint: 'the file fixes a size that other nodes rely on; export the model with a dynamic batch dimension' }
      : {}),
  });
}
