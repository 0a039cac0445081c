import { defined } from '../core/errors.ts';
import type { HostTensor, DType } from '../core/tensor.ts';
import type { ForeignAttribute, Graph, GraphNode, TensorType } from './graph.ts';
import { dataTypes, onnxTypeOf, shortestFloat32 } from './onnx-common.ts';
import { OPSET, definitionOf, type AttributeKind } from './ops.ts';

/**
 * Graphs as ONNX text (https://github.com/onnx/onnx/blob/main/docs/Syntax.md), for errors and tests. Two liberties: constant
 * operands are shown as attributes, as the operator table has them, and long initializers are cut short.
 */

/** Initializers with more elements than this are cut short. */
const SHOWN_ELEMENTS = 8;

const primitiveTypes = {
  float32: 'float',
  float64: 'double',
  float16: 'float16',
  bfloat16: 'bfloat16',
  int8: 'int8',
  uint8: 'uint8',
  int16: 'int16',
  uint16: 'uint16',
  int32: 'int32',
  uint32: 'uint32',
  int64: 'int64',
  uint64: 'uint64',
  bool: 'bool',
} as const satisfies Record<DType, string>;

/** An identifier, quoted unless it is a C one. */
function id(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);
}

/** `float[batch, 10]`; `float` for a scalar (`float[]` would be of any rank); `?` for a value whose type is not known. */
export function typeText(type: TensorType | undefined): string {
  if (type === undefined) return '?';
  if (type.shape.length === 0) return primitiveTypes[type.dtype];
  return `${primitiveTypes[type.dtype]}[${type.shape.map((dim) => (typeof dim === 'string' ? id(dim) : String(dim))).join(', ')}]`;
}

function elementsText(value: HostTensor): string {
  const { data } = value;
  const shown: string[] = [];
  for (const element of data.subarray(0, SHOWN_ELEMENTS)) {
    shown.push(String(value.dtype === 'float32' && typeof element === 'number' ? shortestFloat32(element) : element));
  }
  if (data.length > SHOWN_ELEMENTS) shown.push(`... ${data.length - SHOWN_ELEMENTS} more`);
  return `{${shown.join(', ')}}`;
}

function attributeText(kind: AttributeKind, value: unknown): string {
  if (Array.isArray(value)) return `[${value.join(', ')}]`;
  if (kind === 'dtype') return String(dataTypes[value as DType]);
  return kind === 'string' ? JSON.stringify(value) : String(value);
}

const utf8 = new TextDecoder();

function foreignAttributeText(attribute: ForeignAttribute): string {
  switch (attribute.kind) {
    case 'int':
    case 'float':
      return String(attribute.value);
    case 'ints':
    case 'floats':
      return `[${attribute.value.join(', ')}]`;
    case 'string':
      return JSON.stringify(utf8.decode(attribute.value));
    case 'strings':
      return `[${attribute.value.map((text) => JSON.stringify(utf8.decode(text))).join(', ')}]`;
    case 'tensor':
      return `${typeText(attribute.value)} ${elementsText(attribute.value)}`;
    case 'opaque':
      return `... ${attribute.description}`;
    default:
      return attribute satisfies never;
  }
}

function attributesText(node: GraphNode): string {
  const shown =
    node.kind === 'op'
      ? Object.entries(definitionOf(node.op).attributes).map(
          ([name, kind]) => `${name} = ${attributeText(kind, (node.attributes as Record<string, unknown>)[name])}`,
        )
      : [...node.attributes].map(([name, attribute]) => `${name} = ${foreignAttributeText(attribute)}`);
  return shown.length === 0 ? '' : ` <${shown.join(', ')}>`;
}

function qualifiedOperator(node: GraphNode): string {
  const [domain, type] =
    node.kind === 'op' ? [definitionOf(node.op).domain, onnxTypeOf(node.op)] : [node.domain, node.opType];
  return domain === '' ? type : `${domain}.${type}`;
}

/** One node: `["name"] y, z = Op <attribute = value> (a, b)`; the name is left out where it is that of the first output. */
export function nodeText(node: GraphNode): string {
  const label = node.name === node.outputs[0] ? '' : `[${id(node.name)}] `;
  const outputs = node.outputs.map(id).join(', ');
  return `${label}${outputs} = ${qualifiedOperator(node)}${attributesText(node)} (${node.inputs.map(id).join(', ')})`;
}

/** The operator-set versions that a graph needs, by domain, sorted; macro operators count as version 1 of `fixhead`. */
export function opsetImports(graph: Graph): ReadonlyMap<string, number> {
  const versions = new Map<string, number>();
  for (const node of graph.nodes) {
    if (node.kind === 'foreign') versions.set(node.domain, node.version);
    else {
      const { domain } = definitionOf(node.op);
      versions.set(domain, domain === '' ? OPSET : 1);
    }
  }
  if (!versions.has('')) versions.set('', OPSET);
  return new Map([...versions].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The whole graph as ONNX text. */
export function graphText(graph: Graph): string {
  const typed = (name: string): string => `${typeText(graph.types.get(name))} ${id(name)}`;
  const imports = [...opsetImports(graph)].map(([domain, version]) => `"${domain}" : ${version}`);
  const initializers = [...graph.initializers].map(
    ([name]) => `  ${typed(name)} = ${elementsText(defined(graph.initializers.get(name), name))}`,
  );
  return [
    `<ir_version: 8, opset_import: [${imports.join(', ')}]>`,
    `${id(graph.name)} (${graph.inputs.map(typed).join(', ')}) => (${graph.outputs.map(typed).join(', ')})`,
    ...(initializers.length === 0 ? [] : ['<', initializers.join(',\n'), '>']),
    '{',
    ...graph.nodes.map((node) => `  ${nodeText(node)}`),
    '}',
    '',
  ].join('\n');
}
