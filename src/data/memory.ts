import { inputError } from '../core/errors.ts';

/** Zeroed bytes in shared memory, so that a worker thread reads them without a copy. An input error where there is not enough memory. */
export function sharedBytes(length: number): Uint8Array {
  try {
    return new Uint8Array(new SharedArrayBuffer(length));
  } catch (error) {
    throw inputError('the images do not fit into memory', {
      received: `${Math.ceil(length / 2 ** 20)} MiB of pixels`,
      hint: 'choose a smaller image size or fewer images',
      cause: error,
    });
  }
}
