import { foldConstants } from '../graph/fold.ts';
import type { OnnxModel } from '../graph/onnx-read.ts';
import { modelFromBytes } from './read-model.ts';

/**
 * A model for looking at: what follows from constants and shapes is computed, so that as many shapes as possible are known.
 *
 * @throws as `readModel`.
 */
export function readForInspection(bytes: Uint8Array, where: string): OnnxModel {
  const { onnx } = modelFromBytes(bytes, where);
  return { ...onnx, graph: foldConstants(onnx.graph) };
}
