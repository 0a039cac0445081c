import { inputError } from './errors.ts';
import { formatShape, sizeOf, type StaticShape } from './shape.ts';

/** Typed array of each element type. Half-precision values are kept as their 16 bits, `bool` as 0 or 1. */
export interface ArrayOf {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  uint16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int64: BigInt64Array;
  uint64: BigUint64Array;
  bool: Uint8Array;
}

/** An element type of tensors, by its ONNX name. */
export type DType = keyof ArrayOf;

/** A tensor in host memory, row-major. */
export type HostTensor<D extends DType = DType> = {
  [K in D]: { readonly dtype: K; readonly shape: StaticShape; readonly data: ArrayOf[K] };
}[D];

const constructors = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const satisfies { [K in DType]: new (buffer: ArrayBuffer) => ArrayOf[K] };

export function bytesPerElement(dtype: DType): number {
  return constructors[dtype].BYTES_PER_ELEMENT;
}

/** A tensor over `data`; throws if its length does not fit the shape. */
export function tensor<D extends DType>(dtype: D, shape: StaticShape, data: ArrayOf[D]): HostTensor<D> {
  if (data.length !== sizeOf(shape)) {
    throw inputError('tensor data does not fit its shape', {
      expected: `${sizeOf(shape)} elements for ${formatShape(shape)}`,
      received: `${data.length}`,
    });
  }
  // The compiler cannot see that D selects the same member on both sides.
  return Object.freeze({ dtype, shape: Object.freeze([...shape]), data });
}

/** A float32 tensor; a `Float32Array` is used as it is, other numbers are copied. @throws an input error if their number does not fit the shape. */
export function float32(shape: StaticShape, data: ArrayLike<number>): HostTensor<'float32'> {
  return tensor('float32', shape, data instanceof Float32Array ? data : Float32Array.from(data));
}

/** An int64 tensor of integers. @throws an input error if their number does not fit the shape. */
export function int64(shape: StaticShape, data: readonly number[]): HostTensor<'int64'> {
  return tensor('int64', shape, BigInt64Array.from(data, BigInt));
}

/** An int32 tensor; an `Int32Array` is used as it is, other numbers are copied. @throws an input error if their number does not fit the shape. */
export function int32(shape: StaticShape, data: ArrayLike<number>): HostTensor<'int32'> {
  return tensor('int32', shape, data instanceof Int32Array ? data : Int32Array.from(data));
}

/** A tensor from raw little-endian bytes, copied so that any alignment is accepted. */
export function tensorFromBytes(dtype: DType, shape: StaticShape, bytes: Uint8Array): HostTensor {
  const expected = sizeOf(shape) * bytesPerElement(dtype);
  if (bytes.byteLength !== expected) {
    throw inputError('tensor bytes do not fit its shape', {
      expected: `${expected} bytes for ${dtype}${formatShape(shape)}`,
      received: `${bytes.byteLength}`,
    });
  }
  // Not slice(): that of Node's Buffer is a view.
  const copy = new Uint8Array(bytes);
  return tensor(dtype, shape, new constructors[dtype](copy.buffer) as ArrayOf[typeof dtype]);
}

/** The tensor's memory as bytes (a view; little-endian on every platform that Node and browsers run on). */
export function bytesOf(value: HostTensor): Uint8Array {
  return new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength);
}
