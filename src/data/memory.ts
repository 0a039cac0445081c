/** Zeroed bytes in shared memory, so that a worker thread reads them without a copy. */
export function sharedBytes(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length));
}
