import { open, type FileHandle } from 'node:fs/promises';
import { inputError, internalError, type FixheadError } from '../core/errors.ts';
import { bytesOf, bytesPerElement, tensorFromBytes, type DType, type HostTensor } from '../core/tensor.ts';
import { bytewise, reasonOf } from '../data/files.ts';
import { parseSafetensorsHeader, tagOf, type TensorEntry } from './safetensors-header.ts';

/** Named tensors and the texts that describe them: the content of a safetensors file. */
export interface Safetensors {
  readonly tensors: ReadonlyMap<string, HostTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * The bytes of a safetensors file, in pieces: the header, then each tensor's own memory (not copied).
 *
 * The layout is the one of https://github.com/huggingface/safetensors: the header's length as 8 little-endian bytes,
 * a JSON header filled up with spaces to a multiple of 8 bytes, and the tensors without gaps. Tensors of wider elements
 * come first, so that each is aligned; among equals and in the metadata the order is that of the names' UTF-8 bytes. The
 * same content always gives the same bytes.
 */
export function encodeSafetensors({ tensors, metadata }: Safetensors): readonly Uint8Array[] {
  const ordered = [...tensors].sort(
    ([a, x], [b, y]) => bytesPerElement(y.dtype) - bytesPerElement(x.dtype) || bytewise(a, b),
  );
  const header: [name: string, entry: unknown][] = [];
  const texts = Object.entries(metadata).sort(([a], [b]) => bytewise(a, b));
  if (texts.length > 0) header.push(['__metadata__', Object.fromEntries(texts)]);
  let offset = 0;
  for (const [name, value] of ordered) {
    if (name === '__metadata__') throw internalError('a tensor cannot be named __metadata__');
    const end = offset + value.data.byteLength;
    header.push([name, { dtype: tagOf(value.dtype), shape: value.shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  // Written entry by entry: an object would move names like "0" to the front.
  const text = `{${header.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`).join(',')}}`;
  const json = new TextEncoder().encode(text);
  const length = Math.ceil(json.length / 8) * 8;
  const start = new Uint8Array(8 + length).fill(0x20);
  new DataView(start.buffer).setBigUint64(0, BigInt(length), true);
  start.set(json, 8);
  return [start, ...ordered.map(([, value]) => bytesOf(value))];
}

/**
 * The content of a safetensors file that is in memory. Tensors come in the order of their data.
 *
 * Everything that the file says about itself is checked before memory is taken; the tensors never need more than the
 * file has.
 *
 * @throws FixheadError of kind `input` that names `where` and what is wrong.
 */
export function decodeSafetensors(bytes: Uint8Array, where: string): Safetensors {
  const length = headerLength(bytes.subarray(0, 8), bytes.length, where);
  const data = bytes.subarray(8 + length);
  const header = parseSafetensorsHeader(bytes.subarray(8, 8 + length), data.length, where);
  const tensors = header.entries.map(
    (entry) => [entry.name, toTensor(entry, data.subarray(entry.begin, entry.end), where)] as const,
  );
  return { tensors: new Map(tensors), metadata: header.metadata };
}

/**
 * Reads a safetensors file, tensor by tensor.
 *
 * @throws FixheadError of kind `input` where the file cannot be read or is not a whole safetensors file.
 */
export async function readSafetensors(path: string): Promise<Safetensors> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    const { size } = await handle.stat();
    const length = headerLength(await readAt(handle, 0, Math.min(8, size), path), size, path);
    const header = parseSafetensorsHeader(await readAt(handle, 8, length, path), size - 8 - length, path);
    const tensors = new Map<string, HostTensor>();
    for (const entry of header.entries) {
      const bytes = await readAt(handle, 8 + length + entry.begin, entry.end - entry.begin, path);
      tensors.set(entry.name, toTensor(entry, bytes, path));
    }
    return { tensors, metadata: header.metadata };
  } finally {
    await handle.close();
  }
}

/** The reference reader's limit: a longer header is damage or an attack, not a model. */
const longestHeader = 100_000_000;

function headerLength(start: Uint8Array, size: number, where: string): number {
  if (start.length < 8) {
    throw broken('too short', where, { expected: 'at least 8 bytes', received: `${start.length} bytes` });
  }
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  if (length > BigInt(longestHeader)) {
    throw broken('header too long', where, { expected: `at most ${longestHeader} bytes`, received: `${length} bytes` });
  }
  if (Number(length) > size - 8) {
    throw broken('truncated in the header', where, {
      expected: `8 + ${length} bytes of header`,
      received: `a file of ${size} bytes`,
    });
  }
  return Number(length);
}

function toTensor({ name, dtype, shape }: TensorEntry, bytes: Uint8Array, where: string): HostTensor {
  if (dtype === 'bool') {
    const at = bytes.findIndex((byte) => byte > 1);
    if (at >= 0) {
      throw broken(`tensor ${JSON.stringify(name)} is not of booleans`, where, {
        expected: '0 or 1',
        received: `${bytes[at] ?? 0} as element ${at}`,
      });
    }
  }
  return tensorFromBytes(dtype satisfies DType, shape, bytes);
}

/** At most so much at once: systems do not read 2 GiB and more in one call. */
const readLimit = 2 ** 30;

async function readAt(handle: FileHandle, position: number, length: number, path: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle
      .read(bytes, filled, Math.min(length - filled, readLimit), position + filled)
      .catch((error: unknown) => {
        throw unreadable(path, error);
      });
    if (bytesRead === 0) {
      throw broken('became shorter while it was read', path, {
        expected: `${length} bytes at ${position}`,
        received: `${filled}`,
      });
    }
    filled += bytesRead;
  }
  return bytes;
}

function unreadable(path: string, error: unknown): FixheadError {
  return inputError('cannot be read', { where: path, received: reasonOf(error), cause: error });
}

function broken(what: string, where: string, facts: { expected: string; received: string }): FixheadError {
  return inputError(`not a whole safetensors file: ${what}`, { where, ...facts });
}
