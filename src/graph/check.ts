import { internalError } from '../core/errors.ts';
import { sameShape } from '../core/shape.ts';
import type { Graph, GraphNode, TensorType } from './graph.ts';
import { inferTypes } from './shapes.ts';
import { nodeText, typeText } from './text.ts';

function sameType(a: TensorType, b: TensorType): boolean {
  return a === b || (a.dtype === b.dtype && sameShape(a.shape, b.shape));
}

/**
 * The graph itself, if it is well formed; else an internal error that names `where` (the pass that made it) and the node.
 *
 * Checked: inputs, initializers and node outputs are all different and typed (outputs of foreign nodes may lack a type);
 * every node reads what stands before it; initializers fit their types; recorded types, element type and shape, are those
 * that the shape rules give; node names are unique; graph outputs exist and are different.
 */
export function checkGraph(graph: Graph, where: string): Graph {
  const fail = (problem: string, node?: GraphNode, cause?: unknown): never => {
    throw internalError(problem, {
      where: node === undefined ? where : `${where}: node ${node.name}`,
      ...(node === undefined ? {} : { hint: `the node is ${nodeText(node)}` }),
      ...(cause === undefined ? {} : { cause }),
    });
  };
  const { types } = graph;
  const available = new Set<string>();
  const define = (name: string, node?: GraphNode): void => {
    if (name === '') fail('a value has no name', node);
    if (available.has(name)) fail(`value ${name} is defined twice`, node);
    available.add(name);
  };

  for (const name of graph.inputs) {
    define(name);
    if (!types.has(name)) fail(`input ${name} has no type`);
  }
  for (const [name, value] of graph.initializers) {
    define(name);
    const type = types.get(name);
    if (type === undefined) fail(`initializer ${name} has no type`);
    else if (!sameType(type, value)) {
      fail(`initializer ${name} is ${typeText(value)}, but its recorded type is ${typeText(type)}`);
    }
  }

  const infer = (node: GraphNode): readonly (TensorType | undefined)[] => {
    if (node.kind === 'foreign') return node.outputs.map(() => undefined);
    const inputs = node.inputs.map((name) => {
      if (name === '') return undefined;
      return types.get(name) ?? fail(`input ${name} has no type`, node);
    });
    try {
      return inferTypes(node.op, node.name, inputs, node.attributes);
    } catch (error) {
      return fail(error instanceof Error ? error.message : String(error), node, error);
    }
  };

  const nodeNames = new Set<string>();
  for (const node of graph.nodes) {
    if (nodeNames.has(node.name)) fail(`two nodes are named ${node.name}`, node);
    nodeNames.add(node.name);
    for (const name of node.inputs) {
      if (name !== '' && !available.has(name)) fail(`input ${name} is not defined before its use`, node);
    }
    const inferred = infer(node);
    if (inferred.length !== node.outputs.length) {
      fail(`it has ${node.outputs.length} outputs, but its operator gives ${inferred.length}`, node);
    }
    node.outputs.forEach((name, index) => {
      if (name === '' && node.kind === 'foreign') return;
      define(name, node);
      const [recorded, expected] = [types.get(name), inferred[index]];
      if (expected === undefined) return;
      if (recorded === undefined) fail(`output ${name} has no type`, node);
      else if (!sameType(recorded, expected)) {
        fail(`output ${name} is ${typeText(expected)}, but its recorded type is ${typeText(recorded)}`, node);
      }
    });
  }

  const outputs = new Set<string>();
  for (const name of graph.outputs) {
    if (!available.has(name)) fail(`output ${name} is not defined`);
    if (outputs.has(name)) fail(`output ${name} is listed twice`);
    outputs.add(name);
  }
  return graph;
}
