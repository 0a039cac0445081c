import type { ForeignAttribute } from '../graph.ts';
import type { ListedNode } from '../onnx-order.ts';
import { attention } from './attention.ts';
import {
  dropping,
  finished,
  float,
  floatOf,
  int,
  intOf,
  text,
  textOf,
  withAttribute,
  without,
  type Outcome,
  type Step,
  type StepContext,
  type Steps,
} from './step.ts';

/**
 * Steps from newer versions of the operators down to those of opset 18: the entry at version v says how a node of version v is
 * said in the version before it (https://github.com/onnx/onnx/blob/main/docs/Changelog.md). A break without an entry cannot be
 * crossed.
 */

const anything = (): boolean => true;
const zero = (value: ForeignAttribute): boolean => value.kind === 'int' && value.value === 0n;
const ones = (value: ForeignAttribute): boolean => value.kind === 'ints' && value.value.every((each) => each === 1n);

const utf8 = new TextDecoder();
const unless =
  (attribute: string, unknown: string): Step =>
  (node) => {
    const value = node.attributes.get(attribute);
    return value?.kind === 'string' && utf8.decode(value.value) === unknown
      ? `opset 18 lacks its ${attribute} ${unknown}`
      : node;
  };

/** x·½·(1 + erf(x/√2)), or ½x·(1 + tanh(√(2/π)·(x + 0.044715·x³))). */
function gelu(node: ListedNode, { emit, scalar }: StepContext): Outcome {
  const [x = ''] = node.inputs;
  const mode = textOf(node, 'approximate', 'none');
  const half = (inner: string): string => emit('Mul', [emit('Add', [inner, scalar(1, x)]), scalar(0.5, x)]);
  switch (mode) {
    case 'none':
      return finished(node, 'Mul', [x, half(emit('Erf', [emit('Div', [x, scalar(Math.SQRT2, x)])]))]);
    case 'tanh': {
      const cube = emit('Mul', [emit('Mul', [emit('Mul', [x, x]), x]), scalar(0.044715, x)]);
      const inner = emit('Mul', [emit('Add', [x, cube]), scalar(Math.sqrt(2 / Math.PI), x)]);
      return finished(node, 'Mul', [x, half(emit('Tanh', [inner]))]);
    }
    default:
      return `its approximation '${mode}' is unknown`;
  }
}

/** x·sigmoid(alpha·x). */
function swish(node: ListedNode, { emit, scalar }: StepContext): Outcome {
  const [x = ''] = node.inputs;
  const alpha = floatOf(node, 'alpha', 1);
  const scaled = alpha === 1 ? x : emit('Mul', [x, scalar(alpha, x)]);
  return finished(node, 'Mul', [x, emit('Sigmoid', [scaled])]);
}

/** Groups as instances of an InstanceNormalization without effect of its own scale, then scale and bias of the channels. */
function groupNormalization(node: ListedNode, context: StepContext): Outcome {
  const { emit, typeOf, vector } = context;
  const [x = '', scale = '', bias = ''] = node.inputs;
  const groups = intOf(node, 'num_groups', 0);
  const channels = typeOf(scale)?.shape[0] ?? typeOf(x)?.shape[1];
  if (groups < 1 || typeof channels !== 'number') return 'its number of channels is not known';
  const grouped = emit('Reshape', [x, vector([0, groups, -1])]);
  const shape = vector([groups]);
  const filled = (value: number): string => emit('Expand', [context.scalar(value, x), shape]);
  const normalised = emit('InstanceNormalization', [grouped, filled(1), filled(0)], {
    epsilon: float(floatOf(node, 'epsilon', 1e-5)),
  });
  const column = vector([-1, 1]);
  const byChannel = emit('Reshape', [normalised, vector([0, channels, -1])]);
  const affine = emit('Add', [
    emit('Mul', [byChannel, emit('Reshape', [scale, column])]),
    emit('Reshape', [bias, column]),
  ]);
  const sizes = typeOf(x)?.shape.map((dim, axis) => (axis === 0 ? 0 : typeof dim === 'number' ? dim : -1)) ?? [-1, -1];
  const known = sizes.filter((size) => size === -1).length <= 1;
  return finished(node, 'Reshape', [affine, known ? vector(sizes) : emit('Shape', [x])]);
}

/** x/√(mean(x²) + epsilon)·scale over the axes from `axis` on, in float32 where the file asks for that. */
function rmsNormalization(node: ListedNode, { emit, scalar, typeOf, vector }: StepContext): Outcome {
  const [x = '', scale = ''] = node.inputs;
  const type = typeOf(x);
  const axis = intOf(node, 'axis', -1);
  const rank = type?.shape.length;
  if (axis >= 0 && rank === undefined) return 'the rank of its input is not known';
  const first = axis < 0 ? axis : axis - (rank ?? 0);
  const single = intOf(node, 'stash_type', 1) === 1 && type?.dtype !== 'float32';
  const wide = single ? emit('Cast', [x], { to: int(1) }) : x;
  const axes = Array.from({ length: -first }, (_, k) => first + k);
  const mean = emit('ReduceMean', [emit('Mul', [wide, wide]), vector(axes)], { keepdims: int(1) });
  const epsilon = single
    ? emit('Cast', [scalar(floatOf(node, 'epsilon', 1e-5), wide)], { to: int(1) })
    : scalar(floatOf(node, 'epsilon', 1e-5), x);
  const normalised = emit('Div', [wide, emit('Sqrt', [emit('Add', [mean, epsilon])])]);
  return finished(node, 'Mul', [single ? emit('CastLike', [normalised, x]) : normalised, scale]);
}

/** Version 20 names interpolation by what it does in any number of dimensions, version 16 by what it does in two. */
function gridSampleMode(node: ListedNode, { typeOf }: StepContext): Outcome {
  const rank = typeOf(node.inputs[0] ?? '')?.shape.length;
  if (rank !== 4) return 'opset 18 samples images [batch, channels, height, width] only';
  const mode = textOf(node, 'mode', 'linear');
  const former = mode === 'linear' ? 'bilinear' : mode === 'cubic' ? 'bicubic' : mode;
  return withAttribute(node, 'mode', text(former));
}

/** The axis was an attribute (default 1) before it became an input (default −2). */
function dftAxis(node: ListedNode, { constantOf, typeOf }: StepContext): Outcome {
  const [x = '', length = '', source = ''] = node.inputs;
  const axis = source === '' ? -2 : Number(constantOf(source)?.data[0] ?? NaN);
  const rank = typeOf(x)?.shape.length;
  if (Number.isNaN(axis)) return 'its axis is computed';
  if (axis < 0 && rank === undefined) return 'the rank of its input is not known';
  const inputs = length === '' ? [x] : [x, length];
  return withAttribute({ ...node, inputs }, 'axis', int(axis < 0 ? axis + (rank ?? 0) : axis));
}

function noBooleans(node: ListedNode, { typeOf }: StepContext): Outcome {
  return typeOf(node.inputs[0] ?? '')?.dtype === 'bool' ? 'opset 18 does not reduce booleans' : node;
}

/** The quantised type was that of the zero point, unsigned bytes without one. */
function quantisedType(node: ListedNode, { typeOf }: StepContext): Outcome {
  const [, , zeroPoint = ''] = node.inputs;
  const stated = intOf(node, 'output_dtype', 0);
  const dtype = zeroPoint === '' ? undefined : typeOf(zeroPoint)?.dtype;
  const bytes = dtype === 'int8' || dtype === 'uint8' || (zeroPoint === '' && (stated === 0 || stated === 2));
  if (!bytes) return 'opset 18 quantises to int8 and uint8 only';
  if (intOf(node, 'block_size', 0) !== 0) return 'opset 18 does not quantise in blocks';
  return without(node, 'output_dtype', 'block_size');
}

function dequantisedBlocks(node: ListedNode, { typeOf }: StepContext): Outcome {
  const dtype = typeOf(node.inputs[0] ?? '')?.dtype;
  if (dtype === 'int16' || dtype === 'uint16') return 'opset 18 dequantises int8, uint8 and int32 only';
  return intOf(node, 'block_size', 0) === 0 ? without(node, 'block_size') : 'opset 18 does not dequantise in blocks';
}

/** Element types that opset 18 has no number for are not of these. */
const newestKnownType = 16;
const knownTarget: Step = (node) =>
  intOf(node, 'to', 1) <= newestKnownType
    ? without(node, 'saturate')
    : 'opset 18 lacks the element type that it casts to';

const widenedLater = { 21: 'same', 23: 'same', 24: 'same', 25: 'same' } as const;
const widened = { 19: 'same', ...widenedLater } as const;
const withSaturation = dropping({ saturate: anything });
const withRounding = dropping({ round_mode: anything });
const same22 = { 22: 'same' } as const;

export const stepsDown: Steps = {
  Acos: same22,
  Acosh: same22,
  Asin: same22,
  Asinh: same22,
  Atan: same22,
  Atanh: same22,
  Attention: attention,
  AveragePool: { 19: dropping({ dilations: ones }), 22: 'same' },
  Bernoulli: same22,
  Cast: { 19: knownTarget, 21: knownTarget, 23: knownTarget, 24: withRounding, 25: 'same' },
  CastLike: { 19: withSaturation, 21: 'same', 23: 'same', 24: withRounding, 25: 'same' },
  Constant: widened,
  ConstantOfShape: { ...widenedLater, 20: 'same' },
  Conv: same22,
  ConvTranspose: same22,
  Cos: same22,
  Cosh: same22,
  DFT: { 20: dftAxis },
  DequantizeLinear: {
    19: 'same',
    21: dequantisedBlocks,
    23: dropping({ output_dtype: zero }),
    24: 'same',
    25: 'same',
  },
  Det: same22,
  Dropout: same22,
  Elu: same22,
  Equal: { 19: 'same' },
  EyeLike: same22,
  Flatten: widenedLater,
  GRU: same22,
  Gelu: { 20: gelu },
  GlobalAveragePool: same22,
  GlobalLpPool: same22,
  GlobalMaxPool: same22,
  GridSample: { 20: gridSampleMode, 22: 'same' },
  GroupNormalization: { 21: groupNormalization },
  HardSigmoid: same22,
  HardSwish: same22,
  Identity: widened,
  If: widened,
  InstanceNormalization: same22,
  IsInf: { 20: 'same' },
  IsNaN: { 20: 'same' },
  LSTM: same22,
  Loop: widened,
  LpNormalization: same22,
  LpPool: same22,
  MaxPool: same22,
  MaxRoiPool: same22,
  MaxUnpool: same22,
  Mish: same22,
  Multinomial: same22,
  NegativeLogLikelihoodLoss: same22,
  Pad: { ...widened, 19: unless('mode', 'wrap') },
  QLinearMatMul: { 21: 'same' },
  QuantizeLinear: {
    19: withSaturation,
    21: quantisedType,
    23: dropping({ precision: zero }),
    24: 'same',
    25: 'same',
  },
  RMSNormalization: { 23: rmsNormalization },
  RNN: same22,
  RandomNormal: same22,
  RandomNormalLike: same22,
  RandomUniform: same22,
  RandomUniformLike: same22,
  ReduceMax: { 20: noBooleans },
  ReduceMin: { 20: noBooleans },
  Reshape: widened,
  Resize: { 19: unless('coordinate_transformation_mode', 'half_pixel_symmetric') },
  RoiAlign: same22,
  Round: same22,
  Scan: widened,
  Selu: same22,
  Shape: widened,
  Sin: same22,
  Sinh: same22,
  Size: widened,
  Softplus: same22,
  Softsign: same22,
  SplitToSequence: { 24: 'same' },
  Squeeze: widenedLater,
  Swish: { 24: swish },
  Tan: same22,
  ThresholdedRelu: same22,
  TopK: { 24: 'same' },
  Transpose: widenedLater,
  Unsqueeze: widenedLater,
};
