import type { HostTensor } from '../core/tensor.ts';

/** Where graphs run. */
export type Device = 'cpu' | 'webgpu' | 'cuda';

/** `auto` takes the best device that this machine has a provider for, CPU otherwise. */
export type DeviceChoice = Device | 'auto';

/** `training` sessions run one fixed-shape graph many times; `inference` sessions have constant weights and any batch size. */
export type SessionPurpose = 'training' | 'inference';

/** Host tensors by the names of inputs or outputs. */
export type Tensors = Readonly<Record<string, HostTensor>>;

/** One compiled graph. Release it with `await using` or `session[Symbol.asyncDispose]()`. */
export interface Session extends AsyncDisposable {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Runs the graph; every input must be fed. Throws an input error naming the tensor for a missing, unknown or misshapen feed. */
  readonly run: (feeds: Tensors) => Promise<Tensors>;
}

/** A graph whose state inputs are replaced by its state outputs at every step. */
export interface StatefulProgram {
  readonly bytes: Uint8Array;
  /** Each state tensor: the input that receives it, the output that replaces it, and its first value (not kept; copied). */
  readonly state: readonly { readonly input: string; readonly output: string; readonly initial: HostTensor }[];
  /** The other outputs, brought to the host at each step. */
  readonly outputs: readonly string[];
  /**
   * `small` gives memory back as soon as a value is done with, where the device would keep it for the next one (the CPU's arena):
   * less memory, slower steps. Default: `fast`.
   */
  readonly memory?: MemoryUse;
}

/** Whether a session keeps freed memory for its next values (`fast`) or gives it back (`small`). */
export type MemoryUse = 'fast' | 'small';

/** A compiled graph with its state kept on the device between steps. */
export interface StatefulSession extends AsyncDisposable {
  /** Runs one step: feeds the state and `feeds`, replaces the state, returns the other outputs. A step that fails leaves the state as it was before. */
  readonly step: (feeds: Tensors) => Promise<Tensors>;
  /** A copy of the state, by input name. */
  readonly readState: () => Promise<Tensors>;
  /** Replaces the state (all of it), by input name. */
  readonly writeState: (state: Tensors) => Promise<void>;
}

/** A device that runs ONNX bytes: onnxruntime-node here, onnxruntime-web in a browser. */
export interface Runtime {
  readonly device: Device;
  /** One line for a report: provider, version, threads. */
  readonly description: string;
  /** Block size b of the CPU's NCHWc kernels (8 or 16), 0 where the blocked lowering cannot be used. */
  readonly blockSize: number;
  /** Whether 16-bit floats make this device faster: never the CPU; a GPU if it computes with them, which is tried once, when asked. */
  readonly halfPrecision: () => Promise<boolean>;
  /** Compiles ONNX bytes. @throws an input error where the runtime refuses them. */
  readonly createSession: (bytes: Uint8Array, purpose: SessionPurpose) => Promise<Session>;
  /** Compiles a graph and puts its state on the device. @throws an input error where the runtime refuses it. */
  readonly createStatefulSession: (program: StatefulProgram) => Promise<StatefulSession>;
}
