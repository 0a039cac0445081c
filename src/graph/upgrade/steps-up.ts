import {
  dropping,
  finished,
  floatOf,
  int,
  intOf,
  intsOf,
  text,
  toInput,
  withAttribute,
  withInput,
  without,
  type Outcome,
  type Step,
  type StepContext,
  type Steps,
} from './step.ts';
import type { ListedNode } from '../onnx-order.ts';
import { resizeUp, upsampleUp } from './resize.ts';

/**
 * Steps from older versions of the operators up to those of opset 18. What each version means is in ONNX's list of changes
 * (https://github.com/onnx/onnx/blob/main/docs/Changelog.md). A break without an entry cannot be crossed.
 */

/** Version 7 brought NumPy's broadcasting; before, operands were of one shape or said how they broadcast. */
const broadcast: Step = (node) =>
  intOf(node, 'broadcast', 0) === 1 && node.attributes.has('axis')
    ? 'it broadcasts along an axis of its own choice'
    : without(node, 'broadcast', 'axis');

/** Before version 7, being in training mode was an attribute that inference had to switch off. */
const inferenceOnly: Step = (node) =>
  intOf(node, 'is_test', 0) === 1 ? without(node, 'is_test') : 'it is in training mode';

/** The hint for in-place work that version 1 had. */
const withoutInPlace: Step = (node) => without(node, 'consumed_inputs');

/**
 * Softmax and its relatives before opset 13 work on x flattened to two dimensions at `axis` (default 1), later ones along one
 * axis (default −1). Both are the same where the axes behind `axis` have one element.
 */
function alongOneAxis(node: ListedNode, context: StepContext): Outcome {
  const axis = intOf(node, 'axis', 1);
  const [x = ''] = node.inputs;
  const shape = context.typeOf(x)?.shape;
  if (axis === -1) return withAttribute(node, 'axis', int(-1));
  if (shape !== undefined) {
    const first = axis < 0 ? axis + shape.length : axis;
    if (shape.slice(first + 1).every((dim) => dim === 1)) return withAttribute(node, 'axis', int(axis));
  }
  const flat = context.emit('Flatten', [x], { axis: int(axis) });
  const result = context.emit(node.opType, [flat], { axis: int(1) });
  const sizes = shape?.map((dim) => (typeof dim === 'number' ? dim : -1)) ?? [-1, -1];
  const known = sizes.filter((size) => size === -1).length <= 1 && !sizes.includes(0);
  return finished(node, 'Reshape', [result, known ? context.vector(sizes, 'shape') : context.emit('Shape', [x])]);
}

/** Bounds in attributes became scalar inputs; an absent bound is an absent input. */
function clipBounds(node: ListedNode, context: StepContext): Outcome {
  let bounded = without(node, 'min', 'max');
  ['min', 'max'].forEach((name, index) => {
    if (!node.attributes.has(name)) return;
    bounded = withInput(bounded, index + 1, context.scalar(floatOf(node, name, 0), node.inputs[0] ?? ''));
  });
  return bounded;
}

function padAmounts(node: ListedNode, context: StepContext): Outcome {
  const pads = intsOf(node, 'pads');
  if (pads === undefined) return 'it lacks pads';
  const padded = withInput(without(node, 'pads', 'value'), 1, context.vector(pads, 'pads'));
  const value = floatOf(node, 'value', 0);
  return value === 0 ? padded : withInput(padded, 2, context.scalar(value, node.inputs[0] ?? ''));
}

const padsName: Step = (node) => {
  const pads = node.attributes.get('paddings');
  return pads === undefined ? 'it lacks paddings' : withAttribute(without(node, 'paddings'), 'pads', pads);
};

function sliceBounds(node: ListedNode, context: StepContext): Outcome {
  const [starts, ends, axes] = ['starts', 'ends', 'axes'].map((name) => intsOf(node, name));
  if (starts === undefined || ends === undefined) return 'it lacks starts or ends';
  const sliced = without(node, 'starts', 'ends', 'axes');
  const inputs = [node.inputs[0] ?? '', context.vector(starts, 'starts'), context.vector(ends, 'ends')];
  return { ...sliced, inputs: axes === undefined ? inputs : [...inputs, context.vector(axes, 'axes')] };
}

function countInput(node: ListedNode, context: StepContext): Outcome {
  return withInput(without(node, 'k'), 1, context.vector([intOf(node, 'k', 1)], 'k'));
}

function dropoutRatio(node: ListedNode, context: StepContext): Outcome {
  const bare = without(node, 'ratio');
  return node.attributes.has('ratio')
    ? withInput(bare, 1, context.scalar(floatOf(node, 'ratio', 0.5), node.inputs[0] ?? ''))
    : bare;
}

/** Version 18 wants the number of parts where their sizes are not given. */
const countParts: Step = (node) =>
  (node.inputs[1] ?? '') === '' ? withAttribute(node, 'num_outputs', int(node.outputs.length)) : node;

/** More than one output meant training mode until that became an attribute in version 14. */
const oneOutput: Step = (node) => (node.outputs.length > 1 ? 'it is in training mode' : node);

const withoutMask: Step = (node) => (node.outputs.length > 1 ? 'it gives a mask of numbers' : node);

const perChannel: Step = (node) =>
  intOf(node, 'spatial', 1) === 1 ? without(node, 'spatial') : 'it normalises every pixel on its own (spatial = 0)';

const defaultAxis =
  (axis: number): Step =>
  (node) =>
    node.attributes.has('axis') ? node : withAttribute(node, 'axis', int(axis));

const arithmetic = { 6: withoutInPlace, 7: broadcast, 13: 'same', 14: 'same' } as const;
const unary = { 6: withoutInPlace, 13: 'same' } as const;
const extremum = { 6: withoutInPlace, 8: 'same', 12: 'same', 13: 'same' } as const;
const comparison = { 7: broadcast, 9: 'same', 13: 'same' } as const;
const reduction = { 11: 'same', 13: 'same', 18: toInput('axes', 1) } as const;
const argument = { 11: 'same', 12: 'same', 13: 'same' } as const;
const softmax = { 11: 'same', 13: alongOneAxis } as const;
const recurrent = { 14: 'same' } as const;
const withSubgraph = { 11: 'same', 13: 'same', 16: 'same' } as const;

export const stepsUp: Steps = {
  Abs: unary,
  Add: arithmetic,
  And: { 7: broadcast },
  ArgMax: argument,
  ArgMin: argument,
  AveragePool: { 7: 'same', 10: 'same', 11: 'same' },
  BatchNormalization: { 6: withoutInPlace, 7: inferenceOnly, 9: perChannel, 14: oneOutput, 15: 'same' },
  // Before version 6 the element type was text.
  Cast: { 9: 'same', 13: 'same' },
  Ceil: unary,
  Clip: { 6: withoutInPlace, 11: clipBounds, 12: 'same', 13: 'same' },
  Compress: { 11: 'same' },
  Concat: { 4: defaultAxis(1), 11: 'same', 13: 'same' },
  Constant: { 9: 'same', 11: 'same', 12: 'same', 13: 'same' },
  Conv: { 11: 'same' },
  ConvTranspose: { 11: 'same' },
  CumSum: { 14: 'same' },
  DepthToSpace: { 11: 'same', 13: 'same' },
  DequantizeLinear: { 13: 'same' },
  Div: arithmetic,
  Dropout: { 6: withoutInPlace, 7: inferenceOnly, 10: withoutMask, 12: dropoutRatio, 13: 'same' },
  Elu: { 6: withoutInPlace },
  Equal: { 7: broadcast, 11: 'same', 13: 'same' },
  Erf: { 13: 'same' },
  Exp: unary,
  Expand: { 13: 'same' },
  Flatten: { 9: 'same', 11: 'same', 13: 'same' },
  Floor: unary,
  GRU: recurrent,
  Gather: { 11: 'same', 13: 'same' },
  GatherElements: { 13: 'same' },
  GatherND: { 12: 'same', 13: 'same' },
  Gemm: { 6: 'same', 7: broadcast, 9: 'same', 11: 'same', 13: 'same' },
  Greater: comparison,
  GreaterOrEqual: { 16: 'same' },
  HardSigmoid: { 6: withoutInPlace },
  Hardmax: softmax,
  Identity: { 13: 'same', 14: 'same', 16: 'same' },
  If: withSubgraph,
  InstanceNormalization: { 6: withoutInPlace },
  IsNaN: { 13: 'same' },
  LRN: { 13: 'same' },
  LSTM: { 7: dropping({ output_sequence: () => true }), ...recurrent },
  LeakyRelu: { 6: withoutInPlace, 16: 'same' },
  Less: comparison,
  LessOrEqual: { 16: 'same' },
  Log: unary,
  LogSoftmax: softmax,
  Loop: withSubgraph,
  LpPool: { 11: 'same', 18: 'same' },
  MatMul: { 9: 'same', 13: 'same' },
  Max: extremum,
  MaxPool: { 8: 'same', 10: 'same', 11: 'same', 12: 'same' },
  MaxUnpool: { 11: 'same' },
  Mean: { 6: withoutInPlace, 8: 'same', 13: 'same' },
  MeanVarianceNormalization: { 13: 'same' },
  Min: extremum,
  Mod: { 13: 'same' },
  Mul: arithmetic,
  Neg: unary,
  NegativeLogLikelihoodLoss: { 13: 'same' },
  NonMaxSuppression: { 11: 'same' },
  NonZero: { 13: 'same' },
  OneHot: { 11: 'same' },
  OptionalGetElement: { 18: 'same' },
  OptionalHasElement: { 18: 'same' },
  Or: { 7: broadcast },
  // Before version 7 a slope of one dimension belonged to the channels.
  PRelu: { 9: 'same', 16: 'same' },
  Pad: { 2: padsName, 11: padAmounts, 13: 'same', 18: 'same' },
  Pow: { 7: broadcast, 12: 'same', 13: 'same', 15: 'same' },
  QuantizeLinear: { 13: 'same' },
  RNN: recurrent,
  Reciprocal: unary,
  ReduceL1: reduction,
  ReduceL2: reduction,
  ReduceLogSum: reduction,
  ReduceLogSumExp: reduction,
  ReduceMax: { ...reduction, 12: 'same' },
  ReduceMean: reduction,
  ReduceMin: { ...reduction, 12: 'same' },
  ReduceProd: reduction,
  ReduceSum: { 11: 'same', 13: toInput('axes', 1) },
  ReduceSumSquare: reduction,
  Relu: { ...unary, 14: 'same' },
  Reshape: { 5: toInput('shape', 1), 13: 'same', 14: 'same' },
  Resize: resizeUp,
  RoiAlign: {
    16: (node) => withAttribute(node, 'coordinate_transformation_mode', text('output_half_pixel')),
  },
  Scan: { 11: 'same', 16: 'same' },
  // Scatter is what ScatterElements was called first.
  Scatter: { 11: (node) => ({ ...node, opType: 'ScatterElements' }) },
  ScatterElements: { 13: 'same', 16: 'same', 18: 'same' },
  ScatterND: { 13: 'same', 16: 'same', 18: 'same' },
  Selu: { 6: withoutInPlace },
  Shape: { 13: 'same', 15: 'same' },
  Sigmoid: unary,
  Sign: { 13: 'same' },
  Size: { 13: 'same' },
  Slice: { 10: sliceBounds, 11: 'same', 13: 'same' },
  Softmax: softmax,
  SoftmaxCrossEntropyLoss: { 13: 'same' },
  SpaceToDepth: { 13: 'same' },
  Split: {
    2: (node) => (node.inputs.length > 1 ? 'its parts are computed' : node),
    11: 'same',
    13: toInput('split', 1),
    18: countParts,
  },
  Sqrt: unary,
  Squeeze: { 11: 'same', 13: toInput('axes', 1) },
  Sub: arithmetic,
  Sum: { 6: withoutInPlace, 8: 'same', 13: 'same' },
  Tanh: unary,
  Tile: { 13: 'same' },
  TopK: { 10: countInput, 11: 'same' },
  Transpose: { 13: 'same' },
  Unsqueeze: { 11: 'same', 13: toInput('axes', 1) },
  Upsample: upsampleUp,
  Where: { 16: 'same' },
  Xor: { 7: broadcast },
};
