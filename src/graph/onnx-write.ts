import type { onnx } from 'onnx-proto';
import { defined, internalError, usageError } from '../core/errors.ts';
import { bytesOf, float32, int64, type DType, type HostTensor } from '../core/tensor.ts';
import type { ForeignAttribute, ForeignNode, Graph, OpNode, TensorType } from './graph.ts';
import { ModelProto, AttributeType, dataTypes, int64Halves, onnxTypeOf } from './onnx-common.ts';
import { OPSET, definitionOf, type AttributeKind, type OperandKind } from './ops.ts';
import { isOperandKind, operandOf } from './ops/definition.ts';
import { opsetImports, nodeText } from './text.ts';

/** What an ONNX file says about itself besides its graph. */
export interface OnnxOptions {
  /** The program that wrote the file (default `fixhead`). */
  readonly producer?: string;
  /** `metadata_props`: what a reader of the file should know, such as labels and normalisation. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly docString?: string;
}

/** The IR version that goes with opset 18 (https://github.com/onnx/onnx/blob/main/docs/Versioning.md). */
const IR_VERSION = 8;

/** Names of the constant operands, int64 or float32 vectors shared between nodes by value; `taken` are the graph's own names. */
function operandPool(taken: ReadonlySet<string>) {
  const names = new Map<string, string>();
  const initializers: onnx.ITensorProto[] = [];
  let count = 0;
  const fresh = (): string => {
    const name = `operand_${count++}`;
    return taken.has(name) ? fresh() : name;
  };
  const nameOf = (values: readonly number[], float: boolean): string => {
    const key = `${float ? 'float' : ''} ${values.join()}`;
    let name = names.get(key);
    if (name === undefined) {
      name = fresh();
      names.set(key, name);
      const vector = float ? float32([values.length], values) : int64([values.length], values);
      initializers.push(tensorProto(vector, name));
    }
    return name;
  };
  return { nameOf, initializers };
}

function tensorProto(value: HostTensor, name?: string): onnx.ITensorProto {
  return {
    dims: [...value.shape],
    dataType: dataTypes[value.dtype],
    rawData: bytesOf(value),
    ...(name === undefined ? {} : { name }),
  };
}

function valueInfo(name: string, type: TensorType | undefined): onnx.IValueInfoProto {
  if (type === undefined) return { name };
  const dim = type.shape.map((extent) => (typeof extent === 'number' ? { dimValue: extent } : { dimParam: extent }));
  return { name, type: { tensorType: { elemType: dataTypes[type.dtype], shape: { dim } } } };
}

const utf8 = new TextEncoder();

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
function isIntegers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(isInteger);
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'number');
}

/** An attribute of the table as ONNX has it; `undefined` for a value of another kind. */
function attributeProto(
  name: string,
  kind: Exclude<AttributeKind, OperandKind>,
  value: unknown,
): onnx.IAttributeProto | undefined {
  switch (kind) {
    case 'int':
      return isInteger(value) ? { name, type: AttributeType.INT, i: value } : undefined;
    case 'ints':
      return isIntegers(value) ? { name, type: AttributeType.INTS, ints: [...value] } : undefined;
    case 'float':
      return typeof value === 'number' ? { name, type: AttributeType.FLOAT, f: value } : undefined;
    case 'floats':
      return isNumbers(value) ? { name, type: AttributeType.FLOATS, floats: [...value] } : undefined;
    case 'string':
      return typeof value === 'string' ? { name, type: AttributeType.STRING, s: utf8.encode(value) } : undefined;
    case 'dtype': {
      const dataType = typeof value === 'string' ? dataTypes[value as DType] : undefined;
      return dataType === undefined ? undefined : { name, type: AttributeType.INT, i: dataType };
    }
    default:
      return kind satisfies never;
  }
}

function foreignAttributeProto(
  name: string,
  attribute: ForeignAttribute,
  node: ForeignNode,
): Readonly<Record<string, unknown>> {
  switch (attribute.kind) {
    case 'int':
      return { name, type: AttributeType.INT, i: int64Halves(attribute.value) };
    case 'ints':
      return { name, type: AttributeType.INTS, ints: attribute.value.map(int64Halves) };
    case 'float':
      return { name, type: AttributeType.FLOAT, f: attribute.value };
    case 'floats':
      return { name, type: AttributeType.FLOATS, floats: attribute.value };
    case 'string':
      return { name, type: AttributeType.STRING, s: attribute.value };
    case 'strings':
      return { name, type: AttributeType.STRINGS, strings: attribute.value };
    case 'tensor':
      return { name, type: AttributeType.TENSOR, t: tensorProto(attribute.value) };
    case 'opaque':
      throw usageError('this operator cannot be written back', {
        where: `node ${node.name} (${node.opType})`,
        received: `attribute ${name}: ${attribute.description}`,
        hint: 'fixhead does not carry sub-graphs and other rare attributes; remove the node or simplify the model first',
      });
    default:
      return attribute satisfies never;
  }
}

function foreignNodeProto(node: ForeignNode): onnx.INodeProto {
  return {
    input: [...node.inputs],
    output: [...node.outputs],
    name: node.name,
    opType: node.opType,
    domain: node.domain,
    attribute: [...node.attributes].map(([name, attribute]) => foreignAttributeProto(name, attribute, node)),
  };
}

function opNodeProto(node: OpNode, nameOf: (values: readonly number[], float: boolean) => string): onnx.INodeProto {
  const { domain, attributes } = definitionOf(node.op);
  if (domain === 'fixhead') {
    throw internalError('macro operators have no ONNX form', { where: nodeText(node), hint: 'lower the graph first' });
  }
  const values = node.attributes as Readonly<Record<string, unknown>>;
  const input = [...node.inputs];
  const attribute: onnx.IAttributeProto[] = [];
  for (const [name, kind] of Object.entries(attributes)) {
    const value = values[name];
    const wrong = () => internalError(`attribute ${name} is not of kind ${kind}`, { where: nodeText(node) });
    if (isOperandKind(kind)) {
      const { position, float, optional } = operandOf(kind);
      if (!isNumbers(value) || !(float || isIntegers(value))) throw wrong();
      if (optional && value.length === 0) continue;
      while (input.length < position) input.push('');
      // The node's own inputs fill the other positions in order.
      input.splice(position, 0, nameOf(value, float));
      // To ONNX no axes mean all axes, unless this says otherwise; in the table no axes are none.
      if (name === 'axes' && 'keepdims' in attributes && value.length === 0) {
        attribute.push({ name: 'noop_with_empty_axes', type: AttributeType.INT, i: 1 });
      }
      continue;
    }
    // The blocked Conv takes the name of an activation or no attribute at all.
    if (name === 'activation' && value === '') continue;
    const encoded = attributeProto(name, kind, value);
    if (encoded === undefined) throw wrong();
    attribute.push(encoded);
  }
  return { input, output: [...node.outputs], name: node.name, opType: onnxTypeOf(node.op), domain, attribute };
}

/** Where protocol buffers end, less what everything besides the numbers may take. */
const LARGEST_DATA = 2 ** 31 - 2 ** 26;

function checkSize(graph: Graph): void {
  let bytes = 0;
  for (const { data } of graph.initializers.values()) bytes += data.byteLength;
  if (bytes > LARGEST_DATA) {
    throw usageError('the model is too large for one ONNX file', {
      where: graph.name,
      expected: 'less than 2 GiB',
      received: `${(bytes / 2 ** 30).toFixed(1)} GiB of initializers`,
      hint: 'a smaller model, or fewer initializers: fixhead writes no external data',
    });
  }
}

/** One version a domain: a file cannot mix operator sets. */
function checkVersions(graph: Graph, versions: ReadonlyMap<string, number>): void {
  for (const node of graph.nodes) {
    const [domain, version] =
      node.kind === 'foreign'
        ? [node.domain, node.version]
        : [definitionOf(node.op).domain, definitionOf(node.op).domain === '' ? OPSET : 1];
    const chosen = defined(versions.get(domain), `version of domain '${domain}'`);
    if (version !== chosen) {
      throw usageError(
        `operators of versions ${version} and ${chosen} of '${domain || 'ai.onnx'}' cannot share a file`,
        {
          where: nodeText(node),
          hint: `convert the imported model to opset ${OPSET} first (onnx.version_converter)`,
        },
      );
    }
  }
}

/**
 * The graph as the bytes of an ONNX model (IR version 8, opset 18; versions 1 of `com.microsoft` and `com.microsoft.nchwc`
 * where used).
 *
 * Constant operands of the table (Reshape's shape, a reduction's axes ...) become int64 initializers, shared by value and
 * appended after the graph's own. Symbolic dimensions become `dim_param`. The values of foreign nodes keep their types as
 * `value_info`. Equal graphs give equal bytes.
 *
 * @throws internal error for a macro operator; usage error for a foreign node with a sub-graph or of another opset, and for 2 GiB
 * and more.
 */
export function toOnnx(graph: Graph, options: OnnxOptions = {}): Uint8Array {
  checkSize(graph);
  const versions = opsetImports(graph);
  checkVersions(graph, versions);
  const taken = new Set([
    ...graph.inputs,
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap((node) => node.outputs),
  ]);
  const operands = operandPool(taken);
  const typed = (name: string) => valueInfo(name, graph.types.get(name));
  const node = graph.nodes.map((each) =>
    each.kind === 'op' ? opNodeProto(each, operands.nameOf) : foreignNodeProto(each),
  );
  const outputs = new Set(graph.outputs);
  const foreignValues = graph.nodes.flatMap((each) =>
    each.kind === 'foreign' ? each.outputs.filter((name) => graph.types.has(name) && !outputs.has(name)) : [],
  );
  const initializer = Array.from(graph.initializers, ([name, value]) => tensorProto(value, name));
  const model: onnx.IModelProto = {
    irVersion: IR_VERSION,
    producerName: options.producer ?? 'fixhead',
    opsetImport: Array.from(versions, ([domain, version]) => ({ domain, version })),
    graph: {
      name: graph.name,
      node,
      initializer: [...initializer, ...operands.initializers],
      input: graph.inputs.map(typed),
      output: graph.outputs.map(typed),
      valueInfo: foreignValues.map(typed),
    },
    metadataProps: Object.entries(options.metadata ?? {}).map(([key, value]) => ({ key, value })),
    ...(options.docString === undefined ? {} : { docString: options.docString }),
  };
  const bytes = ModelProto.encode(model).finish();
  // Short messages come from a memory pool that others share; a caller may transfer its bytes to a worker.
  return bytes.byteLength === bytes.buffer.byteLength ? new Uint8Array(bytes.buffer) : new Uint8Array(bytes);
}
