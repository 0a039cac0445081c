import type { HostTensor } from '../core/tensor.ts';
import type { ForeignAttribute, OpNode, TensorType } from './graph.ts';
import { dtypeOf, shortestFloat32 } from './onnx-common.ts';
import { definitionOf, type AttributeKind, type Op, type ops } from './ops.ts';

/** Attribute values of the table while a node is being read. */
type Value = number | readonly number[] | string;
type Values = Readonly<Record<string, Value>>;

/** What is known of the node being read, for defaults that depend on it. */
interface Context {
  readonly inputs: readonly (TensorType | undefined)[];
  readonly outputCount: number;
  /** Attributes as the file states them, constant operands included. */
  readonly stated: Values;
}

/** How an ONNX node becomes one of the table: what absent attributes mean, and what attributes the table lacks must be. */
interface ReadRule {
  readonly defaults?: (context: Context) => Values;
  readonly assumed?: Readonly<Record<string, (value: Value, context: Context) => boolean>>;
}

/** The operators that can stand in a file. */
type FileOp = { [K in Op]: (typeof ops)[K]['domain'] extends 'fixhead' ? never : K }[Op];

const is = (expected: Value) => (value: Value) => value === expected;
const anything = () => true;
const ones = (value: Value) => Array.isArray(value) && value.every((entry) => entry === 1);
const plain: ReadRule = {};

const rankOf = (context: Context): number => context.inputs[0]?.shape.length ?? 0;
const spatial = (context: Context, value: number, perAxis = 1): readonly number[] =>
  new Array<number>(Math.max(0, rankOf(context) - 2) * perAxis).fill(value);
const windowDefaults = (context: Context) => ({ pads: spatial(context, 0, 2), strides: spatial(context, 1) });

/** The filter's own extents, `[out, in, ...extents]`, where `kernel_shape` is absent. */
function convolutionDefaults(context: Context): Values {
  const extents = (context.inputs[1]?.shape.slice(2) ?? []).filter((dim) => typeof dim === 'number');
  return { ...windowDefaults(context), kernel_shape: extents, dilations: spatial(context, 1), group: 1 };
}

const explicitPadding = { auto_pad: is('NOTSET') };
const pool = { ...explicitPadding, ceil_mode: is(0) };

const reduction: ReadRule = {
  defaults: (context) => ({
    axes:
      context.stated['noop_with_empty_axes'] === 1 ? [] : Array.from({ length: rankOf(context) }, (_, axis) => axis),
    keepdims: 1,
  }),
  assumed: { noop_with_empty_axes: anything },
};

/** Equal parts, the last one smaller if need be, where `split` is absent. */
function splitDefaults({ inputs, outputCount, stated }: Context): Values {
  const shape = inputs[0]?.shape ?? [];
  const axis = typeof stated['axis'] === 'number' ? stated['axis'] : 0;
  const size = shape.at(axis);
  if (typeof size !== 'number') return { axis };
  const part = Math.ceil(size / outputCount);
  return { axis, split: Array.from({ length: outputCount }, (_, k) => Math.min(part, size - part * k)) };
}

/** Defaults of opset 18 (https://onnx.ai/onnx/operators/) and of ONNX Runtime's own operators. */
const rules: { readonly [K in FileOp]: ReadRule } = {
  Identity: plain,
  Relu: plain,
  Exp: plain,
  Log: plain,
  Sqrt: plain,
  Reciprocal: plain,
  Neg: plain,
  Abs: plain,
  Sigmoid: plain,
  Tanh: plain,
  HardSigmoid: { defaults: () => ({ alpha: 0.2, beta: 0.5 }) },
  Cast: plain,
  Add: plain,
  Sub: plain,
  Mul: plain,
  Div: plain,
  Max: plain,
  Min: plain,
  Equal: plain,
  Greater: plain,
  Where: plain,
  MatMul: plain,
  Gemm: { defaults: () => ({ alpha: 1, beta: 1, transA: 0, transB: 0 }) },
  Transpose: {
    defaults: (context) => ({ perm: Array.from({ length: rankOf(context) }, (_, axis) => rankOf(context) - 1 - axis) }),
  },
  Reshape: {
    // Zeros mean "copy this dimension" unless allowzero is set; without zeros both say the same.
    assumed: {
      allowzero: (value, { stated }) => value === 0 || (Array.isArray(stated['shape']) && !stated['shape'].includes(0)),
    },
  },
  Flatten: { defaults: () => ({ axis: 1 }) },
  Expand: plain,
  Concat: plain,
  Split: { defaults: splitDefaults, assumed: { num_outputs: (value, { outputCount }) => value === outputCount } },
  Slice: {
    defaults: ({ stated: { starts = [] } }) => {
      const count = Array.isArray(starts) ? starts.length : 0;
      return { axes: Array.from({ length: count }, (_, axis) => axis), steps: new Array<number>(count).fill(1) };
    },
  },
  Pad: { assumed: { mode: is('constant') } },
  Gather: { defaults: () => ({ axis: 0 }) },
  ScatterElements: { defaults: () => ({ axis: 0, reduction: 'none' }) },
  ReduceSum: reduction,
  ReduceMean: reduction,
  ReduceMax: reduction,
  ArgMax: { defaults: () => ({ axis: 0, keepdims: 1 }), assumed: { select_last_index: is(0) } },
  TopK: { defaults: () => ({ axis: -1, largest: 1 }), assumed: { sorted: is(1) } },
  Softmax: { defaults: () => ({ axis: -1 }) },
  LogSoftmax: { defaults: () => ({ axis: -1 }) },
  Conv: { defaults: convolutionDefaults, assumed: explicitPadding },
  ConvTranspose: {
    defaults: (context) => ({ ...convolutionDefaults(context), output_padding: spatial(context, 0) }),
    assumed: explicitPadding,
  },
  MaxPool: { defaults: windowDefaults, assumed: { ...pool, dilations: ones, storage_order: is(0) } },
  AveragePool: { defaults: (context) => ({ ...windowDefaults(context), count_include_pad: 0 }), assumed: pool },
  GlobalAveragePool: plain,
  // momentum only matters in training mode.
  BatchNormalization: { defaults: () => ({ epsilon: 1e-5 }), assumed: { training_mode: is(0), momentum: anything } },
  FusedMatMul: {
    defaults: () => ({ alpha: 1, transA: 0, transB: 0 }),
    assumed: { transBatchA: is(0), transBatchB: is(0) },
  },
  'nchwc.ReorderInput': { defaults: () => ({ channels_last: 0 }) },
  'nchwc.ReorderOutput': { defaults: () => ({ channels_last: 0 }) },
  'nchwc.Conv': {
    defaults: (context) => ({ ...convolutionDefaults(context), activation: '' }),
    assumed: explicitPadding,
  },
  'nchwc.MaxPool': {
    defaults: (context) => ({ ...windowDefaults(context), dilations: spatial(context, 1) }),
    assumed: { ...pool, storage_order: is(0) },
  },
  'nchwc.GlobalAveragePool': plain,
};

const utf8 = new TextDecoder();

function plainValue(attribute: ForeignAttribute): Value | undefined {
  switch (attribute.kind) {
    case 'int':
      return Number(attribute.value);
    case 'ints':
      return attribute.value.map(Number);
    case 'float':
      return shortestFloat32(attribute.value);
    case 'string':
      return utf8.decode(attribute.value);
    case 'floats':
    case 'strings':
    case 'tensor':
    case 'opaque':
      return undefined;
    default:
      return attribute satisfies never;
  }
}

/** Integers of a constant operand. Bounds beyond what a number holds exactly (ends of "to the last") are clamped. */
function operandValue(constant: HostTensor | undefined): readonly number[] | undefined {
  if (constant === undefined || constant.shape.length > 1) return undefined;
  const limit = Number.MAX_SAFE_INTEGER;
  if (constant.dtype === 'int32') return Array.from(constant.data);
  if (constant.dtype !== 'int64') return undefined;
  return Array.from(constant.data, (value) => Math.min(Math.max(Number(value), -limit), limit));
}

function fits(kind: AttributeKind, attribute: ForeignAttribute): boolean {
  return attribute.kind === (kind === 'dtype' ? 'int' : kind);
}

/** A node of the table as it was found in a file. */
export interface RecognisedNode {
  readonly inputs: readonly string[];
  readonly attributes: OpNode['attributes'];
  /** Names of the constants that became attributes. */
  readonly operands: readonly string[];
}

/** A node as the file has it; trailing absent inputs are left out. */
export interface FileNode {
  readonly inputs: readonly string[];
  readonly outputCount: number;
  readonly attributes: ReadonlyMap<string, ForeignAttribute>;
}

function isFileOp(op: Op): op is FileOp {
  return definitionOf(op).domain !== 'fixhead';
}

/**
 * The node in the table's terms, or `undefined` if the table cannot say what it does: an operand that is no constant, an
 * attribute the table lacks with another value than the usual one, more inputs than the table knows.
 */
export function recognise(
  op: Op,
  node: FileNode,
  typeOf: (name: string) => TensorType | undefined,
  constantOf: (name: string) => HostTensor | undefined,
): RecognisedNode | undefined {
  if (!isFileOp(op)) return undefined;
  const { inputs: names, attributes: kinds } = definitionOf(op);
  const variadic = names.some((name) => name.startsWith('...'));
  const ownCount = variadic ? node.inputs.length : names.length;
  const inputs = node.inputs.slice(0, ownCount);
  while (inputs.at(-1) === '') inputs.pop();

  const stated: Record<string, Value> = {};
  const operands: string[] = [];
  const positions = new Set<number>();
  for (const [name, kind] of Object.entries(kinds)) {
    if (!kind.startsWith('operand')) continue;
    const position = Number(kind.slice('operand'.length));
    positions.add(position);
    const source = node.inputs[position] ?? '';
    if (source === '') continue;
    const value = operandValue(constantOf(source));
    if (value === undefined) return undefined;
    operands.push(source);
    // Empty axes are ONNX's other way of leaving them out.
    if (!(name === 'axes' && value.length === 0)) stated[name] = value;
  }
  for (let position = ownCount; position < node.inputs.length; position++) {
    const source = node.inputs[position] ?? '';
    if (positions.has(position) || source === '') continue;
    const constant = constantOf(source);
    const zeroPadding = op === 'Pad' && position === 2 && constant?.data.length === 1 && Number(constant.data[0]) === 0;
    if (!zeroPadding) return undefined;
    operands.push(source);
  }

  const { defaults, assumed = {} }: ReadRule = rules[op];
  const beyondTable: [string, Value][] = [];
  for (const [name, attribute] of node.attributes) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    const value = plainValue(attribute);
    if (value === undefined) return undefined;
    if (kind === undefined) beyondTable.push([name, value]);
    else if (!fits(kind, attribute)) return undefined;
    else if (kind === 'dtype') {
      const dtype = dtypeOf(Number(value));
      if (dtype === undefined) return undefined;
      stated[name] = dtype;
      continue;
    }
    stated[name] = value;
  }
  const context: Context = {
    inputs: inputs.map((name) => (name === '' ? undefined : typeOf(name))),
    outputCount: node.outputCount,
    stated,
  };
  const usual = beyondTable.every(
    ([name, value]) => Object.hasOwn(assumed, name) && assumed[name]?.(value, context) === true,
  );
  if (!usual) return undefined;

  const complete: Values = { ...defaults?.(context), ...stated };
  const attributes: Record<string, Value> = {};
  for (const name of Object.keys(kinds)) {
    const value = complete[name];
    if (value === undefined) return undefined;
    attributes[name] = Array.isArray(value) ? Object.freeze([...(value as readonly number[])]) : value;
  }
  return { inputs, operands, attributes: Object.freeze(attributes) as OpNode['attributes'] };
}
