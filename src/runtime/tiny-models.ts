import onnxProto from 'onnx-proto';

/** Element type codes of the ONNX format (onnx.TensorProto.DataType) for the types that can stay on a GPU. */
const elementTypes: Readonly<Record<string, number>> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  uint32: 12,
};

/** One value of a tiny model. */
export interface TinyValue {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

export interface TinyNode {
  readonly op: string;
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
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
      tensorType: { elemType: elementTypes[dtype] ?? 0, shape: { dim: shape.map((dimValue) => ({ dimValue })) } },
    },
  });
  const model = onnx.ModelProto.create({
    irVersion: 8,
    opsetImport: [...domains].map((domain) => ({ domain, version: domain === '' ? 17 : 1 })),
    graph: {
      name: 'tiny',
      node: nodes.map(({ op, domain, inputs: input, outputs: output }) => ({
        opType: op,
        domain: domain ?? '',
        input: [...input],
        output: [...output],
      })),
      input: inputs.map(value),
      output: outputs.map(value),
    },
  });
  return onnx.ModelProto.encode(model).finish();
}
