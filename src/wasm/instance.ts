import { usageError } from '../core/errors.ts';
import { headModule } from './module.ts';

/** What the module exports besides its memory: functions, and globals that describe the head (see assembly/head.ts). */
export interface HeadExports {
  readonly memory: WebAssembly.Memory;
  readonly topK: (batch: number, k: number, x: number, classes: number, logits: number) => number;
  readonly logits: (batch: number, x: number, out: number) => number;
  /** The fast Walsh–Hadamard transform of 2^m floats, in place. */
  readonly transform: (address: number, m: number) => void;
}

/** The globals of the module. */
export type HeadGlobals = Readonly<
  Record<
    | 'features'
    | 'order'
    | 'exponent'
    | 'factors'
    | 'steps'
    | 'bases'
    | 'firstRow'
    | 'firstColumn'
    | 'antipodal'
    | 'classes'
    | 'alpha'
    | 'signs'
    | 'signBytes'
    | 'gain'
    | 'shift'
    | 'bias'
    | 'classOf'
    | 'weights'
    | 'scaled'
    | 'product'
    | 'other',
    number
  >
>;

const bytes = (): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(headModule), (character) => character.charCodeAt(0));

function unsupported(cause: unknown): Error {
  return usageError('this JavaScript engine cannot run the head', {
    expected: 'WebAssembly with 128-bit SIMD: Chrome 91, Firefox 89, Safari 16.4, Node 16.4 or later',
    received: cause instanceof Error ? cause.message : String(cause),
    hint: "a page's Content-Security-Policy must allow 'wasm-unsafe-eval'",
    cause,
  });
}

let compiled: WebAssembly.Module | undefined;

/** The compiled module, which all heads share. */
export async function compileModule(): Promise<WebAssembly.Module> {
  try {
    return (compiled ??= await WebAssembly.compile(bytes()));
  } catch (problem) {
    throw unsupported(problem);
  }
}

export function compileModuleSync(): WebAssembly.Module {
  try {
    return (compiled ??= new WebAssembly.Module(bytes()));
  } catch (problem) {
    throw unsupported(problem);
  }
}

/** An instance with a memory of its own. */
export function instantiate(module: WebAssembly.Module): HeadExports {
  return new WebAssembly.Instance(module, {}).exports as unknown as HeadExports;
}

export function setGlobals(instance: HeadExports, values: HeadGlobals): void {
  const globals = instance as unknown as Readonly<Record<keyof HeadGlobals, WebAssembly.Global>>;
  for (const [name, value] of Object.entries(values) as [keyof HeadGlobals, number][]) globals[name].value = value;
}
