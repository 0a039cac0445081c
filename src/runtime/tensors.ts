import type { InferenceSession, Tensor, TensorConstructor } from 'onnxruntime-common';
import { inputError } from '../core/errors.ts';
import { formatShape, sameShape, sizeOf, type Shape } from '../core/shape.ts';
import { tensor, type ArrayOf, type DType, type HostTensor } from '../core/tensor.ts';
import type { Tensors } from './runtime.ts';

/** Whether ONNX Runtime's JavaScript interface has each of our element types (under the same name). */
const exchangeable = {
  float32: true,
  float64: true,
  float16: true,
  bfloat16: false,
  int8: true,
  uint8: true,
  int16: true,
  uint16: true,
  int32: true,
  uint32: true,
  int64: true,
  uint64: true,
  bool: true,
} as const satisfies Record<DType, boolean>;

type OrtDType = { [K in DType]: (typeof exchangeable)[K] extends true ? K : never }[DType];

function isExchangeable(dtype: string): dtype is OrtDType {
  return Object.hasOwn(exchangeable, dtype) && exchangeable[dtype as DType];
}

/** ONNX Runtime's tensor over the same memory: nothing is copied, unless the memory is shared between threads. */
export function toOrt(Tensor: TensorConstructor, name: string, value: HostTensor): Tensor {
  const { dtype, data, shape } = value;
  if (!isExchangeable(dtype)) throw unsupportedDtype(name, dtype);
  if (data.length !== sizeOf(shape)) {
    throw inputError('tensor data does not fit its shape', {
      where: `tensor "${name}"`,
      expected: `${sizeOf(shape)} elements for ${formatShape(shape)}`,
      received: `${data.length}`,
    });
  }
  // onnxruntime-node cannot read shared memory: only such data is copied.
  return new Tensor(dtype, data.buffer instanceof ArrayBuffer ? data : data.slice(), [...shape]);
}

/** The element type of a runtime tensor, or an error for one that is not a number's. */
export function dtypeOf(name: string, type: string): DType {
  if (!isExchangeable(type)) throw unsupportedDtype(name, type);
  return type;
}

/** A host tensor over the memory of a runtime tensor that is in host memory: nothing is copied. */
export function fromOrt(name: string, value: Tensor): HostTensor {
  const dtype = dtypeOf(name, value.type);
  const data: unknown = value.data;
  // Where JavaScript has a Float16Array the runtime hands that out; ours is the 16 bits.
  const bits =
    dtype === 'float16' && !(data instanceof Uint16Array) && ArrayBuffer.isView(data)
      ? new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2)
      : data;
  return tensor<DType>(dtype, value.dims, bits as ArrayOf[DType]);
}

/** A tensor with its own copy of the data. */
export function copyOf(value: HostTensor): HostTensor {
  return tensor<DType>(value.dtype, value.shape, value.data.slice());
}

function unsupportedDtype(name: string, dtype: string): Error {
  return inputError('element type cannot be exchanged with ONNX Runtime', {
    where: `tensor "${name}"`,
    received: dtype,
    legal: Object.keys(exchangeable).filter(isExchangeable),
  });
}

/** What a feed must look like. A symbolic dimension accepts every size. */
export interface Signature {
  readonly dtype: DType;
  readonly shape: Shape;
}

export type Signatures = ReadonlyMap<string, Signature>;

/** The signatures in a session's metadata; throws for a value that is no tensor of numbers (a sequence, text). */
export function signaturesOf(metadata: readonly InferenceSession.ValueMetadata[]): Signatures {
  return new Map(
    metadata.map((value) => {
      if (!value.isTensor) {
        throw inputError('the model takes or gives something other than tensors', {
          where: `"${value.name}"`,
          expected: 'a tensor',
          received: 'a sequence, map or optional value',
        });
      }
      return [value.name, { dtype: dtypeOf(value.name, value.type), shape: value.shape }];
    }),
  );
}

/**
 * Checks that `given` has exactly the tensors of `wanted`, each with its element type and shape.
 *
 * @param role what the tensors are, for the message: `input`, `state tensor`
 * @param reserved names that exist but may not be given here, with the reason
 */
export function checkTensors(
  role: string,
  wanted: Signatures,
  given: Tensors,
  reserved?: { readonly names: ReadonlySet<string>; readonly why: string },
): void {
  for (const name of Object.keys(given)) {
    if (wanted.has(name)) continue;
    if (reserved?.names.has(name) === true) throw inputError(reserved.why, { where: `${role} "${name}"` });
    throw inputError(`unknown ${role}`, { where: `${role} "${name}"`, legal: [...wanted.keys()] });
  }
  for (const [name, signature] of wanted) {
    const where = `${role} "${name}"`;
    const value = given[name];
    if (value === undefined) {
      throw inputError(`${role} is missing`, {
        where,
        expected: describe(signature),
        received: listOrNothing(Object.keys(given)),
      });
    }
    if (value.dtype !== signature.dtype) {
      throw inputError('wrong element type', { where, expected: describe(signature), received: describe(value) });
    }
    if (!fits(value.shape, signature.shape)) {
      throw inputError('wrong shape', { where, expected: describe(signature), received: describe(value) });
    }
  }
}

export function fits(shape: Shape, pattern: Shape): boolean {
  return sameShape(
    shape,
    pattern.map((dim, axis) => (typeof dim === 'number' ? dim : (shape[axis] ?? dim))),
  );
}

export function describe(value: Signature): string {
  return `${value.dtype} ${formatShape(value.shape)}`;
}

function listOrNothing(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : `only ${names.join(', ')}`;
}
