import { inputError } from '../core/errors.ts';
import type { ClassVectors } from '../heads/geometry.ts';

/** `\x93NUMPY` */
const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Where the data starts, and the header's text. Version 1 counts the header in 2 bytes, later ones in 4. */
function headerOf(bytes: Uint8Array, where: string): { readonly text: string; readonly end: number } {
  const wide = (bytes[6] ?? 0) >= 2;
  const start = wide ? 12 : 10;
  if (magic.some((byte, index) => bytes[index] !== byte) || bytes.length < start) {
    throw inputError('not a NumPy array file', { where, expected: 'a file made by numpy.save' });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const end = start + length;
  if (end > bytes.length) {
    throw inputError('not a whole NumPy array file', {
      where,
      expected: `a header of ${length} bytes`,
      received: `${bytes.length - start} bytes`,
    });
  }
  return { text: new TextDecoder().decode(bytes.subarray(start, end)), end };
}

/**
 * A matrix in NumPy's own format (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html): two axes, float32 or float64,
 * little-endian, row by row.
 *
 * Not the package npyjs: it does not compare the numbers with the shape, so a file that was cut off would pass.
 *
 * @throws an input error that says what the file holds instead.
 */
export function parseNpy(bytes: Uint8Array, where: string): ClassVectors {
  const { text, end } = headerOf(bytes, where);
  const dtype = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape':\s*\(([^)]*)\)/.exec(text)?.[1];
  const dims = (shape ?? '')
    .split(',')
    .map((dim) => dim.trim())
    .filter((dim) => dim !== '');
  const [classes, features] = dims.map(Number);
  const size = dtype === '<f4' ? 4 : dtype === '<f8' ? 8 : undefined;
  if (dims.length !== 2 || classes === undefined || features === undefined || size === undefined || order !== 'False') {
    throw inputError('not a matrix of class vectors', {
      where,
      expected: "two axes of float32 ('<f4') or float64 ('<f8'), in C order",
      received: `dtype ${dtype ?? 'of records'}, shape (${shape ?? '?'}), ${order === 'True' ? 'Fortran' : 'C'} order`,
      hint: 'save it with numpy.save(path, numpy.ascontiguousarray(matrix, dtype="float32"))',
    });
  }
  const data = bytes.subarray(end);
  if (data.length !== classes * features * size) {
    throw inputError('not a whole NumPy array file', {
      where,
      expected: `${classes} × ${features} × ${size} = ${classes * features * size} bytes of numbers`,
      received: `${data.length}`,
    });
  }
  // Copied, because a view must begin at a multiple of its element size.
  const { buffer } = new Uint8Array(data);
  const numbers = size === 4 ? new Float32Array(buffer) : Float32Array.from(new Float64Array(buffer));
  return { classes, features, data: numbers };
}

/** A matrix `[rows, columns]` of float32, row by row, as `numpy.load` reads it: the header, then the numbers. */
export function formatNpy(rows: number, columns: number, data: Float32Array): readonly Uint8Array[] {
  const fields = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`;
  // Magic, version and length are 10 bytes; the numbers begin at a multiple of 64, behind a newline.
  const length = 64 * Math.ceil((10 + fields.length + 1) / 64) - 10;
  const header = new TextEncoder().encode(`${fields.padEnd(length - 1)}\n`);
  const start = Uint8Array.of(...magic, 1, 0, length & 0xff, length >> 8);
  // Every platform that Node.js runs on here is little-endian, as ONNX Runtime's are.
  return [start, header, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
}
