import proto from 'onnx-proto';
import type { DType } from '../core/tensor.ts';
import { definitionOf, ops, type Op } from './ops.ts';

/** The protobuf codec of ONNX models (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). */
export const { ModelProto, AttributeProto } = proto.onnx;

/** TensorProto.DataType of each element type. */
export const dataTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const satisfies Record<DType, number>;

const dtypes: ReadonlyMap<number, DType> = new Map(
  (Object.keys(dataTypes) as DType[]).map((dtype) => [dataTypes[dtype], dtype]),
);

/** The element type of a TensorProto.DataType, `undefined` for those fixhead has no array for (strings, 4 bits, complex). */
export function dtypeOf(dataType: number): DType | undefined {
  return dtypes.get(dataType);
}

export const { AttributeType } = proto.onnx.AttributeProto;
export const { DataLocation } = proto.onnx.TensorProto;

/** The shortest decimal that rounds to this float32: 0.1 where widening to a double gives 0.10000000149011612. */
export function shortestFloat32(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

/** A 64-bit integer as the codec takes it: two halves, exact beyond 2^53. */
export interface Int64Halves {
  readonly low: number;
  readonly high: number;
  readonly unsigned: boolean;
}

export function int64Halves(value: bigint): Int64Halves {
  return {
    low: Number(BigInt.asIntN(32, value)),
    high: Number(BigInt.asIntN(32, value >> 32n)),
    unsigned: false,
  };
}

/** A 64-bit integer as the codec gives it: two halves, or a number where no 64-bit library is loaded. */
export function bigintOf(value: unknown): bigint {
  if (typeof value === 'number') return BigInt(Math.trunc(value));
  const { low, high } = value as Int64Halves;
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

/** The ONNX operator type of an operator of the table. */
export function onnxTypeOf(op: Op): string {
  return definitionOf(op).type ?? op;
}

const byDomainAndType: ReadonlyMap<string, Op> = new Map(
  (Object.keys(ops) as Op[])
    .filter((op) => definitionOf(op).domain !== 'fixhead')
    .map((op) => [`${definitionOf(op).domain}\n${onnxTypeOf(op)}`, op]),
);

/** The operator of the table with this ONNX domain and type. Macro operators have none. */
export function opOf(domain: string, type: string): Op | undefined {
  return byDomainAndType.get(`${domain}\n${type}`);
}
