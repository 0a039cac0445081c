import { isStatic, type Dim, type Shape } from '../../core/shape.ts';
import { int64, type DType, type HostTensor } from '../../core/tensor.ts';
import type { OpNode, TensorType } from '../graph.ts';
import type { Op } from '../ops.ts';
import { sliceRange } from '../slices.ts';
import { dimensionOf, productOf } from '../symbols.ts';
import { elementwise, isElementwise, type ElementFunction, type ElementwiseOp } from './arithmetic.ts';
import { elementsOf, isFoldTensor, isFoldType, isWhole, tensorFrom } from './elements.ts';

/** An element of a vector of sizes: an integer, the name of a symbolic dimension, or `undefined` where nothing is known. */
export type Size = bigint | string | undefined;

/**
 * A scalar or vector of integers or booleans of which some elements are known: what becomes of the shape of a value with a
 * symbolic batch dimension. `[batch, 116, 2, 28, 28]` is enough to know what a Reshape to it does.
 */
export interface Sizes {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly entries: readonly Size[];
}

/** Vectors of sizes are as long as ranks are; longer ones are tables of something else. */
const LONGEST = 64;

/** A constant as sizes, `undefined` for floats, matrices and long vectors. */
export function sizesOf(value: HostTensor): Sizes | undefined {
  if (!isFoldTensor(value) || !isWhole(value.dtype) || value.shape.length > 1 || value.data.length > LONGEST) {
    return undefined;
  }
  return { dtype: value.dtype, shape: value.shape, entries: elementsOf(value).map(BigInt) };
}

/** The sizes as a constant, if all are known. */
export function constantOf({ dtype, shape, entries }: Sizes): HostTensor | undefined {
  const known = entries.filter((entry) => typeof entry === 'bigint');
  return known.length === entries.length && isFoldType(dtype) ? tensorFrom(dtype, shape, known) : undefined;
}

const fromDim = (dim: Dim): Size => (typeof dim === 'number' ? BigInt(dim) : dim);

/** The product of sizes, none of them negative. */
function product(sizes: readonly Size[]): Size {
  const dims = sizes.flatMap((size) => (size === undefined ? [] : [typeof size === 'bigint' ? Number(size) : size]));
  return dims.length === sizes.length ? fromDim(dimensionOf(productOf(dims))) : undefined;
}

const isKnown = (size: Size): size is bigint => typeof size === 'bigint';
const otherThan = (neutral: bigint, a: Size, b: Size): Size => (a === neutral ? b : b === neutral ? a : undefined);

/** What elementwise operators make of operands of which one is a symbol: a dimension, which is not negative. */
const symbolic: { readonly [K in ElementwiseOp]?: (operands: readonly Size[]) => Size } = {
  Identity: ([a]) => a,
  Cast: ([a]) => a,
  Add: ([a, b]) => otherThan(0n, a, b),
  Mul: (operands) => (operands.some((size) => isKnown(size) && size < 0n) ? undefined : product(operands)),
  Sub: ([a, b]) => (b === 0n ? a : undefined),
  Div: ([a, b]) => (b === 1n ? a : undefined),
  Equal: ([a, b]) => {
    if (a === undefined || b === undefined) return undefined;
    if (a === b) return 1n;
    const number = isKnown(a) ? a : b;
    return isKnown(number) && number < 0n ? 0n : undefined;
  },
  Where: ([condition, a, b]) => (isKnown(condition) ? (condition === 0n ? b : a) : undefined),
};

function computedSize(node: OpNode, operands: readonly Size[]): Size {
  if (!isElementwise(node.op)) return undefined;
  const known = operands.filter(isKnown);
  if (known.length < operands.length) return symbolic[node.op]?.(operands);
  const compute: ElementFunction = elementwise[node.op];
  const result = compute(known, node.attributes);
  return typeof result === 'bigint' ? result : undefined;
}

interface SizesContext<K extends Op = Op> {
  readonly node: OpNode<K>;
  readonly shapeOf: (index: number) => Shape | undefined;
  /** What is known of input `index`. */
  readonly sizes: (index: number) => Sizes | undefined;
}

type FollowedOp =
  'Shape' | 'Size' | 'Reshape' | 'Flatten' | 'Squeeze' | 'Unsqueeze' | 'Gather' | 'Slice' | 'Concat' | 'Split';

type Follow<K extends Op> = (context: SizesContext<K>) => readonly (readonly Size[] | undefined)[];

const regrouped: Follow<Op> = (c) => [c.sizes(0)?.entries];

/** The entries of each output. Deliberately few: the operators that exporters put shapes together with. */
const followed: { readonly [K in FollowedOp]: Follow<K> } = {
  Shape: ({ node, shapeOf }) => [shapeOf(0)?.slice(node.attributes.start, node.attributes.end).map(fromDim)],
  Size: ({ shapeOf }) => {
    const shape = shapeOf(0);
    return [shape && [product(shape.map(fromDim))]];
  },
  Reshape: regrouped,
  Flatten: regrouped,
  Squeeze: regrouped,
  Unsqueeze: regrouped,
  Gather: ({ sizes }) => {
    const [source, indices] = [sizes(0), sizes(1)];
    if (source?.shape.length !== 1) return [];
    return [indices?.entries.map((index) => (isKnown(index) ? source.entries.at(Number(index)) : undefined))];
  },
  Slice: ({ node, sizes }) => {
    const { starts, ends, axes, steps } = node.attributes;
    const source = sizes(0);
    if (source?.shape.length !== 1 || axes.length !== 1) return [];
    const step = steps[0] ?? 1;
    const { first, count } = sliceRange(starts[0] ?? 0, ends[0] ?? 0, step, source.entries.length);
    return [Array.from({ length: count }, (_, k) => source.entries[first + k * step])];
  },
  Concat: ({ node, sizes, shapeOf }) => [
    node.inputs.flatMap((_, index) => {
      const [size = 0] = shapeOf(index) ?? [];
      return sizes(index)?.entries ?? new Array<Size>(Math.min(Number(size) || 0, LONGEST)).fill(undefined);
    }),
  ],
  Split: ({ node, sizes }) => {
    const entries = sizes(0)?.entries;
    let start = 0;
    return node.attributes.split.map((size) => entries?.slice(start, (start += size)));
  },
};

function isFollowed(op: Op): op is FollowedOp {
  return Object.hasOwn(followed, op);
}

function follow(op: FollowedOp, context: SizesContext): readonly (readonly Size[] | undefined)[] {
  // The compiler cannot see that the node is one of `op`.
  const rule = followed[op] as unknown as Follow<Op>;
  return rule(context);
}

function elementwiseSizes({ node, sizes }: SizesContext, length: number): readonly Size[] {
  const operands = node.inputs.map((_, index) => sizes(index)?.entries ?? []);
  return Array.from({ length }, (_, place) =>
    computedSize(
      node,
      operands.map((entries) => entries[entries.length === 1 ? 0 : place]),
    ),
  );
}

/** What is known of the outputs of a node of the table that computes with sizes. */
export function sizesOfNode(
  node: OpNode,
  typeOf: (name: string) => TensorType | undefined,
  known: (name: string) => Sizes | undefined,
): readonly (Sizes | undefined)[] {
  const types = node.outputs.map((name) => typeOf(name));
  const context: SizesContext = {
    node,
    shapeOf: (index) => typeOf(node.inputs[index] ?? '')?.shape,
    sizes: (index) => known(node.inputs[index] ?? ''),
  };
  const small = ({ dtype, shape: [length = 1, ...rest] }: TensorType): boolean =>
    isWhole(dtype) && rest.length === 0 && typeof length === 'number' && length <= LONGEST;
  if (!types.every((type) => type !== undefined && small(type))) return [];
  const outputs = isFollowed(node.op)
    ? follow(node.op, context)
    : isElementwise(node.op)
      ? [elementwiseSizes(context, Number(types[0]?.shape[0] ?? 1))]
      : [];
  return types.map((type, index) => {
    const entries = outputs[index];
    if (entries === undefined || type === undefined || !isStatic(type.shape)) return undefined;
    return entries.length === (type.shape[0] ?? 1) ? { dtype: type.dtype, shape: type.shape, entries } : undefined;
  });
}

/**
 * The target of a Reshape as a constant, if at most one of its entries is not a number: that one is what is left (−1), or the
 * dimension that the input has in that place (0).
 */
export function reshapeTarget(from: Shape, { entries }: Sizes, zeroCopies: boolean): HostTensor | undefined {
  const copied = entries.map((entry, axis) =>
    zeroCopies && typeof entry === 'string' && entry === from[axis] ? 0n : entry,
  );
  const open = copied.filter((entry) => typeof entry !== 'bigint').length;
  if (open > 1 || (open === 1 && copied.includes(-1n))) return undefined;
  return int64(
    [entries.length],
    copied.map((entry) => (typeof entry === 'bigint' ? Number(entry) : -1)),
  );
}

/** Sizes as a shape, if each is a number or a symbol. */
export function shapeFrom({ entries }: Sizes): Shape | undefined {
  const dims = entries.flatMap((entry): Dim[] =>
    entry === undefined || (typeof entry === 'bigint' && entry < 0n)
      ? []
      : [typeof entry === 'bigint' ? Number(entry) : entry],
  );
  return dims.length === entries.length ? dims : undefined;
}
