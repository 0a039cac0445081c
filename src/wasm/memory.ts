import { inputError } from '../core/errors.ts';
import type { HeadExports } from './instance.ts';

const PAGE = 65536;
/** The largest memory of 32-bit addresses. */
const LARGEST = 2 ** 32;
/** Below this address there is nothing: 0 means "not there". */
const START = 1024;
/** A cache line. */
const ALIGNMENT = 64;

/** Hands out the memory of an instance from below; nothing is given back. */
export interface Arena {
  readonly reserve: (bytes: number) => number;
  /** The address of a copy of these values, or 0. */
  readonly copy: (values: Float32Array | Uint32Array | undefined) => number;
  /** The first free address. */
  readonly top: () => number;
}

/** Makes the memory at least so long. @throws an input error where the engine has no more. */
export function ensureMemory({ memory }: HeadExports, bytes: number): void {
  const missing = bytes - memory.buffer.byteLength;
  if (missing <= 0) return;
  try {
    if (bytes > LARGEST) throw new RangeError('more than 32-bit addresses reach');
    memory.grow(Math.ceil(missing / PAGE));
  } catch (problem) {
    throw inputError('not enough memory for this head', {
      expected: `${Math.ceil(bytes / 2 ** 20)} MiB`,
      received: problem instanceof Error ? problem.message : String(problem),
      hint: 'smaller batches, fewer classes or bases, or topK instead of logits need less',
      cause: problem,
    });
  }
}

export function createArena(instance: HeadExports): Arena {
  let top = START;
  const reserve = (bytes: number): number => {
    const address = top;
    top += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    ensureMemory(instance, top);
    return address;
  };
  const copy = (values: Float32Array | Uint32Array | undefined): number => {
    if (values === undefined) return 0;
    const address = reserve(values.byteLength);
    const target = new Uint8Array(instance.memory.buffer, address, values.byteLength);
    target.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    return address;
  };
  return { reserve, copy, top: () => top };
}
