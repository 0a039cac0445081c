import { inputError } from '../core/errors.ts';
import type { HeadDescription } from './description.ts';

/** Under this name and version a head is kept as JSON. */
const format = { format: 'fixhead head', version: 1 } as const;

/** Numbers of a {@link HeadJson}: base64 of their bytes, the least significant byte of each number first. */
export interface EncodedNumbers {
  readonly type: 'float32' | 'uint32' | 'uint8';
  readonly base64: string;
}

/** A {@link HeadDescription} as JSON: its fields under their own names, its arrays as base64, which takes half the room of digits. */
export interface HeadJson {
  readonly format: 'fixhead head';
  readonly version: 1;
  readonly [field: string]: boolean | number | string | EncodedNumbers;
}

type NumberArray = Float32Array | Uint32Array | Uint8Array;

const arrayFields = { signs: 'uint8', bias: 'float32', codes: 'uint32', gain: 'float32', shift: 'float32' } as const;
const plainFields = {
  features: 'number',
  classes: 'number',
  order: 'number',
  diagonals: 'string',
  bases: 'number',
  antipodal: 'boolean',
  firstColumn: 'number',
  firstRow: 'number',
  centred: 'boolean',
  scale: 'number',
} as const;

const bytesOfEach = { float32: 4, uint32: 4, uint8: 1 } as const;

function encode(type: EncodedNumbers['type'], values: NumberArray): EncodedNumbers {
  const bytes = new Uint8Array(values.length * bytesOfEach[type]);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => {
    if (type === 'float32') view.setFloat32(4 * index, value, true);
    else if (type === 'uint32') view.setUint32(4 * index, value, true);
    else view.setUint8(index, value);
  });
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return { type, base64: btoa(text) };
}

function isEncoded(value: unknown): value is EncodedNumbers {
  return typeof value === 'object' && value !== null && 'base64' in value && typeof value.base64 === 'string';
}

function decode(name: string, type: EncodedNumbers['type'], value: unknown): NumberArray {
  const expected = `{"type": "${type}", "base64": "…"}`;
  if (!isEncoded(value) || value.type !== type)
    throw inputError('not an array of the head', { where: name, expected, received: JSON.stringify(value) });
  let text: string;
  try {
    text = atob(value.base64);
  } catch (cause) {
    throw inputError('not base64', { where: name, received: value.base64.slice(0, 40), cause });
  }
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const size = bytesOfEach[type];
  if (bytes.length % size !== 0)
    throw inputError('cut off', { where: name, expected: `a multiple of ${size} bytes`, received: `${bytes.length}` });
  const view = new DataView(bytes.buffer);
  const length = bytes.length / size;
  switch (type) {
    case 'float32':
      return Float32Array.from({ length }, (_, index) => view.getFloat32(4 * index, true));
    case 'uint32':
      return Uint32Array.from({ length }, (_, index) => view.getUint32(4 * index, true));
    case 'uint8':
      return bytes;
    default:
      return type satisfies never;
  }
}

/** A description as a value for `JSON.stringify`; {@link readHead} gives it back, number for number. */
export function headToJson(description: HeadDescription): HeadJson {
  const entries = (Object.entries(description) as [string, unknown][]).filter(([, value]) => value !== undefined);
  const fields = entries.map(([name, value]) => {
    if (!Object.hasOwn(arrayFields, name)) return [name, value];
    return [name, encode(arrayFields[name as keyof typeof arrayFields], value as NumberArray)];
  });
  return { ...format, ...(Object.fromEntries(fields) as Omit<HeadJson, keyof typeof format>) };
}

const shown = (value: unknown, absent: string): string => (value === undefined ? absent : JSON.stringify(value));

/**
 * The description in a `head.json`, for `openHead`, which checks what it describes.
 *
 * @param json what `JSON.parse` gave, or `response.json()`
 * @throws an input error for anything but a head that was written by `fixhead export --split` or {@link headToJson}.
 */
export function readHead(json: unknown): HeadDescription {
  const given: Readonly<Record<string, unknown>> =
    typeof json === 'object' && json !== null ? (json as Readonly<Record<string, unknown>>) : {};
  if (given['format'] !== format.format || given['version'] !== format.version) {
    throw inputError('not a description of a head', {
      expected: `JSON with "format": "${format.format}" and "version": ${format.version}`,
      received: `${shown(given['format'], 'no format')}, ${shown(given['version'], 'no version')}`,
      hint: 'fixhead export RUN --split FOLDER writes one',
    });
  }
  const description: Record<string, unknown> = { kind: given['kind'] };
  for (const [name, type] of Object.entries(plainFields)) {
    const value = given[name];
    if (value === undefined) continue;
    if (typeof value !== type)
      throw inputError('of another type', { where: name, expected: type, received: JSON.stringify(value) });
    description[name] = value;
  }
  for (const [name, type] of Object.entries(arrayFields)) {
    if (given[name] !== undefined) description[name] = decode(name, type, given[name]);
  }
  // Whether the values make a head is for openHead to say, with its own words.
  return description as unknown as HeadDescription;
}
