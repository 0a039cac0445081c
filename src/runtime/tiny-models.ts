import type onnxProto from 'onnx-proto';
import type { Dim, Shape } from '../core/shape.ts';
import type { DType } from '../core/tensor.ts';
import { AttributeType, dataTypes, ModelProto } from '../graph/onnx-common.ts';

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
  const domains = new Set(['', ...nodes.map((node) => node.domain ?? '')]);
  const value = ({ name, dtype, shape }: TinyValue): onnxProto.onnx.IValueInfoProto => ({
    name,
    type: {
      tensorType: { elemType: dataTypes[dtype], shape: { dim: shape.map(dimension) } },
    },
  });
  const model = ModelProto.create({
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
          type: AttributeType.INT,
        })),
      })),
      input: inputs.map(value),
      output: outputs.map(value),
    },
  });
  return ModelProto.encode(model).finish();
}

function dimension(dim: Dim): onnxProto.onnx.TensorShapeProto.IDimension {
  return typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim };
}
