import type { DType } from '../core/tensor.ts';

/**
 * The closed operator table. Everything that fixhead knows about an operator is a complete mapped type over it: the
 * shape rule (shapes.ts), the gradient rule (autodiff/rules), the reference evaluation and test cases (test/reference).
 *
 * Standard operators follow opset 18 of ai.onnx (https://onnx.ai/onnx/operators/) and keep its names. Operands that must be
 * constants here (Reshape's shape, Slice's bounds, a reduction's axes ...) are attributes in this table and become constant
 * inputs in ONNX bytes: every shape is known when a graph is built.
 */
export const OPSET = 18;

/** How an attribute is written: as an ONNX attribute, or as an int64 constant at an input position. */
export type AttributeKind = 'int' | 'ints' | 'float' | 'string' | 'dtype' | `operand${1 | 2 | 3 | 4}`;

interface AttributeTypes {
  int: number;
  ints: readonly number[];
  float: number;
  string: string;
  dtype: DType;
}

interface OpDefinition {
  /** '' is ai.onnx; `fixhead` are macro operators that a lowering replaces and that never reach a file. */
  readonly domain: '' | 'fixhead' | 'com.microsoft' | 'com.microsoft.nchwc';
  /** The ONNX operator type where it differs from the key. */
  readonly type?: string;
  /** Input names; a trailing `?` marks an optional one, a leading `...` any number. */
  readonly inputs: readonly string[];
  /** Output names; a leading `...` marks any number. */
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeKind>>;
}

const unary = { domain: '', inputs: ['x'], outputs: ['y'], attributes: {} } as const;
const binary = { domain: '', inputs: ['a', 'b'], outputs: ['c'], attributes: {} } as const;
const reduction = {
  domain: '',
  inputs: ['x'],
  outputs: ['y'],
  attributes: { axes: 'operand1', keepdims: 'int' },
} as const;
const window = { kernel_shape: 'ints', pads: 'ints', strides: 'ints' } as const;
const convolution = { ...window, dilations: 'ints', group: 'int' } as const;

/** The operators, by name. */
export const ops = {
  // Elementwise
  Identity: unary,
  Relu: unary,
  Exp: unary,
  Log: unary,
  Sqrt: unary,
  Reciprocal: unary,
  Neg: unary,
  Abs: unary,
  Sigmoid: unary,
  Tanh: unary,
  HardSigmoid: { ...unary, attributes: { alpha: 'float', beta: 'float' } },
  Cast: { ...unary, attributes: { to: 'dtype' } },
  Add: binary,
  Sub: binary,
  Mul: binary,
  Div: binary,
  Max: { ...binary, inputs: ['a', 'b'] },
  Min: { ...binary, inputs: ['a', 'b'] },
  Equal: binary,
  Greater: binary,
  Where: { domain: '', inputs: ['condition', 'a', 'b'], outputs: ['c'], attributes: {} },
  // Products
  MatMul: binary,
  Gemm: {
    domain: '',
    inputs: ['a', 'b', 'c?'],
    outputs: ['y'],
    attributes: { alpha: 'float', beta: 'float', transA: 'int', transB: 'int' },
  },
  // Data movement
  Transpose: { ...unary, attributes: { perm: 'ints' } },
  Reshape: { ...unary, attributes: { shape: 'operand1' } },
  Flatten: { ...unary, attributes: { axis: 'int' } },
  Expand: { ...unary, attributes: { shape: 'operand1' } },
  Concat: { domain: '', inputs: ['...x'], outputs: ['y'], attributes: { axis: 'int' } },
  Split: { domain: '', inputs: ['x'], outputs: ['...y'], attributes: { split: 'operand1', axis: 'int' } },
  Slice: { ...unary, attributes: { starts: 'operand1', ends: 'operand2', axes: 'operand3', steps: 'operand4' } },
  Pad: { domain: '', inputs: ['x'], outputs: ['y'], attributes: { pads: 'operand1' } },
  Gather: { domain: '', inputs: ['x', 'indices'], outputs: ['y'], attributes: { axis: 'int' } },
  ScatterElements: {
    domain: '',
    inputs: ['x', 'indices', 'updates'],
    outputs: ['y'],
    attributes: { axis: 'int', reduction: 'string' },
  },
  // Reductions
  ReduceSum: reduction,
  ReduceMean: reduction,
  ReduceMax: reduction,
  ArgMax: { ...unary, attributes: { axis: 'int', keepdims: 'int' } },
  // The k largest (or smallest) entries along an axis, best first; of equal ones the first comes first.
  TopK: {
    domain: '',
    inputs: ['x'],
    outputs: ['values', 'indices'],
    attributes: { k: 'operand1', axis: 'int', largest: 'int' },
  },
  Softmax: { ...unary, attributes: { axis: 'int' } },
  LogSoftmax: { ...unary, attributes: { axis: 'int' } },
  // Images, `[batch, channels, height, width]`
  Conv: { domain: '', inputs: ['x', 'w', 'b?'], outputs: ['y'], attributes: convolution },
  ConvTranspose: {
    domain: '',
    inputs: ['x', 'w'],
    outputs: ['y'],
    attributes: { ...convolution, output_padding: 'ints' },
  },
  MaxPool: { ...unary, attributes: window },
  AveragePool: { ...unary, attributes: { ...window, count_include_pad: 'int' } },
  GlobalAveragePool: unary,
  BatchNormalization: {
    domain: '',
    inputs: ['x', 'scale', 'b', 'input_mean', 'input_var'],
    outputs: ['y'],
    attributes: { epsilon: 'float' },
  },
  // Macro operators: training steps speak in these; a lowering turns them into what a runtime executes.
  // y = x, and no gradient flows back: for values whose derivative is written down beside them.
  Detach: { ...unary, domain: 'fixhead' },
  BatchNormTraining: {
    domain: 'fixhead',
    // y = relu?((x − mean)·scale/√(variance + epsilon) + bias + sum?), mean and biased variance over batch, height, width
    inputs: ['x', 'scale', 'bias', 'sum?'],
    outputs: ['y', 'mean', 'variance'],
    attributes: { epsilon: 'float', relu: 'int' },
  },
  BatchNormGrad: {
    domain: 'fixhead',
    inputs: ['gy', 'x', 'scale', 'mean', 'variance'],
    outputs: ['gx', 'gscale', 'gbias'],
    attributes: { epsilon: 'float' },
  },
  ReluGrad: { domain: 'fixhead', inputs: ['gy', 'y'], outputs: ['gx'], attributes: {} },
  // gx = gradient of Conv with respect to its input (of shape input_shape), plus sum
  ConvInputGrad: {
    domain: 'fixhead',
    inputs: ['gy', 'w', 'sum?'],
    outputs: ['gx'],
    attributes: { ...convolution, input_shape: 'ints' },
  },
  ConvWeightGrad: { domain: 'fixhead', inputs: ['x', 'gy'], outputs: ['gw'], attributes: convolution },
  MaxPoolGrad: { domain: 'fixhead', inputs: ['gy', 'x', 'y'], outputs: ['gx'], attributes: window },
  AveragePoolGrad: {
    domain: 'fixhead',
    inputs: ['gy'],
    outputs: ['gx'],
    attributes: { ...window, count_include_pad: 'int', input_shape: 'ints' },
  },
  // What ONNX Runtime's CPU provider adds: the blocked lowering emits these, and they never reach a file for users.
  FusedMatMul: {
    domain: 'com.microsoft',
    inputs: ['a', 'b'],
    outputs: ['c'],
    attributes: { alpha: 'float', transA: 'int', transB: 'int' },
  },
  'nchwc.ReorderInput': {
    domain: 'com.microsoft.nchwc',
    type: 'ReorderInput',
    inputs: ['x'],
    outputs: ['y'],
    attributes: { channels_last: 'int' },
  },
  'nchwc.ReorderOutput': {
    domain: 'com.microsoft.nchwc',
    type: 'ReorderOutput',
    inputs: ['x'],
    outputs: ['y'],
    attributes: { channels: 'int', channels_last: 'int' },
  },
  'nchwc.Conv': {
    domain: 'com.microsoft.nchwc',
    type: 'Conv',
    inputs: ['x', 'w', 'b?', 'sum?'],
    outputs: ['y'],
    attributes: { ...convolution, activation: 'string' },
  },
  'nchwc.MaxPool': {
    domain: 'com.microsoft.nchwc',
    type: 'MaxPool',
    inputs: ['x'],
    outputs: ['y'],
    attributes: { ...window, dilations: 'ints' },
  },
  'nchwc.GlobalAveragePool': {
    domain: 'com.microsoft.nchwc',
    type: 'GlobalAveragePool',
    inputs: ['x'],
    outputs: ['y'],
    attributes: {},
  },
} as const satisfies Record<string, OpDefinition>;

/** The name of an operator of the table. */
export type Op = keyof typeof ops;

type KindType<A> = A extends `operand${number}`
  ? readonly number[]
  : A extends keyof AttributeTypes
    ? AttributeTypes[A]
    : never;

/** The attributes of operator K; all are stated, none has a default. */
export type AttributesOf<K extends Op> = {
  readonly [A in keyof (typeof ops)[K]['attributes']]: KindType<(typeof ops)[K]['attributes'][A]>;
};

/** The definition of an operator, widened. */
export function definitionOf(op: Op): OpDefinition {
  return ops[op];
}

/** Whether the table has an operator of that name. */
export function isOp(name: string): name is Op {
  return Object.hasOwn(ops, name);
}
