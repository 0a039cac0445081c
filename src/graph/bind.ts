import { FixheadError, inputError, usageError } from '../core/errors.ts';
import { formatShape, type Dim, type Shape } from '../core/shape.ts';
import { int64 } from '../core/tensor.ts';
import { checkGraph } from './check.ts';
import { foldConstants } from './fold.ts';
import type { ForeignNode, Graph, GraphNode, TensorType } from './graph.ts';
import { freshNames } from './onnx-names.ts';
import { typeText } from './text.ts';

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

/** Values that depend on one of these inputs. */
function dependents(graph: Graph, sources: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set(sources);
  for (const node of graph.nodes) {
    if (node.inputs.some((name) => found.has(name))) for (const name of node.outputs) found.add(name);
  }
  return found;
}

/**
 * The graph with every Reshape that keeps the first size of its operand saying so with a 0 in place of the number: the same for
 * the sizes of the file, and right for every other batch. A target that is computed from shapes follows them by itself.
 */
function withKeptBatch(graph: Graph, folded: Graph): Graph {
  const computed = dependents(graph, new Set(graph.inputs));
  const targets = new Map<string, readonly number[]>();
  for (const node of folded.nodes) {
    if (node.kind !== 'op' || node.op !== 'Reshape') continue;
    const [first, ...rest] = node.attributes.shape;
    const batch = folded.types.get(node.inputs[0] ?? '')?.shape[0];
    if (first !== undefined && first > 0 && first === batch) targets.set(node.name, [0, ...rest]);
  }
  const initializers = new Map(graph.initializers);
  const types = new Map(graph.types);
  const fresh = freshNames([...types.keys(), ...graph.nodes.flatMap((node) => node.outputs)]);
  const nodes = graph.nodes.map((node): GraphNode => {
    const shape = targets.get(node.name);
    const [x = '', target = ''] = node.inputs;
    if (shape === undefined || computed.has(target)) return node;
    if (node.kind === 'op') {
      const attributes = Object.freeze({ shape: Object.freeze(shape) });
      return Object.freeze({ ...node, op: 'Reshape', attributes });
    }
    const kept = fresh(`${node.name}_shape`);
    const value = int64([shape.length], shape);
    initializers.set(kept, value);
    types.set(kept, Object.freeze({ dtype: value.dtype, shape: value.shape }));
    return Object.freeze({ ...node, inputs: Object.freeze([x, kept]) });
  });
  return { ...graph, nodes, initializers, types };
}

/** A node of the table that is none with the new shapes: they do not fit it. */
function misfit(before: Graph, after: Graph): ForeignNode | undefined {
  const fitted = new Set(before.nodes.flatMap((node) => (node.kind === 'op' ? [node.name] : [])));
  return after.nodes.find((node): node is ForeignNode => node.kind === 'foreign' && fitted.has(node.name));
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
  const control = graph.nodes.find(
    (node) => node.kind === 'foreign' && [...node.attributes.values()].some(({ kind }) => kind === 'opaque'),
  );
  if (control?.kind === 'foreign') {
    throw inputError('shapes cannot be bound in a graph with control flow', {
      where: `node ${control.name} (${control.opType})`,
    });
  }
  const before = foldConstants(graph);
  const given = resized.size > 0 ? withKeptBatch({ ...graph, types }, before) : { ...graph, types };
  let after: Graph;
  try {
    after = foldConstants(given);
  } catch (cause) {
    throw contradiction(given, cause, resized.size > 0);
  }
  if (misfit(before, after) !== undefined || untypedReader(after) !== undefined) {
    throw contradiction(after, misfit(before, after), resized.size > 0);
  }
  return checkGraph(after, 'bindInputs');
}

/** Why shapes do not fit, in the words of whoever bound them. */
function contradiction(graph: Graph, cause: unknown, resized: boolean): unknown {
  const hint = 'the file fixes a size that other nodes rely on; export the model with a dynamic batch dimension';
  const untyped = untypedReader(graph);
  if (untyped !== undefined) {
    const { reader, maker } = untyped;
    return inputError('the shape of a value is not known for these inputs', {
      where: `node ${reader.name}`,
      received: `a value of node ${maker.name}${maker.kind === 'foreign' ? ` (${maker.opType})` : ''}, whose shapes are not followed`,
      ...(cause instanceof Error ? { cause } : {}),
      ...(resized ? { hint } : {}),
    });
  }
  const isNode = typeof cause === 'object' && cause !== null && 'opType' in cause;
  if (isNode) {
    const node = cause as ForeignNode;
    const shapes = node.inputs.filter(Boolean).map((name) => `${name} ${typeText(graph.types.get(name))}`);
    return inputError('the shapes contradict the model', {
      where: `node ${node.name} (${node.opType})`,
      received: shapes.join(', '),
      ...(resized ? { hint } : {}),
    });
  }
  if (!(cause instanceof FixheadError) || cause.kind !== 'input') return cause;
  return inputError(`the shapes contradict the model: ${cause.message}`, {
    where: graph.name,
    cause,
    ...(resized ? { hint } : {}),
  });
}
