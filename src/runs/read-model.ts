import { constants } from 'node:buffer';
import { closeSync, constants as flags, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep, win32 } from 'node:path';
import { FixheadError, inputError } from '../core/errors.ts';
import { readOnnx, type OnnxModel, type ReadOptions } from '../graph/onnx-read.ts';
import { codeOf } from '../train/atomic.ts';

/** A pipe without a writer would keep an open call waiting; Windows has neither that nor the flag. */
const WITHOUT_WAITING = flags.O_RDONLY | (flags.O_NONBLOCK || 0);

/** Where protocol buffers end. */
const LARGEST_MODEL = 2 ** 31 - 1;

function unreadable(where: string, cause: unknown): FixheadError {
  if (cause instanceof FixheadError) return cause;
  const received = codeOf(cause) === 'ENOENT' ? 'nothing there' : String(cause);
  return inputError('the file cannot be read', { where, received, cause });
}

/** A folder, a pipe or a device: none of them has bytes to take. */
function checkRegular(stat: { isFile(): boolean; isDirectory(): boolean }, where: string): void {
  if (!stat.isFile()) {
    throw inputError('the file cannot be read', {
      where,
      expected: 'a regular file',
      received: stat.isDirectory() ? 'a folder' : 'a device, a pipe or a socket',
    });
  }
}

/** The bytes of a model file. @throws an input error that says whether there is nothing or it cannot be read. */
export async function readModelFile(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path, WITHOUT_WAITING);
    try {
      const stat = await file.stat();
      checkRegular(stat, path);
      if (stat.size > LARGEST_MODEL) {
        throw inputError('the file is too large for an ONNX model', {
          where: path,
          expected: 'less than 2 GiB',
          received: `${stat.size} bytes`,
        });
      }
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** The whole file, piece by piece: one call reads at most 2 GiB. */
function readWhole(path: string, where: string): Uint8Array {
  const file = openSync(path, WITHOUT_WAITING);
  try {
    const stat = fstatSync(file);
    checkRegular(stat, where);
    if (stat.size > constants.MAX_LENGTH) {
      throw inputError('the file is too large', {
        where,
        expected: `up to ${constants.MAX_LENGTH} bytes`,
        received: `${stat.size}`,
      });
    }
    const bytes = new Uint8Array(stat.size);
    let position = 0;
    while (position < bytes.length) {
      const count = readSync(file, bytes, position, Math.min(bytes.length - position, 2 ** 30), position);
      if (count === 0) throw inputError('the file became shorter while it was read', { where });
      position += count;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

/** The file of external data at a location that the model names: inside the model's folder, whatever links there are. */
function confined(folder: string, location: string, where: string): string {
  const outside = (received: string): FixheadError =>
    inputError('external data outside of the model’s folder', {
      where,
      expected: `a path inside ${folder}`,
      received,
      hint: 'put the file beside the model; a link that leads elsewhere does not count',
    });
  const parts = location.split(/[\\/]/);
  if (isAbsolute(location) || win32.isAbsolute(location) || /^[A-Za-z]:/.test(location)) throw outside(location);
  if (parts.includes('..') || location.includes('\0')) throw outside(location.replaceAll('\0', '\\0'));
  const path = join(folder, location);
  let real: string;
  try {
    real = realpathSync(path);
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT') throw unreadable(path, cause);
    throw inputError('external data is missing', {
      where,
      expected: path,
      hint: 'a model with external data is several files: copy or download all of them',
    });
  }
  const inside = relative(realpathSync(folder), real);
  if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) throw outside(`${location} → ${real}`);
  return real;
}

/** What a model file held, and the files beside it that hold the rest. */
export interface ModelFile {
  readonly onnx: OnnxModel;
  /** The bytes of the file itself. */
  readonly bytes: Uint8Array;
  /** Locations of the external data that was read. */
  readonly external: readonly string[];
}

/** Reads an ONNX model from bytes that lie, or would lie, at a path: external data comes from the path's folder only. */
export function modelFromBytes(
  bytes: Uint8Array,
  path: string,
  options: Pick<ReadOptions, 'dimensions'> = {},
): ModelFile {
  const folder = dirname(path);
  const external: string[] = [];
  const onnx = readOnnx(bytes, path, {
    ...options,
    external: (location) => {
      const where = `${path}: external data ${location}`;
      const real = confined(folder, location, where);
      external.push(location);
      try {
        return readWhole(real, where);
      } catch (cause) {
        throw unreadable(where, cause);
      }
    },
  });
  return { onnx, bytes, external };
}

/** Opens an ONNX model file, as `readModel`, and keeps its bytes. */
export async function openModel(path: string, options: Pick<ReadOptions, 'dimensions'> = {}): Promise<ModelFile> {
  return modelFromBytes(await readModelFile(path), path, options);
}

/**
 * Reads an ONNX model from a file, with external data from its folder.
 *
 * @throws as `readOnnx`; an input error for a file that cannot be read, and for external data that is missing, ends early, or lies
 * outside of the model's folder.
 */
export async function readModel(path: string, options: Pick<ReadOptions, 'dimensions'> = {}): Promise<OnnxModel> {
  return (await openModel(path, options)).onnx;
}
