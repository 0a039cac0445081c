import type { onnx } from 'onnx-proto';
import { inputError } from '../core/errors.ts';

/** The bytes of a tensor that lies in another file; `size` is what its shape and type need. */
export type ExternalData = (
  entries: readonly onnx.IStringStringEntryProto[],
  size: bigint,
  where: string,
) => Uint8Array;

function offsetOf(entries: ReadonlyMap<string, string>, key: string, where: string): number | undefined {
  const text = entries.get(key);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(value)) return value;
  throw inputError(`impossible ${key} of external data`, { where, expected: 'a number of bytes', received: text });
}

/**
 * Reads tensors from other files by what `open` gives for a location (each is opened once)
 * (https://github.com/onnx/onnx/blob/main/docs/ExternalData.md).
 */
export function externalData(open: ((location: string) => Uint8Array) | undefined): ExternalData {
  const opened = new Map<string, Uint8Array>();
  return (given, size, where) => {
    const entries = new Map(given.map(({ key, value }) => [key ?? '', value ?? '']));
    const location = entries.get('location') ?? '';
    if (location === '') throw inputError('external data without a location', { where });
    if (open === undefined) {
      throw inputError('the tensor lies in another file', {
        where,
        received: location,
        hint: 'read the model from its folder, or save it with its data inside (in Python: onnx.save(onnx.load(path), path, save_as_external_data=False))',
      });
    }
    let bytes = opened.get(location);
    if (bytes === undefined) opened.set(location, (bytes = open(location)));
    const offset = offsetOf(entries, 'offset', where) ?? 0;
    const length = offsetOf(entries, 'length', where) ?? Number(size);
    if (BigInt(length) !== size) {
      throw inputError('external data does not fit the shape', {
        where,
        expected: `${size} bytes`,
        received: `a length of ${length}`,
      });
    }
    if (offset + length > bytes.length) {
      throw inputError('external data ends early', {
        where,
        expected: `${length} bytes from ${offset} on`,
        received: `${location} with ${bytes.length} bytes`,
        hint: 'check that the whole file was copied or downloaded',
      });
    }
    return bytes.subarray(offset, offset + length);
  };
}
