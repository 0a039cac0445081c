import { inputError } from '../core/errors.ts';

/** Zeroed bytes in shared memory, so that a worker thread reads them without a copy. An input error where there is not enough memory. */
export function sharedBytes(length: number): Uint8Array {
  return new Uint8Array(
    sharedMemory(
      length,
      'pixels',
      'choose a smaller image size or fewer images, or decode them when asked for (--in-memory never)',
    ),
  );
}

/** Zeros in shared memory, as {@link sharedBytes}. */
export function sharedFloats(length: number): Float32Array {
  return new Float32Array(sharedMemory(4 * length, 'features', 'choose fewer of them'));
}

function sharedMemory(bytes: number, what: string, hint: string): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(bytes);
  } catch (error) {
    throw inputError(`the ${what === 'pixels' ? 'images' : what} do not fit into memory`, {
      received: `${Math.ceil(bytes / 2 ** 20)} MiB of ${what}`,
      hint,
      cause: error,
    });
  }
}
