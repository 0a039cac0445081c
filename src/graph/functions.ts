import { float32, type DType, type HostTensor } from '../core/tensor.ts';
import { normalizeAxis, sizeOf } from '../core/shape.ts';
import { staticShapeOf, type Builder, type Value } from './builder.ts';

/**
 * Operators as functions with the usual defaults: `add(b, x, y)` adds a node to builder `b` and returns its value.
 * Shapes follow opset 18; see ops.ts.
 */

const scalars = new Map<number | '-0', HostTensor<'float32'>>();

/** A float32 scalar constant; equal numbers share one initializer per graph. */
export function scalar(b: Builder, value: number): Value {
  // A Map takes 0 and −0 for the same key.
  const key = Object.is(value, -0) ? '-0' : value;
  let shared = scalars.get(key);
  if (shared === undefined) {
    shared = float32([], [value]);
    scalars.set(key, shared);
  }
  return b.constant(shared, 'scalar');
}

type Operand = Value | number;
const operand = (b: Builder, value: Operand): Value => (typeof value === 'number' ? scalar(b, value) : value);

/** a + b, broadcast; a number becomes a scalar constant. */
export const add = (b: Builder, x: Operand, y: Operand): Value => b.op('Add', [operand(b, x), operand(b, y)], {});
/** a − b, broadcast. */
export const sub = (b: Builder, x: Operand, y: Operand): Value => b.op('Sub', [operand(b, x), operand(b, y)], {});
/** a·b element by element, broadcast. */
export const mul = (b: Builder, x: Operand, y: Operand): Value => b.op('Mul', [operand(b, x), operand(b, y)], {});
/** a/b element by element, broadcast. */
export const div = (b: Builder, x: Operand, y: Operand): Value => b.op('Div', [operand(b, x), operand(b, y)], {});
/** The larger of a and b element by element, broadcast. */
export const maximum = (b: Builder, x: Operand, y: Operand): Value => b.op('Max', [operand(b, x), operand(b, y)], {});
/** The smaller of a and b element by element, broadcast. */
export const minimum = (b: Builder, x: Operand, y: Operand): Value => b.op('Min', [operand(b, x), operand(b, y)], {});
/** a > b element by element, broadcast; booleans. */
export const greater = (b: Builder, x: Operand, y: Operand): Value =>
  b.op('Greater', [operand(b, x), operand(b, y)], {});
/** max(0, x) element by element. */
export const relu = (b: Builder, x: Value): Value => b.op('Relu', [x], {});
/** eˣ element by element. */
export const exp = (b: Builder, x: Value): Value => b.op('Exp', [x], {});
/** Natural logarithm, element by element. */
export const log = (b: Builder, x: Value): Value => b.op('Log', [x], {});
/** √x element by element. */
export const sqrt = (b: Builder, x: Value): Value => b.op('Sqrt', [x], {});
/** 1/x element by element. */
export const reciprocal = (b: Builder, x: Value): Value => b.op('Reciprocal', [x], {});
/** x, through which no gradient flows back. */
export const detach = (b: Builder, x: Value): Value => b.op('Detach', [x], {});
/** −x element by element. */
export const neg = (b: Builder, x: Value): Value => b.op('Neg', [x], {});
/** The elements as another type. */
export const cast = (b: Builder, x: Value, to: DType): Value => b.op('Cast', [x], { to });
/** Matrix product of `[…, n, k]` and `[…, k, m]`: `[…, n, m]`, leading axes broadcast. */
export const matmul = (b: Builder, x: Value, y: Value): Value => b.op('MatMul', [x, y], {});

/** Axes in another order: axis i of the result is axis `perm[i]` of x. */
export const transpose = (b: Builder, x: Value, perm: readonly number[]): Value => b.op('Transpose', [x], { perm });

/** Reshape with ONNX's 0 (copy) and −1 (what is left); no node where the shape is already this. */
export function reshape(b: Builder, x: Value, shape: readonly number[]): Value {
  const same = shape.length === x.type.shape.length && shape.every((dim, axis) => dim === x.type.shape[axis]);
  return same ? x : b.op('Reshape', [x], { shape });
}

/** x broadcast to a shape. */
export const expand = (b: Builder, x: Value, shape: readonly number[]): Value => b.op('Expand', [x], { shape });
/** Values one behind the other along one axis. */
export const concat = (b: Builder, values: readonly Value[], axis: number): Value => b.op('Concat', values, { axis });
/** x cut into parts of these sizes along one axis. */
export const split = (b: Builder, x: Value, parts: readonly number[], axis: number): readonly Value[] =>
  b.node('Split', [x], { split: parts, axis });

/** `x[start:end]` along one axis. */
export const slice = (b: Builder, x: Value, axis: number, start: number, end: number): Value =>
  b.op('Slice', [x], { starts: [start], ends: [end], axes: [axis], steps: [1] });

/** Zero padding; `pads` are all begins, then all ends. */
export const pad = (b: Builder, x: Value, pads: readonly number[]): Value => b.op('Pad', [x], { pads });
/** The entries of x at `indices` along one axis: that axis is replaced by the axes of `indices`. */
export const gather = (b: Builder, x: Value, indices: Value, axis: number): Value =>
  b.op('Gather', [x, indices], { axis });

interface ReductionOptions {
  /** Keep reduced axes as size 1 (default false). */
  readonly keepdims?: boolean;
}

/** Sum over the given axes. */
export const reduceSum = (
  b: Builder,
  x: Value,
  axes: readonly number[],
  { keepdims = false }: ReductionOptions = {},
): Value => b.op('ReduceSum', [x], { axes, keepdims: keepdims ? 1 : 0 });
/** Mean over the given axes. */
export const reduceMean = (
  b: Builder,
  x: Value,
  axes: readonly number[],
  { keepdims = false }: ReductionOptions = {},
): Value => b.op('ReduceMean', [x], { axes, keepdims: keepdims ? 1 : 0 });
/** Maximum over the given axes. */
export const reduceMax = (
  b: Builder,
  x: Value,
  axes: readonly number[],
  { keepdims = false }: ReductionOptions = {},
): Value => b.op('ReduceMax', [x], { axes, keepdims: keepdims ? 1 : 0 });

/** The k largest entries along one axis (default: the last), largest first, and their int64 places; of equal ones the first. */
export function topK(b: Builder, x: Value, k: number, axis = -1): { readonly values: Value; readonly places: Value } {
  const along = normalizeAxis(axis, x.type.shape.length, 'topK');
  const [values, places] = b.node('TopK', [x], { k: [k], axis: along, largest: 1 });
  return { values, places };
}
/** eˣ/Σ eˣ along one axis (default: the last). */
export const softmax = (b: Builder, x: Value, axis = -1): Value =>
  b.op('Softmax', [x], { axis: normalizeAxis(axis, x.type.shape.length, 'softmax') });
/** x − log Σ eˣ along one axis (default: the last). */
export const logSoftmax = (b: Builder, x: Value, axis = -1): Value =>
  b.op('LogSoftmax', [x], { axis: normalizeAxis(axis, x.type.shape.length, 'logSoftmax') });

/** The geometry of a convolution, the same for height and width. */
export interface ConvOptions {
  readonly bias?: Value;
  readonly stride?: number;
  /** Zeros on each side; default (kernel − 1)/2, which keeps the size at stride 1 for odd kernels. */
  readonly padding?: number;
  readonly dilation?: number;
  readonly groups?: number;
}

/** Cross-correlation of x `[batch, in, h, w]` with filter w `[out, in/groups, kh, kw]`. */
export function conv(b: Builder, x: Value, w: Value, options: ConvOptions = {}): Value {
  const [, , kh = 1, kw = 1] = staticShapeOf(w);
  const { stride = 1, dilation = 1, groups = 1 } = options;
  const [py, px] = [options.padding ?? (kh - 1) / 2, options.padding ?? (kw - 1) / 2];
  return b.op('Conv', [x, w, options.bias], {
    kernel_shape: [kh, kw],
    pads: [py, px, py, px],
    strides: [stride, stride],
    dilations: [dilation, dilation],
    group: groups,
  });
}

/** A pooling window, the same for height and width; stride defaults to the kernel, padding to 0. */
export interface PoolOptions {
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
}

const poolWindow = ({ kernel, stride = kernel, padding = 0 }: PoolOptions) => ({
  kernel_shape: [kernel, kernel],
  pads: [padding, padding, padding, padding],
  strides: [stride, stride],
});

/** Largest value of each window of x `[batch, channels, h, w]`. */
export const maxPool = (b: Builder, x: Value, options: PoolOptions): Value => b.op('MaxPool', [x], poolWindow(options));
/** Mean of each window of x `[batch, channels, h, w]`; padding is left out of the mean unless `countIncludePad`. */
export const averagePool = (
  b: Builder,
  x: Value,
  options: PoolOptions & { readonly countIncludePad?: boolean },
): Value =>
  b.op('AveragePool', [x], { ...poolWindow(options), count_include_pad: options.countIncludePad === true ? 1 : 0 });
/** Mean over height and width: `[batch, channels, h, w]` to `[batch, channels, 1, 1]`. */
export const globalAveragePool = (b: Builder, x: Value): Value => b.op('GlobalAveragePool', [x], {});

/** `[batch, …]` to `[batch, features]`. */
export function flatten(b: Builder, x: Value): Value {
  const features = sizeOf(x.type.shape.slice(1).filter((dim) => typeof dim === 'number'));
  return reshape(b, x, [0, features]);
}
