import { sizeOf, type Shape, type StaticShape } from '../../core/shape.ts';
import { tensor, type DType, type HostTensor } from '../../core/tensor.ts';

/** An element while it is computed with: integers and booleans as bigint, so that int64 keeps all its bits; floats as number. */
export type Element = number | bigint;

/** The element types that constants are computed in. */
export type FoldType = 'float32' | 'float64' | 'int64' | 'int32' | 'bool';

export type FoldTensor = Extract<HostTensor, { readonly dtype: FoldType }>;

export function isFoldTensor(value: HostTensor): value is FoldTensor {
  return isFoldType(value.dtype);
}

export function isFoldType(dtype: DType): dtype is FoldType {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'int64' || dtype === 'int32' || dtype === 'bool';
}

/** Integers and booleans: what shape arithmetic is made of, and what no training changes. */
export function isWhole(dtype: DType): boolean {
  return !dtype.startsWith('float') && !dtype.startsWith('bfloat');
}

/** The elements, row-major. */
export function elementsOf(value: FoldTensor): readonly Element[] {
  switch (value.dtype) {
    case 'float32':
    case 'float64':
      return Array.from<number>(value.data);
    case 'int64':
      return Array.from(value.data);
    case 'int32':
    case 'bool':
      return Array.from(value.data, BigInt);
    default:
      return value satisfies never;
  }
}

const truncated = (element: Element): bigint => (typeof element === 'bigint' ? element : BigInt(Math.trunc(element)));

/** A tensor of these elements: floats rounded to the type, integers wrapped to it. Not for NaN and infinities as integers. */
export function tensorFrom(dtype: FoldType, shape: StaticShape, elements: readonly Element[]): FoldTensor {
  switch (dtype) {
    case 'float32':
      return tensor(dtype, shape, Float32Array.from(elements, Number));
    case 'float64':
      return tensor(dtype, shape, Float64Array.from(elements, Number));
    case 'int64':
      return tensor(
        dtype,
        shape,
        BigInt64Array.from(elements, (element) => BigInt.asIntN(64, truncated(element))),
      );
    case 'int32':
      return tensor(
        dtype,
        shape,
        Int32Array.from(elements, (element) => Number(BigInt.asIntN(32, truncated(element)))),
      );
    case 'bool':
      // −0, 0 and 0n are false.
      return tensor(
        dtype,
        shape,
        Uint8Array.from(elements, (element) => (Number(element) === 0 ? 0 : 1)),
      );
    default:
      return dtype satisfies never;
  }
}

/** The index of a row-major offset. */
export function indexAt(offset: number, shape: StaticShape): number[] {
  const index = new Array<number>(shape.length).fill(0);
  let rest = offset;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] ?? 1;
    index[axis] = rest % size;
    rest = Math.floor(rest / size);
  }
  return index;
}

/** Row-major offset of an index; axes of size 1 repeat, and leading axes that the shape lacks are left out. */
export function offsetIn(shape: Shape, index: readonly number[]): number {
  const skipped = index.length - shape.length;
  return shape.reduce<number>((offset, size, axis) => {
    const extent = typeof size === 'number' ? size : 1;
    return offset * extent + (extent === 1 ? 0 : (index[axis + skipped] ?? 0));
  }, 0);
}

/** A tensor of `shape` whose element at each index is the operand's element at `source(index)`. */
export function moved(
  x: FoldTensor,
  shape: StaticShape,
  source: (index: readonly number[]) => readonly number[],
): FoldTensor {
  const elements = elementsOf(x);
  return tensorFrom(
    x.dtype,
    shape,
    Array.from(
      { length: sizeOf(shape) },
      (_, offset) => elements[offsetIn(x.shape, source(indexAt(offset, shape)))] ?? 0,
    ),
  );
}
