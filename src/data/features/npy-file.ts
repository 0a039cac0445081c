import { open, type FileHandle } from 'node:fs/promises';
import { inputError } from '../../core/errors.ts';
import { halfToNumber } from '../../core/half.ts';
import { reasonOf } from '../files.ts';
import { sharedFloats } from '../memory.ts';

/** `\x93NUMPY` */
const magic = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]);
/** NumPy itself writes headers of 128 bytes; one of records with many names is longer. */
const LONGEST_HEADER = 1 << 16;

interface NpyHeader {
  /** As NumPy writes it, `<f4`. */
  readonly dtype: string;
  readonly fortran: boolean;
  readonly shape: readonly number[];
  /** Byte at which the numbers begin. */
  readonly start: number;
}

/** Numbers of one type: their size in bytes, and how one is read. */
interface Format {
  readonly size: number;
  readonly read: (view: DataView, offset: number) => number;
}

const floatFormats: Readonly<Record<string, Format>> = {
  f2: { size: 2, read: (view, offset) => halfToNumber(view.getUint16(offset, true)) },
  f4: { size: 4, read: (view, offset) => view.getFloat32(offset, true) },
  f8: { size: 8, read: (view, offset) => view.getFloat64(offset, true) },
};

const integerFormats: Readonly<Record<string, Format>> = {
  i1: { size: 1, read: (view, offset) => view.getInt8(offset) },
  u1: { size: 1, read: (view, offset) => view.getUint8(offset) },
  i2: { size: 2, read: (view, offset) => view.getInt16(offset, true) },
  u2: { size: 2, read: (view, offset) => view.getUint16(offset, true) },
  i4: { size: 4, read: (view, offset) => view.getInt32(offset, true) },
  u4: { size: 4, read: (view, offset) => view.getUint32(offset, true) },
  i8: { size: 8, read: (view, offset) => Number(view.getBigInt64(offset, true)) },
  u8: { size: 8, read: (view, offset) => Number(view.getBigUint64(offset, true)) },
};

/** `undefined` for numbers of the other byte order, and for what are no such numbers. */
function formatOf(formats: Readonly<Record<string, Format>>, dtype: string): Format | undefined {
  return /^[<|=]/.test(dtype) ? formats[dtype.slice(1)] : undefined;
}

async function headerOf(handle: FileHandle, where: string): Promise<NpyHeader> {
  const intro = Buffer.alloc(12);
  const { bytesRead } = await handle.read(intro, 0, 12, 0);
  if (bytesRead < 10 || !intro.subarray(0, 6).equals(magic)) {
    throw inputError('not a NumPy array file', {
      where,
      expected: 'a file made by numpy.save',
      received: bytesRead === 0 ? 'an empty file' : 'other bytes',
    });
  }
  // Version 1 counts the header in 2 bytes, later ones in 4.
  const wide = (intro[6] ?? 0) >= 2;
  const begin = wide ? 12 : 10;
  const length = wide ? intro.readUInt32LE(8) : intro.readUInt16LE(8);
  const text = Buffer.alloc(Math.min(length, LONGEST_HEADER));
  const header = await handle.read(text, 0, text.length, begin);
  if (length > LONGEST_HEADER || header.bytesRead < length) {
    throw inputError('not a whole NumPy array file', {
      where,
      expected: `a header of ${length} bytes`,
      received: `${header.bytesRead}`,
    });
  }
  const words = text.toString('latin1');
  const dtype = /'descr':\s*'([^']*)'/.exec(words)?.[1] ?? 'of records';
  if (dtype.includes('O')) {
    throw inputError('an array of Python objects, which only Python can read', {
      where,
      expected: 'an array of numbers',
      hint: 'save it with numpy.save(path, numpy.asarray(rows, dtype="float32"))',
    });
  }
  const shape = (/'shape':\s*\(([^)]*)\)/.exec(words)?.[1] ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(Number);
  return { dtype, fortran: /'fortran_order':\s*True/.test(words), shape, start: begin + length };
}

const shapeText = (shape: readonly number[]): string => `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;

/** Opens a file, reads its header and checks that it holds exactly the numbers it declares, before memory is taken for them. */
async function opened<T>(
  where: string,
  formats: Readonly<Record<string, Format>>,
  expected: { readonly rank: number; readonly text: string; readonly hint: string },
  work: (handle: FileHandle, header: NpyHeader, format: Format) => Promise<T>,
): Promise<T> {
  const handle = await open(where, 'r').catch((error: unknown) => {
    throw inputError('cannot be read', { where, received: reasonOf(error), cause: error });
  });
  try {
    const header = await headerOf(handle, where);
    const format = formatOf(formats, header.dtype);
    const whole = header.shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0);
    if (format === undefined || header.shape.length !== expected.rank || !whole) {
      throw inputError('an array of another kind', {
        where,
        expected: expected.text,
        received: `dtype ${header.dtype}, shape ${shapeText(header.shape)}`,
        hint: expected.hint,
      });
    }
    const bytes = header.shape.reduce((product, dim) => product * dim, format.size);
    const { size } = await handle.stat();
    if (size - header.start !== bytes) {
      throw inputError('not a whole NumPy array file', {
        where,
        expected: `${bytes} bytes of numbers for shape ${shapeText(header.shape)}`,
        received: `${Math.max(0, size - header.start)}`,
      });
    }
    return await work(handle, header, format);
  } finally {
    await handle.close();
  }
}

/** Bytes read at a time: files may be larger than one buffer. */
const CHUNK_BYTES = 1 << 24;

/** Hands over all numbers of a file in its order. */
async function eachNumber(
  handle: FileHandle,
  { start, shape }: NpyHeader,
  { size, read }: Format,
  take: (value: number, place: number) => void,
): Promise<void> {
  const count = shape.reduce((product, dim) => product * dim, 1);
  const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, count * size));
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const perChunk = Math.floor(chunk.length / size);
  for (let first = 0; first < count; first += perChunk) {
    const some = Math.min(perChunk, count - first);
    const { bytesRead } = await handle.read(chunk, 0, some * size, start + first * size);
    if (bytesRead < some * size) throw inputError('the file became shorter while it was read');
    for (let index = 0; index < some; index++) take(read(view, index * size), first + index);
  }
}

/** A matrix of numbers. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  /** `[rows, columns]`, in shared memory. */
  readonly values: Float32Array;
}

/**
 * A matrix in NumPy's own format (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html): float16, float32 or float64, little-endian, in C or
 * Fortran order.
 *
 * @throws an input error that says what the file holds instead, or the row and column of a number that is not finite.
 */
export async function readNpyMatrix(where: string): Promise<Matrix> {
  const expected = {
    rank: 2,
    text: 'two axes [examples, features] of float16, float32 or float64, little-endian',
    hint: 'save it with numpy.save(path, matrix.astype("float32"))',
  };
  return await opened(where, floatFormats, expected, async (handle, header, format) => {
    const [rows = 0, columns = 0] = header.shape;
    if (rows === 0 || columns === 0) {
      throw inputError('an empty array', { where, received: `shape ${shapeText(header.shape)}` });
    }
    const values = sharedFloats(rows * columns);
    await eachNumber(handle, header, format, (value, place) => {
      const row = header.fortran ? place % rows : Math.floor(place / columns);
      const column = header.fortran ? Math.floor(place / rows) : place % columns;
      values[row * columns + column] = finite(value, row, column, where);
    });
    return { rows, columns, values };
  });
}

/** The number, or an input error that names its place. Numbers beyond float32 count as infinite. */
export function finite(value: number, row: number, column: number, where: string): number {
  if (Number.isFinite(Math.fround(value))) return value;
  throw inputError('a feature is not a finite number in float32', {
    where: `${where}, row ${row}, column ${column} (counted from 0)`,
    received: String(value),
  });
}

/** A list of integers in NumPy's format, as text: labels. @throws an input error that says what the file holds instead. */
export async function readNpyIntegers(where: string): Promise<readonly string[]> {
  const expected = {
    rank: 1,
    text: 'one axis [examples] of integers',
    hint: 'save it with numpy.save(path, labels.astype("int64"))',
  };
  return await opened(where, integerFormats, expected, async (handle, header, format) => {
    const labels: string[] = [];
    await eachNumber(handle, header, format, (value) => {
      labels.push(String(value));
    });
    return labels;
  });
}
