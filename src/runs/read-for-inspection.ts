import { readOnnx, type OnnxModel } from '../graph/onnx-read.ts';
import { ModelProto } from '../graph/onnx-common.ts';
import { OPSET } from '../graph/ops.ts';
import { FixheadError } from '../core/errors.ts';

/**
 * A model for looking at, never for running: one of another operator-set version is read as if it were of ours, because
 * shapes and costs of convolutions and products are the same in all of them. Where that contradicts the file, it is read
 * as it is; then some shapes stay unknown.
 *
 * @throws as `readOnnx`.
 */
export function readForInspection(bytes: Uint8Array, where: string): OnnxModel {
  const asItIs = readOnnx(bytes, where);
  if (asItIs.opset === OPSET) return asItIs;
  try {
    const proto = ModelProto.decode(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    for (const entry of proto.opsetImport)
      if ((entry.domain ?? '') === '' || entry.domain === 'ai.onnx') entry.version = OPSET;
    return { ...readOnnx(ModelProto.encode(proto).finish(), where), opset: asItIs.opset };
  } catch (error) {
    if (error instanceof FixheadError) return asItIs;
    throw error;
  }
}
