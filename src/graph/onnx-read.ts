import type { onnx } from 'onnx-proto';
import { defined, inputError, type FixheadError } from '../core/errors.ts';
import { float32, tensor, type HostTensor } from '../core/tensor.ts';
import { checkGraph } from './check.ts';
import type { ForeignAttribute, Graph, GraphNode, TensorType } from './graph.ts';
import { ModelProto, bigintOf } from './onnx-common.ts';
import { collect, dimensionNamer, nodeNamer, withoutTrailingBlanks } from './onnx-names.ts';
import { inTopologicalOrder, type ListedNode } from './onnx-order.ts';
import { readAttribute, readTensor, readType } from './onnx-values.ts';
import { inTable } from './onnx-table.ts';
import { OPSET } from './ops.ts';
import { typeText } from './text.ts';

/** What an ONNX file holds. */
export interface OnnxModel {
  readonly graph: Graph;
  readonly metadata: Readonly<Record<string, string>>;
  /** The version of the standard operator set that the file imports. */
  readonly opset: number;
  readonly producer: string;
}

function decode(bytes: Uint8Array, where: string): onnx.IModelProto {
  try {
    // A plain view: given a Node.js Buffer, the codec would cut a string short at the end of the file without an error.
    return ModelProto.decode(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (cause) {
    throw notOnnx(where, cause);
  }
}

function notOnnx(where: string, cause?: unknown): FixheadError {
  return inputError('this is not an ONNX model, or it is damaged', {
    where,
    ...(cause === undefined ? {} : { cause }),
    hint: 'expected the bytes of a .onnx file; if it was downloaded, check that the download is complete',
  });
}

/** `ai.onnx` is another spelling of the standard domain. */
const normalDomain = (domain: string | null | undefined): string => (domain === 'ai.onnx' ? '' : (domain ?? ''));

function readVersions(model: onnx.IModelProto, where: string): ReadonlyMap<string, number> {
  const versions = new Map<string, number>();
  for (const entry of model.opsetImport ?? []) {
    const version = Number(bigintOf(entry.version));
    if (!Number.isSafeInteger(version) || version < 1) {
      throw inputError('impossible operator-set version', { where, received: String(version) });
    }
    versions.set(normalDomain(entry.domain), version);
  }
  return versions;
}

function refuse(model: onnx.IModelProto, proto: onnx.IGraphProto, where: string): void {
  if ((proto.sparseInitializer ?? []).length > 0) {
    throw inputError('sparse initializers are not supported', {
      where,
      hint: 'save the model with dense initializers',
    });
  }
  if ((model.functions ?? []).length > 0) {
    throw inputError('functions inside the model are not supported', {
      where,
      hint: 'inline them first (in Python: onnx.inliner.inline_local_functions)',
    });
  }
}

function readAttributes(proto: onnx.INodeProto, where: string): ReadonlyMap<string, ForeignAttribute> {
  return collect(proto.attribute, 'attribute', where, (attribute, name) =>
    readAttribute(attribute, `${where}: attribute ${name}`),
  );
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

/**
 * Reads any ONNX model; `where` (a file name) opens every error.
 *
 * Nodes of the operator table become table nodes, with ONNX's defaults filled in and constant operands as attributes.
 * Everything else becomes a foreign node, carried along unchanged: operators outside the table, standard operators of
 * another opset than 18, operands that are computed, attributes with a meaning the table lacks, shapes the rules cannot
 * follow. Foreign values have the types that the file states, or none. Constant nodes become initializers. Nodes in a wrong
 * order are sorted. What `toOnnx` wrote comes back as the same graph; float attributes have float32 precision.
 *
 * @throws input error for bytes that are no ONNX model or contradict themselves, for external data, sparse initializers,
 * model-local functions, and for inputs or initializers that are not numeric tensors.
 */
export function readOnnx(bytes: Uint8Array, where: string): OnnxModel {
  const model = decode(bytes, where);
  const proto = model.graph;
  const versions = readVersions(model, where);
  if (proto == null || bigintOf(model.irVersion) < 1n || versions.size === 0) throw notOnnx(where);
  refuse(model, proto, where);
  return Object.freeze({
    graph: checkGraph(readGraph(proto, versions, where), where),
    metadata: Object.freeze(
      Object.fromEntries((model.metadataProps ?? []).map((entry) => [entry.key ?? '', entry.value ?? ''])),
    ),
    opset: versions.get('') ?? OPSET,
    producer: model.producerName ?? '',
  });
}

function readGraph(proto: onnx.IGraphProto, versions: ReadonlyMap<string, number>, where: string): Graph {
  const unnamed = dimensionNamer(proto);
  const typeOf = (info: onnx.IValueInfoProto) => readType(info, unnamed, where);
  const initializers = collect(proto.initializer, 'initializer', where, (each, name) =>
    readTensor(each, `${where}: initializer ${name}`),
  );
  const inputTypes = collect(proto.input, 'input', where, typeOf);
  const outputTypes = collect(proto.output, 'output', where, typeOf);
  // Repeated value_info is harmless; the last one counts.
  const declared = new Map<string, TensorType | undefined>(
    (proto.valueInfo ?? []).map((info) => [info.name ?? '', typeOf(info)]),
  );
  for (const [name, type] of outputTypes) declared.set(name, type ?? declared.get(name));

  const nodeName = nodeNamer();
  const listed: ListedNode[] = [];
  for (const each of proto.node ?? []) {
    const name = nodeName(each);
    const opType = each.opType ?? '';
    const domain = normalDomain(each.domain);
    const attributes = readAttributes(each, `${where}: node ${name} (${opType})`);
    const constant = domain === '' && opType === 'Constant' ? constantOf(attributes) : undefined;
    const [output] = each.output ?? [];
    if (constant !== undefined && output !== undefined && output !== '' && each.output?.length === 1) {
      if (initializers.has(output)) throw inputError(`value ${output} is defined twice`, { where });
      initializers.set(output, constant);
      continue;
    }
    const version = versions.get(domain);
    if (opType === '') throw inputError('node without an operator', { where: `${where}: node ${name}` });
    if (version === undefined) {
      throw inputError(`the model imports no operator set for the domain '${domain || 'ai.onnx'}'`, {
        where: `${where}: node ${name} (${opType})`,
        legal: [...versions.keys()].map((known) => known || 'ai.onnx'),
      });
    }
    listed.push({
      name,
      opType,
      domain,
      version,
      attributes,
      inputs: withoutTrailingBlanks(each.input),
      outputs: withoutTrailingBlanks(each.output),
    });
  }

  const inputs = [...inputTypes.keys()].filter((name) => !initializers.has(name));
  const types = new Map<string, TensorType>();
  for (const name of inputs) {
    const type = inputTypes.get(name);
    if (type === undefined) {
      throw inputError('the input is not a numeric tensor of known rank', { where: `${where}: input ${name}` });
    }
    types.set(name, type);
  }
  for (const [name, value] of initializers) types.set(name, Object.freeze({ dtype: value.dtype, shape: value.shape }));

  const readAsValue = new Set<string>(outputTypes.keys());
  const readAsOperand = new Set<string>();
  const nodes: GraphNode[] = [];
  for (const node of inTopologicalOrder(listed, [...inputs, ...initializers.keys()], where)) {
    const table = inTable(node, types, initializers);
    if (table === undefined) {
      nodes.push(Object.freeze({ kind: 'foreign', ...node }));
      for (const name of node.inputs) readAsValue.add(name);
      for (const name of node.outputs) {
        const type = declared.get(name);
        if (name !== '' && type !== undefined) types.set(name, type);
      }
      continue;
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
  }

  const produced = new Set(listed.flatMap((node) => node.outputs));
  for (const name of outputTypes.keys()) {
    if (!types.has(name) && !produced.has(name)) {
      throw inputError(`output ${name} is not defined`, { where });
    }
  }
  for (const name of readAsOperand) {
    if (readAsValue.has(name)) continue;
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
