import type { onnx } from 'onnx-proto';
import { defined, inputError } from '../core/errors.ts';
import { float32, tensor, type HostTensor } from '../core/tensor.ts';
import type { ForeignAttribute, Graph, GraphNode, TensorType } from './graph.ts';
import type { ExternalData } from './onnx-external.ts';
import type { PlacedNode } from './onnx-functions.ts';
import { collect, dimensionNamer, freshNames, nodeNamer, withoutTrailingBlanks } from './onnx-names.ts';
import { inTopologicalOrder, type ListedNode } from './onnx-order.ts';
import { inTable } from './onnx-table.ts';
import { readAttribute, readTensor, readType } from './onnx-values.ts';
import { typeText } from './text.ts';
import { refuseOpset, upgrade, type Refusal } from './upgrade/upgrade.ts';

/** What reading a graph needs besides its nodes. */
export interface GraphContext {
  readonly normalDomain: (domain: string | null | undefined) => string;
  readonly external: ExternalData;
  /** Symbolic dimensions that stand for a size. */
  readonly dimensions: ReadonlyMap<string, number>;
  readonly opset: number;
  readonly where: string;
}

/** What a Constant node holds, `undefined` for strings and sparse tensors. */
function constantOf(attributes: ReadonlyMap<string, ForeignAttribute>): HostTensor | undefined {
  const [only] = attributes;
  if (only === undefined || attributes.size > 1) return undefined;
  const [, attribute] = only;
  switch (attribute.kind) {
    case 'tensor':
      return attribute.value;
    case 'float':
      return float32([], [attribute.value]);
    case 'floats':
      return float32([attribute.value.length], attribute.value);
    case 'int':
      return tensor('int64', [], BigInt64Array.of(attribute.value));
    case 'ints':
      return tensor('int64', [attribute.value.length], BigInt64Array.from(attribute.value));
    case 'string':
    case 'strings':
    case 'opaque':
      return undefined;
    default:
      return attribute satisfies never;
  }
}

/** Sizes, ranks and element types that contradict each other; names of dimensions may differ. */
function contradicts(a: TensorType, b: TensorType): boolean {
  return (
    a.dtype !== b.dtype ||
    a.shape.length !== b.shape.length ||
    a.shape.some((dim, axis) => {
      const other = b.shape[axis];
      return typeof dim === 'number' && typeof other === 'number' && dim !== other;
    })
  );
}

/** The nodes as a list; Constant nodes join the initializers. */
function listNodes(
  placed: readonly PlacedNode[],
  initializers: Map<string, HostTensor>,
  { normalDomain, external, where }: GraphContext,
): readonly ListedNode[] {
  const nodeName = nodeNamer();
  const listed: ListedNode[] = [];
  for (const { proto, versions } of placed) {
    const name = nodeName(proto);
    const opType = proto.opType ?? '';
    const domain = normalDomain(proto.domain);
    const at = `${where}: node ${name} (${opType})`;
    const attributes = collect(proto.attribute, 'attribute', at, (attribute, key) =>
      readAttribute(attribute, external, `${at}: attribute ${key}`),
    );
    const constant = domain === '' && opType === 'Constant' ? constantOf(attributes) : undefined;
    const [output] = proto.output ?? [];
    if (constant !== undefined && output !== undefined && output !== '' && proto.output?.length === 1) {
      if (initializers.has(output)) throw inputError(`value ${output} is defined twice`, { where });
      initializers.set(output, constant);
      continue;
    }
    const version = versions.get(domain);
    if (opType === '') throw inputError('node without an operator', { where: `${where}: node ${name}` });
    if (version === undefined) {
      throw inputError(`the model imports no operator set for the domain '${domain || 'ai.onnx'}'`, {
        where: at,
        legal: [...versions.keys()].map((known) => known || 'ai.onnx'),
      });
    }
    listed.push({
      name,
      opType,
      domain,
      version,
      attributes,
      inputs: withoutTrailingBlanks(proto.input),
      outputs: withoutTrailingBlanks(proto.output),
    });
  }
  return listed;
}

/** The graph of a file, its nodes in opset 18. @throws an input error for whatever contradicts itself */
export function readGraph(proto: onnx.IGraphProto, placed: readonly PlacedNode[], context: GraphContext): Graph {
  const { external, dimensions, opset, where } = context;
  const unnamed = dimensionNamer(proto);
  const typeOf = (info: onnx.IValueInfoProto) => readType(info, unnamed, dimensions, where);
  const initializers = collect(proto.initializer, 'initializer', where, (each, name) =>
    readTensor(each, external, `${where}: initializer ${name}`),
  );
  const inputTypes = collect(proto.input, 'input', where, typeOf);
  const outputTypes = collect(proto.output, 'output', where, typeOf);
  // Repeated value_info is harmless; the last one counts.
  const declared = new Map<string, TensorType | undefined>(
    (proto.valueInfo ?? []).map((info) => [info.name ?? '', typeOf(info)]),
  );
  for (const [name, type] of outputTypes) declared.set(name, type ?? declared.get(name));
  const listed = listNodes(placed, initializers, context);

  const inputs = [...inputTypes.keys()].filter((name) => !initializers.has(name));
  const types = new Map<string, TensorType>();
  for (const name of inputs) {
    const type = inputTypes.get(name);
    if (type === undefined) {
      throw inputError('the input is not a numeric tensor of known rank', { where: `${where}: input ${name}` });
    }
    types.set(name, type);
  }
  const addConstant = (name: string, value: HostTensor): void => {
    initializers.set(name, value);
    types.set(name, Object.freeze({ dtype: value.dtype, shape: value.shape }));
  };
  for (const [name, value] of initializers) addConstant(name, value);

  const produced = listed.flatMap((node) => node.outputs);
  const upgrading = {
    typeOf: (name: string) => types.get(name),
    constantOf: (name: string) => initializers.get(name),
    fresh: freshNames([...types.keys(), ...produced, ...listed.map(({ name }) => name)]),
    addConstant,
  };
  const readAsValue = new Set<string>(outputTypes.keys());
  const readAsOperand = new Set<string>();
  const nodes: GraphNode[] = [];
  const place = (node: ListedNode): void => {
    const table = inTable(node, types, initializers);
    if (table === undefined) {
      const frozen = { inputs: Object.freeze(node.inputs), outputs: Object.freeze(node.outputs) };
      nodes.push(Object.freeze({ kind: 'foreign', ...node, ...frozen }));
      for (const name of node.inputs) readAsValue.add(name);
      for (const name of node.outputs) {
        const type = declared.get(name);
        if (name !== '' && type !== undefined) types.set(name, type);
      }
      return;
    }
    nodes.push(table.node);
    for (const name of table.node.inputs) readAsValue.add(name);
    for (const name of table.operands) readAsOperand.add(name);
    node.outputs.forEach((name, index) => {
      const inferred = defined(table.types[index], `type of ${name}`);
      const stated = declared.get(name);
      if (stated !== undefined && contradicts(stated, inferred)) {
        throw inputError(`value ${name} cannot have its declared type`, {
          where: `${where}: node ${node.name} (${node.opType})`,
          expected: typeText(inferred),
          received: typeText(stated),
        });
      }
      types.set(name, inferred);
    });
  };
  const refusals: Refusal[] = [];
  const order = inTopologicalOrder(listed, [...inputs, ...initializers.keys()], where);
  for (const node of order) {
    const upgraded = upgrade(node, upgrading);
    if ('refused' in upgraded) {
      refusals.push(upgraded.refused);
      continue;
    }
    upgraded.nodes.forEach(place);
    // What the node no longer reads in opset 18, such as a tensor without elements in place of an absent one.
    for (const name of node.inputs) readAsOperand.add(name);
  }
  refuseOpset(refusals, opset, where);

  const made = new Set(produced);
  for (const name of outputTypes.keys()) {
    if (!types.has(name) && !made.has(name)) {
      throw inputError(`output ${name} is not defined`, { where });
    }
  }
  for (const name of readAsOperand) {
    if (readAsValue.has(name) || !initializers.has(name)) continue;
    initializers.delete(name);
    types.delete(name);
  }
  return Object.freeze({
    name: proto.name ?? '',
    inputs: Object.freeze(inputs),
    outputs: Object.freeze([...outputTypes.keys()]),
    nodes: Object.freeze(nodes),
    initializers,
    types,
  });
}
