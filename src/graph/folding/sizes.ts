import { defined } from '../../core/errors.ts';
import { isStatic, type Dim, type Shape } from '../../core/shape.ts';
import { int64, type DType, type HostTensor } from '../../core/tensor.ts';
import type { OpNode } from '../graph.ts';
import { sliceRange } from '../slices.ts';
import { dimensionOf, productOf } from '../symbols.ts';
import { elementwise, isElementwise } from './arithmetic.ts';
import { elementsOf, isFoldTensor, isWhole, tensorFrom, isFoldType } from './elements.ts';

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

/** A size and an operand that leaves it as it is: n + 0, n·1, n/1; a dimension is never negative. */
function computed(node: OpNode, given: readonly Size[]): Size {
  const known = given.filter((entry) => typeof entry === 'bigint');
  if (!isElementwise(node.op)) return undefined;
  if (known.length === given.length) {
    const result = elementwise[node.op](known, node.attributes);
    return typeof result === 'bigint' ? result : undefined;
  }
  const [a, b, c] = given;
  const [other] = known;
  switch (node.op) {
    case 'Identity':
    case 'Cast':
      return a;
    case 'Add':
      return other === 0n ? (typeof a === 'bigint' ? b : a) : undefined;
    case 'Mul':
      return a === undefined || b === undefined || (other !== undefined && other < 0n) ? undefined : product([a, b]);
    case 'Sub':
      return b === 0n ? a : undefined;
    case 'Div':
      return b === 1n ? a : undefined;
    case 'Equal':
      if (typeof a === 'string' && a === b) return 1n;
      return other !== undefined && other < 0n && typeof (typeof a === 'bigint' ? b : a) === 'string' ? 0n : undefined;
    case 'Where':
      return typeof a === 'bigint' ? (a === 0n ? c : b) : undefined;
    default:
      return undefined;
  }
}

interface SizesContext {
  readonly typeOf: (name: string) => { readonly dtype: DType; readonly shape: Shape } | undefined;
  readonly sizesOf: (name: string) => Sizes | undefined;
}

/** What is known of the outputs of a node of the table that computes with sizes. */
export function sizesOfNode(node: OpNode, { typeOf, sizesOf: known }: SizesContext): readonly (Sizes | undefined)[] {
  const [x = '', y = ''] = node.inputs;
  const types = node.outputs.map((name) => typeOf(name));
  const small = types.every(
    (type) => type !== undefined && isWhole(type.dtype) && type.shape.length <= 1 && isStatic(type.shape),
  );
  if (!small) return [];
  const make = (index: number, entries: readonly Size[]): Sizes | undefined => {
    const { dtype, shape } = defined(types[index], `type of ${node.name}`);
    return isStatic(shape) && entries.length === (shape[0] ?? 1) && entries.length <= LONGEST
      ? { dtype, shape, entries }
      : undefined;
  };
  const source = known(x);
  switch (node.op) {
    case 'Shape': {
      const { start, end } = node.attributes;
      return [make(0, (typeOf(x)?.shape ?? []).slice(start, end).map(fromDim))];
    }
    case 'Size': {
      const shape = typeOf(x)?.shape;
      return [shape && make(0, [product(shape.map(fromDim))])];
    }
    case 'Reshape':
    case 'Flatten':
    case 'Squeeze':
    case 'Unsqueeze':
      return [source && make(0, source.entries)];
    case 'Gather': {
      const indices = known(y);
      if (source?.shape.length !== 1 || indices === undefined) return [];
      return [
        make(
          0,
          indices.entries.map((index) => (typeof index === 'bigint' ? source.entries.at(Number(index)) : undefined)),
        ),
      ];
    }
    case 'Slice': {
      const { starts, ends, axes, steps } = node.attributes;
      if (source?.shape.length !== 1 || axes.length !== 1) return [];
      const step = steps[0] ?? 1;
      const { first, count } = sliceRange(starts[0] ?? 0, ends[0] ?? 0, step, source.entries.length);
      return [
        make(
          0,
          Array.from({ length: count }, (_, k) => source.entries[first + k * step]),
        ),
      ];
    }
    case 'Concat': {
      const parts = node.inputs.map((name) => {
        const part = known(name);
        const shape = typeOf(name)?.shape;
        return (
          part?.entries ??
          (shape !== undefined && isStatic(shape) ? new Array<Size>(shape[0] ?? 1).fill(undefined) : [])
        );
      });
      return [make(0, parts.flat())];
    }
    case 'Split': {
      let start = 0;
      return node.attributes.split.map(
        (size, index) => source && make(index, source.entries.slice(start, (start += size))),
      );
    }
    default: {
      if (!isElementwise(node.op)) return [];
      const operands = node.inputs.map((name) => known(name));
      const length = defined(types[0], node.name).shape[0] ?? 1;
      const entries = Array.from({ length: typeof length === 'number' ? length : 0 }, (_, index) =>
        computed(
          node,
          operands.map((operand) => operand?.entries[operand.entries.length === 1 ? 0 : index]),
        ),
      );
      return [make(0, entries)];
    }
  }
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
