import type { HostTensor } from '../core/tensor.ts';
import type { ForeignNode, OpNode, TensorType } from './graph.ts';
import { opOf } from './onnx-common.ts';
import { recognise } from './onnx-operators.ts';
import { OPSET, definitionOf } from './ops.ts';
import { inferTypes } from './shapes.ts';

/** A node of the operator table that was found in a file. */
export interface TableNode {
  readonly node: OpNode;
  readonly types: readonly TensorType[];
  /** Names of the constants that became attributes. */
  readonly operands: readonly string[];
}

/** The node as one of the operator table with the types of its outputs, or `undefined` where it has to stay foreign. */
export function inTable(
  node: Omit<ForeignNode, 'kind'>,
  types: ReadonlyMap<string, TensorType>,
  constants: ReadonlyMap<string, HostTensor>,
): TableNode | undefined {
  const op = opOf(node.domain, node.opType);
  if (op === undefined || node.outputs.includes('')) return undefined;
  if (node.version !== (definitionOf(op).domain === '' ? OPSET : 1)) return undefined;
  if (node.inputs.some((name) => name !== '' && !types.has(name))) return undefined;
  const recognised = recognise(
    op,
    { inputs: node.inputs, outputCount: node.outputs.length, attributes: node.attributes },
    (name) => types.get(name),
    (name) => constants.get(name),
  );
  if (recognised === undefined) return undefined;
  const { inputs, attributes, operands } = recognised;
  let inferred: readonly TensorType[];
  try {
    inferred = inferTypes(
      op,
      node.name,
      inputs.map((name) => (name === '' ? undefined : types.get(name))),
      attributes,
    );
  } catch {
    // The rules want more than ONNX does (one symbolic dimension, positive steps ...): the runtime may still accept it.
    return undefined;
  }
  if (inferred.length !== node.outputs.length) return undefined;
  // The compiler cannot see that `op` and `attributes` belong together.
  const table = { kind: 'op', op, name: node.name, inputs: Object.freeze(inputs), outputs: node.outputs, attributes };
  return { node: Object.freeze(table) as OpNode, types: inferred, operands };
}
