import { expect, test } from 'vitest';
import { sharedBytes } from './memory.ts';

test('sharedBytes gives shared memory, or says that there is not enough', () => {
  expect(sharedBytes(3)).toEqual(new Uint8Array(3));
  expect(sharedBytes(3).buffer).toBeInstanceOf(SharedArrayBuffer);
  expect(() => sharedBytes(2 ** 52)).toThrow(
    'the images do not fit into memory; received 4294967296 MiB of pixels; choose a smaller image size or fewer images',
  );
});
