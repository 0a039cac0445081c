import onnxProto from 'onnx-proto';
import type { Dim, Shape } from '../core/shape.ts';
import type { DType } from '../core/tensor.ts';

/** Element type codes of the ONNX format (onnx.TensorProto.DataType). */
const elementTypes = {
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

/** One value of a tiny model. */
export interface TinyValue {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

export interface TinyNode {
  readonly op: string;
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Integer attributes. */
  readonly attributes?: Readonly<Record<string, number>>;
}

/** The bytes of a model of a few nodes, for the runtime's own probes and transfers. */
export function tinyModel(
  nodes: readonly TinyNode[],
  inputs: readonly TinyValue[],
  outputs: readonly TinyValue[],
): Uint8Array {
  const { onnx } = onnxProto;
  const domains = new Set(['', ...nodes.map((node) => node.domain ?? '')]);
  const value = ({ name, dtype, shape }: TinyValue): onnxProto.onnx.IValueInfoProto => ({
    name,
    type: {
      tensorType: { elemType: elementTypes[dtype], shape: { dim: shape.map(dimension) } },
    },
  });
  const model = onnx.ModelProto.create({
    irVersion: 8,
    opsetImport: [...domains].map((domain) => ({ domain, version: domain === '' ? 17 : 1 })),
    graph: {
      name: 'tiny',
      node: nodes.map((node) => ({
        opType: node.op,
        domain: node.domain ?? '',
        input: [...node.inputs],
        output: [...node.outputs],
        attribute: Object.entries(node.attributes ?? {}).map(([name, i]) => ({
          name,
          i,
          type: onnx.AttributeProto.AttributeType.INT,
        })),
      })),
      input: inputs.map(value),
      output: outputs.map(value),
    },
  });
  return onnx.ModelProto.encode(model).finish();
}

function dimension(dim: Dim): onnxProto.onnx.TensorShapeProto.IDimension {
  return typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim };
}
