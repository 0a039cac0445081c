import type { InferenceSession, InferenceSessionFactory, Tensor, TensorConstructor } from 'onnxruntime-common';
import type { MemoryUse, SessionPurpose, Tensors } from './runtime.ts';

/** The part of an ONNX Runtime module that sessions use; onnxruntime-node and onnxruntime-web both have it. */
export interface Ort {
  readonly InferenceSession: InferenceSessionFactory;
  readonly Tensor: TensorConstructor;
}

/** onnxruntime-node's module. */
export interface NodeOrt extends Ort {
  readonly env: { readonly versions: { readonly node?: string } };
}

/** An ONNX Runtime module and how to use it on one device. */
export interface Engine {
  readonly ort: Ort;
  /** The device, for messages: `cpu`, `webgpu`. */
  readonly name: string;
  readonly sessionOptions: (purpose: SessionPurpose, memory?: MemoryUse) => InferenceSession.SessionOptions;
  /** Tries whether the device computes with 16-bit floats. */
  readonly halfPrecision: () => Promise<boolean>;
  /**
   * How a stateful session keeps its state between steps.
   *
   * - `swapped`: two sets of host buffers take turns. onnxruntime-node only: onnxruntime-web ignores the buffer that an
   *   output should go to, without an error.
   * - `returned`: the host tensors that a step returns are the next step's state.
   * - `on-gpu`: likewise, in GPU buffers.
   */
  readonly state: 'swapped' | 'returned' | 'on-gpu';
  /** Brings tensors from the device into host memory. Only called for tensors that are not there already. */
  readonly download: (values: Readonly<Record<string, Tensor>>) => Promise<Tensors>;
}

export function versionOf(ort: NodeOrt): string {
  return `ONNX Runtime ${ort.env.versions.node ?? '(unknown version)'}`;
}
