import type { onnx } from 'onnx-proto';
import { inputError } from '../core/errors.ts';
import { formatShape, type Dim } from '../core/shape.ts';
import { bytesPerElement, tensor, tensorFromBytes, type DType, type HostTensor } from '../core/tensor.ts';
import type { ForeignAttribute, TensorType } from './graph.ts';
import { AttributeType, DataLocation, bigintOf, dtypeOf } from './onnx-common.ts';
import type { ExternalData } from './onnx-external.ts';

/**
 * Tensors, types and attributes out of a decoded ONNX model. Nothing here trusts the file: memory is taken for data that is
 * there, never for a size that is only declared.
 */

/** A size of the file: a non-negative integer that a JavaScript number holds exactly. */
function sizeFrom(value: unknown, where: string): number {
  const size = bigintOf(value);
  if (size < 0n || size > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw inputError('impossible dimension', { where, received: String(size) });
  }
  return Number(size);
}

/** More axes than any tensor has; a shape is worked with axis by axis. */
const HIGHEST_RANK = 64;

function checkRank(rank: number, where: string): void {
  if (rank > HIGHEST_RANK) {
    throw inputError('impossible shape', { where, expected: `up to ${HIGHEST_RANK} axes`, received: `${rank}` });
  }
}

/** The element data of a tensor in whichever typed field its element type uses, as the array that a HostTensor holds. */
function typedData(proto: onnx.ITensorProto, dtype: DType): HostTensor['data'] {
  const int32 = proto.int32Data ?? [];
  const int64: readonly unknown[] = proto.int64Data ?? [];
  const uint64: readonly unknown[] = proto.uint64Data ?? [];
  switch (dtype) {
    case 'float32':
      return Float32Array.from(proto.floatData ?? []);
    case 'float64':
      return Float64Array.from(proto.doubleData ?? []);
    // Half-precision values stand as their 16 bits in the lower half of an int32.
    case 'float16':
    case 'bfloat16':
    case 'uint16':
      return Uint16Array.from(int32);
    case 'int8':
      return Int8Array.from(int32);
    case 'uint8':
      return Uint8Array.from(int32);
    case 'bool':
      return Uint8Array.from(int32, (value) => (value === 0 ? 0 : 1));
    case 'int16':
      return Int16Array.from(int32);
    case 'int32':
      return Int32Array.from(int32);
    case 'int64':
      return BigInt64Array.from(int64, bigintOf);
    case 'uint32':
      return Uint32Array.from(uint64, (value) => Number(bigintOf(value)));
    case 'uint64':
      return BigUint64Array.from(uint64, bigintOf);
    default:
      return dtype satisfies never;
  }
}

/** A tensor of the file in any of ONNX's encodings; `where` names it in errors. */
export function readTensor(proto: onnx.ITensorProto, external: ExternalData, where: string): HostTensor {
  if (proto.segment != null) throw inputError('the tensor is split into segments', { where });
  const dtype = dtypeOf(proto.dataType ?? 0);
  if (dtype === undefined) {
    throw inputError('unknown element type', {
      where,
      expected: 'a floating-point, integer or boolean type',
      received: `TensorProto.DataType ${String(proto.dataType)}`,
    });
  }
  const dims: readonly unknown[] = proto.dims ?? [];
  checkRank(dims.length, where);
  const shape = dims.map((dim) => sizeFrom(dim, where));
  const size = shape.reduce((product, extent) => product * BigInt(extent), 1n);
  if (proto.dataLocation === DataLocation.EXTERNAL || (proto.externalData ?? []).length > 0) {
    const bytes = external(proto.externalData ?? [], size * BigInt(bytesPerElement(dtype)), where);
    return tensorFromBytes(dtype, shape, bytes);
  }
  const raw = proto.rawData ?? new Uint8Array(0);
  const data = raw.length > 0 ? undefined : typedData(proto, dtype);
  const held = data === undefined ? raw.length / bytesPerElement(dtype) : data.length;
  if (BigInt(Math.floor(held)) !== size || !Number.isInteger(held)) {
    throw inputError('tensor data does not fit its shape', {
      where,
      expected: `${size} elements of ${dtype} for ${formatShape(shape)}`,
      received: data === undefined ? `${raw.length} bytes` : `${data.length} elements`,
    });
  }
  return data === undefined ? tensorFromBytes(dtype, shape, raw) : tensor(dtype, shape, data);
}

/**
 * The type of a value, `undefined` where the file does not state one that fixhead knows (sequences, maps, strings, no rank).
 * A dimension without size or name gets a name of its own from `unnamed`; `bound` are names that stand for a size.
 */
export function readType(
  info: onnx.IValueInfoProto,
  unnamed: () => string,
  bound: ReadonlyMap<string, number>,
  where: string,
): TensorType | undefined {
  const stated = info.type?.tensorType;
  const dtype = dtypeOf(stated?.elemType ?? 0);
  if (dtype === undefined || stated?.shape == null) return undefined;
  checkRank(stated.shape.dim?.length ?? 0, `${where}: value ${info.name ?? ''}`);
  const shape = (stated.shape.dim ?? []).map((dim): Dim => {
    if (dim.dimParam != null && dim.dimParam !== '') return bound.get(dim.dimParam) ?? dim.dimParam;
    const size: unknown = dim.dimValue;
    return size == null ? unnamed() : sizeFrom(size, `${where}: value ${info.name ?? ''}`);
  });
  return Object.freeze({ dtype, shape: Object.freeze(shape) });
}

/** An attribute as a value; sub-graphs and other rare kinds stay opaque. */
export function readAttribute(proto: onnx.IAttributeProto, external: ExternalData, where: string): ForeignAttribute {
  const opaque = (description: string): ForeignAttribute => ({ kind: 'opaque', description });
  if ((proto.refAttrName ?? '') !== '') return opaque('a reference to an attribute of a function');
  const i: unknown = proto.i;
  const ints: readonly unknown[] = proto.ints ?? [];
  switch (proto.type) {
    case AttributeType.INT:
      return { kind: 'int', value: bigintOf(i) };
    case AttributeType.INTS:
      return { kind: 'ints', value: ints.map(bigintOf) };
    case AttributeType.FLOAT:
      return { kind: 'float', value: proto.f ?? 0 };
    case AttributeType.FLOATS:
      return { kind: 'floats', value: [...(proto.floats ?? [])] };
    // Copies: a view would keep the bytes of the whole file alive.
    case AttributeType.STRING:
      return { kind: 'string', value: Uint8Array.from(proto.s ?? []) };
    case AttributeType.STRINGS:
      return { kind: 'strings', value: (proto.strings ?? []).map((text) => Uint8Array.from(text)) };
    case AttributeType.TENSOR:
      if (proto.t == null) throw inputError('tensor attribute without a tensor', { where });
      if (dtypeOf(proto.t.dataType ?? 0) === undefined) return opaque('a tensor of strings or of a rare element type');
      return { kind: 'tensor', value: readTensor(proto.t, external, where) };
    case AttributeType.GRAPH:
    case AttributeType.GRAPHS:
      return opaque('a sub-graph');
    case AttributeType.SPARSE_TENSOR:
    case AttributeType.SPARSE_TENSORS:
      return opaque('a sparse tensor');
    case AttributeType.TENSORS:
      return opaque('a list of tensors');
    case AttributeType.TYPE_PROTO:
    case AttributeType.TYPE_PROTOS:
      return opaque('a type');
    case AttributeType.UNDEFINED:
    case null:
    case undefined:
    default:
      return opaque(`kind ${String(proto.type)}`);
  }
}
