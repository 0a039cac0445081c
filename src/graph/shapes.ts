import { inputError } from '../core/errors.ts';
import {
  broadcastShapes,
  formatShape,
  isStatic,
  normalizeAxis,
  sameShape,
  sizeOf,
  type Dim,
  type Shape,
} from '../core/shape.ts';
import type { DType } from '../core/tensor.ts';
import type { TensorType } from './graph.ts';
import { definitionOf, type AttributesOf, type Op } from './ops.ts';

/** What a shape rule sees: the node's name for errors, the types of its inputs (`undefined` where absent), its attributes. */
interface ShapeContext<K extends Op> {
  readonly where: string;
  readonly input: (index: number) => TensorType;
  readonly optional: (index: number) => TensorType | undefined;
  readonly count: number;
  readonly attributes: AttributesOf<K>;
}

type ShapeRule<K extends Op> = (context: ShapeContext<K>) => readonly TensorType[];

const of = (dtype: DType, shape: Shape): TensorType => Object.freeze({ dtype, shape: Object.freeze([...shape]) });
const like = (context: { input: (index: number) => TensorType }): readonly TensorType[] => [context.input(0)];

function dimOf(shape: Shape, axis: number, where: string): Dim {
  const dim = shape[axis];
  if (dim === undefined)
    throw inputError('rank too small', {
      where,
      expected: `at least ${axis + 1} dimensions`,
      received: formatShape(shape),
    });
  return dim;
}

function numberOf(shape: Shape, axis: number, where: string): number {
  const dim = dimOf(shape, axis, where);
  if (typeof dim === 'number') return dim;
  throw inputError('dimension must be a number', { where, received: formatShape(shape) });
}

function at(values: readonly number[], index: number, what: string, where: string): number {
  const value = values[index];
  if (value === undefined) {
    throw inputError(`${what} is too short`, {
      where,
      expected: `at least ${index + 1} entries`,
      received: `[${values.join(', ')}]`,
    });
  }
  return value;
}

/** A list of exactly this many integers. */
function exactly(count: number, values: readonly number[], what: string, where: string): void {
  if (values.length !== count) {
    throw inputError(`wrong number of ${what}`, { where, expected: String(count), received: `[${values.join(', ')}]` });
  }
  if (!values.every(Number.isInteger)) {
    throw inputError(`${what} must be integers`, { where, received: `[${values.join(', ')}]` });
  }
}

function expectDtype(type: TensorType, legal: readonly DType[], what: string, where: string): void {
  if (!legal.includes(type.dtype)) {
    throw inputError(`wrong element type of ${what}`, { where, expected: legal.join(' or '), received: type.dtype });
  }
}

function sameDtype(context: ShapeContext<Op>, a: TensorType, b: TensorType): DType {
  if (a.dtype !== b.dtype)
    throw inputError('element types differ', { where: context.where, received: `${a.dtype} and ${b.dtype}` });
  return a.dtype;
}

function broadcast(context: ShapeContext<Op>, a = context.input(0), b = context.input(1)): TensorType {
  return of(sameDtype(context, a, b), broadcastShapes(a.shape, b.shape, context.where));
}

function matmul(context: ShapeContext<Op>, transA = false, transB = false): TensorType {
  const { where } = context;
  const [a, b] = [context.input(0), context.input(1)];
  const swap = (shape: Shape, yes: boolean): Shape =>
    yes ? [...shape.slice(0, -2), dimOf(shape, shape.length - 1, where), dimOf(shape, shape.length - 2, where)] : shape;
  if (a.shape.length < 2 || b.shape.length < 2) {
    throw inputError('product needs two matrices', {
      where,
      received: `${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    });
  }
  const left = swap(a.shape, transA);
  const right = swap(b.shape, transB);
  const inner = dimOf(left, left.length - 1, where);
  if (inner !== dimOf(right, right.length - 2, where)) {
    throw inputError('inner dimensions differ', {
      where,
      received: `${formatShape(left)} times ${formatShape(right)}`,
    });
  }
  const batch = broadcastShapes(left.slice(0, -2), right.slice(0, -2), where);
  return of(sameDtype(context, a, b), [
    ...batch,
    dimOf(left, left.length - 2, where),
    dimOf(right, right.length - 1, where),
  ]);
}

function reduced(shape: Shape, axes: readonly number[], keepdims: number, where: string): Shape {
  const removed = new Set(axes.map((axis) => normalizeAxis(axis, shape.length, where)));
  return shape.flatMap((dim, axis) => (removed.has(axis) ? (keepdims === 1 ? [1] : []) : [dim]));
}

/** Product of numeric dimensions and the sorted symbolic ones: two shapes hold equally many elements iff these agree. */
function elementCount(shape: Shape): { readonly size: number; readonly symbols: string } {
  return {
    size: sizeOf(shape.filter((dim) => typeof dim === 'number')),
    symbols: shape
      .filter((dim) => typeof dim === 'string')
      .sort()
      .join('·'),
  };
}

/** ONNX Reshape: 0 copies a dimension, −1 (once) takes what is left; a symbolic dimension can only be what is left or copied. */
export function reshapedShape(from: Shape, target: readonly number[], where: string): Shape {
  const copied = target.map((dim, axis): Dim | undefined =>
    dim === 0 ? dimOf(from, axis, where) : dim === -1 ? undefined : dim,
  );
  const known = copied.filter((dim) => dim !== undefined);
  const [source, filled] = [elementCount(from), elementCount(known)];
  const mismatch = inputError('Reshape changes the number of elements', {
    where,
    received: `${formatShape(from)} to [${target.join(', ')}]`,
  });
  if (known.length === target.length) {
    if (source.size !== filled.size || source.symbols !== filled.symbols) throw mismatch;
    return known;
  }
  if (known.length < target.length - 1) throw inputError('Reshape has more than one −1', { where });
  const symbolic = from.filter((dim) => typeof dim === 'string' && !known.includes(dim));
  const ratio = source.size / filled.size;
  if (!Number.isInteger(ratio) || symbolic.length > 1 || (symbolic.length === 1 && ratio !== 1)) throw mismatch;
  return copied.map((dim) => dim ?? symbolic[0] ?? ratio);
}

function slidingExtent(
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
  padding: number,
  where: string,
): number {
  const extent = Math.floor((size + padding - dilation * (kernel - 1) - 1) / stride) + 1;
  if (extent < 1)
    throw inputError('window larger than its padded input', {
      where,
      expected: `at least ${dilation * (kernel - 1) + 1}`,
      received: `${size + padding}`,
    });
  return extent;
}

interface WindowAttributes {
  readonly kernel_shape: readonly number[];
  readonly pads: readonly number[];
  readonly strides: readonly number[];
  readonly dilations?: readonly number[];
}

/** Spatial extents after a window slides over `[.., height, width]`; pads are ONNX's (all begins, then all ends). */
export function windowedExtents(spatial: Shape, window: WindowAttributes, where: string): number[] {
  const rank = spatial.length;
  exactly(rank, window.kernel_shape, 'kernel_shape', where);
  exactly(rank, window.strides, 'strides', where);
  exactly(2 * rank, window.pads, 'pads', where);
  if (window.dilations !== undefined) exactly(rank, window.dilations, 'dilations', where);
  return spatial.map((_, axis) =>
    slidingExtent(
      numberOf(spatial, axis, where),
      at(window.kernel_shape, axis, 'kernel_shape', where),
      at(window.strides, axis, 'strides', where),
      window.dilations?.[axis] ?? 1,
      at(window.pads, axis, 'pads', where) + at(window.pads, axis + rank, 'pads', where),
      where,
    ),
  );
}

function expectVector(type: TensorType, length: Dim, what: string, where: string): void {
  if (!sameShape(type.shape, [length])) {
    throw inputError(`wrong shape of ${what}`, { where, expected: `[${length}]`, received: formatShape(type.shape) });
  }
}

/** `kernel_shape` only repeats what the filter says. */
function expectFilter(x: TensorType, w: TensorType, kernel: readonly number[], where: string): void {
  if (x.shape.length < 3 || w.shape.length !== x.shape.length || !sameShape(w.shape.slice(2), kernel)) {
    throw inputError('the filter does not fit', {
      where,
      expected: `[out, in, ${kernel.join(', ')}] for the input ${formatShape(x.shape)}`,
      received: formatShape(w.shape),
    });
  }
}

function convolved(context: ShapeContext<'Conv' | 'nchwc.Conv'>): TensorType {
  const { where, attributes } = context;
  const [x, w] = [context.input(0), context.input(1)];
  expectFilter(x, w, attributes.kernel_shape, where);
  const channels = numberOf(x.shape, 1, where);
  const perGroup = numberOf(w.shape, 1, where);
  if (channels !== perGroup * attributes.group || numberOf(w.shape, 0, where) % attributes.group !== 0) {
    throw inputError('convolution channels do not fit', {
      where,
      expected: `filter with ${channels / attributes.group} input channels per group`,
      received: `input ${formatShape(x.shape)}, filter ${formatShape(w.shape)}, ${attributes.group} groups`,
    });
  }
  const bias = context.optional(2);
  if (bias !== undefined) expectVector(bias, dimOf(w.shape, 0, where), 'bias', where);
  return of(sameDtype(context, x, w), [
    dimOf(x.shape, 0, where),
    dimOf(w.shape, 0, where),
    ...windowedExtents(x.shape.slice(2), attributes, where),
  ]);
}

function pooled(context: ShapeContext<'MaxPool' | 'AveragePool' | 'nchwc.MaxPool'>): readonly TensorType[] {
  const { dtype, shape } = context.input(0);
  return [of(dtype, [...shape.slice(0, 2), ...windowedExtents(shape.slice(2), context.attributes, context.where)])];
}

const comparison = (context: ShapeContext<Op>): readonly TensorType[] => [of('bool', broadcast(context).shape)];
const elementwise = (context: ShapeContext<Op>): readonly TensorType[] => [broadcast(context)];
const reduce = (context: ShapeContext<'ReduceSum'>): readonly TensorType[] => [
  of(
    context.input(0).dtype,
    reduced(context.input(0).shape, context.attributes.axes, context.attributes.keepdims, context.where),
  ),
];
const alongAxis = (context: ShapeContext<'Softmax'>): readonly TensorType[] => {
  normalizeAxis(context.attributes.axis, context.input(0).shape.length, context.where);
  return [context.input(0)];
};
const channelVector = (type: TensorType, where: string): TensorType => of(type.dtype, [dimOf(type.shape, 1, where)]);

export const shapeRules: { readonly [K in Op]: ShapeRule<K> } = {
  Identity: like,
  Relu: like,
  Exp: like,
  Log: like,
  Sqrt: like,
  Reciprocal: like,
  Neg: like,
  Abs: like,
  Sigmoid: like,
  Tanh: like,
  HardSigmoid: like,
  Cast: (c) => [of(c.attributes.to, c.input(0).shape)],
  Add: elementwise,
  Sub: elementwise,
  Mul: elementwise,
  Div: elementwise,
  Max: elementwise,
  Min: elementwise,
  Equal: comparison,
  Greater: comparison,
  Where: (c) => {
    expectDtype(c.input(0), ['bool'], 'the condition', c.where);
    const values = broadcast(c, c.input(1), c.input(2));
    return [of(values.dtype, broadcastShapes(c.input(0).shape, values.shape, c.where))];
  },
  MatMul: (c) => [matmul(c)],
  Gemm: (c) => {
    const product = matmul(c, c.attributes.transA === 1, c.attributes.transB === 1);
    const bias = c.optional(2);
    if (bias !== undefined && !sameShape(broadcastShapes(product.shape, bias.shape, c.where), product.shape)) {
      throw inputError('the bias is larger than the product', {
        where: c.where,
        expected: formatShape(product.shape),
        received: formatShape(bias.shape),
      });
    }
    return [product];
  },
  FusedMatMul: (c) => [matmul(c, c.attributes.transA === 1, c.attributes.transB === 1)],
  Transpose: (c) => {
    const { dtype, shape } = c.input(0);
    const { perm } = c.attributes;
    if (perm.length !== shape.length || new Set(perm).size !== shape.length) {
      throw inputError('perm is not a permutation of the axes', {
        where: c.where,
        expected: `${shape.length} axes`,
        received: `[${perm.join(', ')}]`,
      });
    }
    return [
      of(
        dtype,
        perm.map((axis) => dimOf(shape, axis, c.where)),
      ),
    ];
  },
  Reshape: (c) => [of(c.input(0).dtype, reshapedShape(c.input(0).shape, c.attributes.shape, c.where))],
  Flatten: (c) => {
    const { dtype, shape } = c.input(0);
    if (Math.abs(c.attributes.axis) > shape.length) {
      throw inputError('axis out of range', {
        where: c.where,
        expected: `an integer in [${-shape.length}, ${shape.length}]`,
        received: String(c.attributes.axis),
      });
    }
    const [outer, inner] = [shape.slice(0, c.attributes.axis), shape.slice(c.attributes.axis)];
    const merged = (part: Shape): Dim =>
      part.length === 1 ? dimOf(part, 0, c.where) : isStatic(part) ? sizeOf(part) : part.join('·');
    return [of(dtype, [merged(outer), merged(inner)])];
  },
  Expand: (c) => [of(c.input(0).dtype, broadcastShapes(c.input(0).shape, c.attributes.shape, c.where))],
  Concat: (c) => {
    const first = c.input(0);
    const axis = normalizeAxis(c.attributes.axis, first.shape.length, c.where);
    let total = 0;
    for (let index = 0; index < c.count; index++) {
      const { dtype, shape } = c.input(index);
      const fits =
        dtype === first.dtype &&
        shape.length === first.shape.length &&
        shape.every((dim, k) => k === axis || dim === first.shape[k]);
      if (!fits)
        throw inputError('Concat inputs differ outside the axis', {
          where: c.where,
          received: `${formatShape(first.shape)} and ${formatShape(shape)}`,
        });
      total += numberOf(shape, axis, c.where);
    }
    return [
      of(
        first.dtype,
        first.shape.map((dim, k) => (k === axis ? total : dim)),
      ),
    ];
  },
  Split: (c) => {
    const { dtype, shape } = c.input(0);
    const axis = normalizeAxis(c.attributes.axis, shape.length, c.where);
    if (c.attributes.split.reduce((sum, part) => sum + part, 0) !== shape[axis]) {
      throw inputError('Split parts do not add up', {
        where: c.where,
        expected: String(shape[axis]),
        received: `[${c.attributes.split.join(', ')}]`,
      });
    }
    return c.attributes.split.map((part) =>
      of(
        dtype,
        shape.map((dim, k) => (k === axis ? part : dim)),
      ),
    );
  },
  Slice: (c) => {
    const { dtype, shape } = c.input(0);
    const { starts, ends, axes, steps } = c.attributes;
    const dims = [...shape];
    axes.forEach((given, index) => {
      const axis = normalizeAxis(given, shape.length, c.where);
      const size = numberOf(shape, axis, c.where);
      const step = at(steps, index, 'steps', c.where);
      const [start, end] = [starts, ends].map((bounds) => {
        const bound = at(bounds, index, 'starts or ends', c.where);
        return Math.min(Math.max(bound < 0 ? bound + size : bound, 0), size);
      });
      if (step < 1) throw inputError('Slice steps must be positive', { where: c.where, received: String(step) });
      dims[axis] = Math.max(0, Math.ceil(((end ?? 0) - (start ?? 0)) / step));
    });
    return [of(dtype, dims)];
  },
  Pad: (c) => {
    const { dtype, shape } = c.input(0);
    const { pads } = c.attributes;
    exactly(2 * shape.length, pads, 'pads', c.where);
    return [
      of(
        dtype,
        shape.map((dim, axis) => {
          const extra = at(pads, axis, 'pads', c.where) + at(pads, axis + shape.length, 'pads', c.where);
          return extra === 0 ? dim : numberOf(shape, axis, c.where) + extra;
        }),
      ),
    ];
  },
  Gather: (c) => {
    const [x, indices] = [c.input(0), c.input(1)];
    expectDtype(indices, ['int32', 'int64'], 'indices', c.where);
    const axis = normalizeAxis(c.attributes.axis, x.shape.length, c.where);
    return [of(x.dtype, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)])];
  },
  ScatterElements: (c) => {
    const [x, indices, updates] = [c.input(0), c.input(1), c.input(2)];
    expectDtype(indices, ['int32', 'int64'], 'indices', c.where);
    normalizeAxis(c.attributes.axis, x.shape.length, c.where);
    sameDtype(c, x, updates);
    if (indices.shape.length !== x.shape.length || !sameShape(indices.shape, updates.shape)) {
      throw inputError('indices and updates do not fit', {
        where: c.where,
        expected: `two equal shapes of rank ${x.shape.length}`,
        received: `${formatShape(indices.shape)} and ${formatShape(updates.shape)}`,
      });
    }
    return [x];
  },
  ReduceSum: reduce,
  ReduceMean: reduce,
  ReduceMax: reduce,
  ArgMax: (c) => [of('int64', reduced(c.input(0).shape, [c.attributes.axis], c.attributes.keepdims, c.where))],
  Softmax: alongAxis,
  LogSoftmax: alongAxis,
  Conv: (c) => [convolved(c)],
  ConvTranspose: (c) => {
    const { where, attributes } = c;
    const [x, w] = [c.input(0), c.input(1)];
    expectFilter(x, w, attributes.kernel_shape, where);
    exactly(2 * (x.shape.length - 2), attributes.pads, 'pads', where);
    if (dimOf(x.shape, 1, where) !== numberOf(w.shape, 0, where)) {
      throw inputError('convolution channels do not fit', {
        where,
        received: `input ${formatShape(x.shape)}, filter ${formatShape(w.shape)}`,
      });
    }
    const spatial = x.shape.slice(2).map((_, axis) => {
      const padding =
        at(attributes.pads, axis, 'pads', where) + at(attributes.pads, axis + x.shape.length - 2, 'pads', where);
      const reach =
        at(attributes.dilations, axis, 'dilations', where) *
          (at(attributes.kernel_shape, axis, 'kernel_shape', where) - 1) +
        1;
      return (
        at(attributes.strides, axis, 'strides', where) * (numberOf(x.shape, axis + 2, where) - 1) +
        at(attributes.output_padding, axis, 'output_padding', where) +
        reach -
        padding
      );
    });
    return [of(x.dtype, [dimOf(x.shape, 0, where), numberOf(w.shape, 1, where) * attributes.group, ...spatial])];
  },
  MaxPool: pooled,
  AveragePool: pooled,
  GlobalAveragePool: (c) => [
    of(
      c.input(0).dtype,
      c.input(0).shape.map((dim, axis) => (axis < 2 ? dim : 1)),
    ),
  ],
  BatchNormalization: (c) => {
    const x = c.input(0);
    ['scale', 'bias', 'mean', 'variance'].forEach((what, index) => {
      expectVector(c.input(index + 1), dimOf(x.shape, 1, c.where), what, c.where);
    });
    return [x];
  },
  BatchNormTraining: (c) => [c.input(0), channelVector(c.input(0), c.where), channelVector(c.input(0), c.where)],
  BatchNormGrad: (c) => [c.input(1), c.input(2), c.input(2)],
  ReluGrad: like,
  ConvInputGrad: (c) => [of(c.input(0).dtype, c.attributes.input_shape)],
  ConvWeightGrad: (c) => {
    const [x, gy] = [c.input(0), c.input(1)];
    return [
      of(x.dtype, [
        dimOf(gy.shape, 1, c.where),
        numberOf(x.shape, 1, c.where) / c.attributes.group,
        ...c.attributes.kernel_shape,
      ]),
    ];
  },
  MaxPoolGrad: (c) => [c.input(1)],
  AveragePoolGrad: (c) => [of(c.input(0).dtype, c.attributes.input_shape)],
  'nchwc.ReorderInput': (c) => {
    const { dtype, shape } = c.input(0);
    if (c.attributes.channels_last === 0) return [c.input(0)];
    return [
      of(dtype, [
        dimOf(shape, 0, c.where),
        dimOf(shape, 3, c.where),
        dimOf(shape, 1, c.where),
        dimOf(shape, 2, c.where),
      ]),
    ];
  },
  'nchwc.ReorderOutput': (c) => {
    const { dtype, shape } = c.input(0);
    const [batch, height, width] = [dimOf(shape, 0, c.where), dimOf(shape, 2, c.where), dimOf(shape, 3, c.where)];
    const { channels, channels_last } = c.attributes;
    return [of(dtype, channels_last === 1 ? [batch, height, width, channels] : [batch, channels, height, width])];
  },
  'nchwc.Conv': (c) => [convolved(c)],
  'nchwc.MaxPool': pooled,
  'nchwc.GlobalAveragePool': (c) => [
    of(
      c.input(0).dtype,
      c.input(0).shape.map((dim, axis) => (axis < 2 ? dim : 1)),
    ),
  ],
};

/** Output types of a node, or an error that names it. Checks arity against the operator table. */
export function inferTypes<K extends Op>(
  op: K,
  where: string,
  inputs: readonly (TensorType | undefined)[],
  attributes: AttributesOf<K>,
): readonly TensorType[] {
  const { inputs: names } = definitionOf(op);
  const variadic = names.some((name) => name.startsWith('...'));
  const required = variadic ? 1 : names.filter((name) => !name.endsWith('?')).length;
  if (inputs.length < required || (!variadic && inputs.length > names.length)) {
    throw inputError('wrong number of inputs', {
      where,
      expected: `${op}(${names.join(', ')})`,
      received: String(inputs.length),
    });
  }
  const optional = (index: number): TensorType | undefined => inputs[index];
  const input = (index: number): TensorType => {
    const type = inputs[index];
    if (type === undefined) throw inputError('input is missing', { where, expected: `${op}(${names.join(', ')})` });
    return type;
  };
  const types = shapeRules[op]({ where, input, optional, count: inputs.length, attributes });
  for (const { shape } of types) {
    if (shape.some((dim) => typeof dim === 'number' && !(Number.isSafeInteger(dim) && dim >= 0))) {
      throw inputError('impossible shape', { where, received: formatShape(shape) });
    }
  }
  return types;
}
