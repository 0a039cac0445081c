import { inputError, type FixheadError } from '../core/errors.ts';
import { bytesPerElement, type DType } from '../core/tensor.ts';
import { duplicateKey } from './duplicate-key.ts';
import { decodeJson, isJsonObject, type JsonValue } from './json.ts';

/** One tensor's place in the data that follows the header: bytes `begin` to `end`. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the order of their data. */
  readonly entries: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

const tags = {
  float32: 'F32',
  float64: 'F64',
  float16: 'F16',
  bfloat16: 'BF16',
  int8: 'I8',
  uint8: 'U8',
  int16: 'I16',
  uint16: 'U16',
  int32: 'I32',
  uint32: 'U32',
  int64: 'I64',
  uint64: 'U64',
  bool: 'BOOL',
} as const satisfies Record<DType, string>;

const dtypes: ReadonlyMap<string, DType> = new Map(Object.entries(tags).map(([dtype, tag]) => [tag, dtype as DType]));

/** The format's name of an element type: `F32` for `float32`. */
export function tagOf(dtype: DType): string {
  return tags[dtype];
}

/**
 * The checked header of a safetensors file whose data has `dataLength` bytes.
 *
 * @throws FixheadError of kind `input` where the header is not UTF-8 JSON of the right form, names something twice, or
 * does not describe every byte of the data exactly once.
 */
export function parseSafetensorsHeader(bytes: Uint8Array, dataLength: number, where: string): SafetensorsHeader {
  const text = decodeText(bytes, where);
  const json = decodeJson(text);
  if (!text.startsWith('{') || !isJsonObject(json)) {
    throw broken('its header is not a JSON object', where, '{"name":{"dtype":…', shorten(text.slice(0, 40)));
  }
  const twice = duplicateKey(text);
  if (twice !== undefined)
    throw broken(`its header has ${shorten(twice)} twice`, where, 'each name once', 'a second one');
  const metadata: [string, string][] = [];
  const entries: TensorEntry[] = [];
  for (const [name, value] of Object.entries(json)) {
    if (name === '__metadata__') metadata.push(...parseMetadata(value, where));
    else entries.push(parseEntry(name, value, where));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCoverage(entries, dataLength, where);
  return { entries, metadata: Object.fromEntries(metadata) };
}

function decodeText(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw inputError('not a whole safetensors file: its header is not UTF-8 text', { where, cause: error });
  }
}

function parseMetadata(value: JsonValue, where: string): [string, string][] {
  if (!isJsonObject(value)) throw broken('wrong __metadata__', where, 'an object of texts', shorten(value));
  return Object.entries(value).map(([key, text]) => {
    if (typeof text === 'string') return [key, text];
    throw broken(`wrong __metadata__ ${shorten(key)}`, where, 'a text', shorten(text));
  });
}

function parseEntry(name: string, value: JsonValue, where: string): TensorEntry {
  const tensor = `tensor ${shorten(name)}`;
  if (!isJsonObject(value)) throw broken(`${tensor} is not described`, where, 'an object', shorten(value));
  const { dtype: tag, shape, data_offsets: offsets, ...others } = value;
  const other = Object.keys(others)[0];
  if (other !== undefined) {
    throw broken(`${tensor} has an unknown field`, where, 'dtype, shape and data_offsets', shorten(other));
  }
  const dtype = typeof tag === 'string' ? dtypes.get(tag) : undefined;
  if (dtype === undefined) {
    throw inputError(`${tensor} has an unknown element type`, {
      where,
      received: shorten(tag),
      legal: Object.values(tags),
    });
  }
  if (!isCounts(shape)) throw broken(`${tensor} has a wrong shape`, where, 'a list of sizes', shorten(shape));
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw broken(`${tensor} has wrong data_offsets`, where, '[begin, end]', shorten(offsets));
  }
  const [begin = 0, end = 0] = offsets;
  const size = shape.reduce((product, dim) => product * dim, bytesPerElement(dtype));
  if (!Number.isSafeInteger(size) || size !== end - begin) {
    throw broken(
      `the data of ${tensor} does not fit its shape`,
      where,
      `${size} bytes for ${dtype}${shorten(shape)}`,
      `bytes ${begin} to ${end}`,
    );
  }
  return { name, dtype, shape, begin, end };
}

function isCounts(value: JsonValue | undefined): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** The data must be the tensors one after the other: no gap, no overlap, no rest. */
function checkCoverage(entries: readonly TensorEntry[], dataLength: number, where: string): void {
  let end = 0;
  for (const entry of entries) {
    if (entry.begin !== end) {
      const problem = entry.begin > end ? 'is after a gap' : 'overlaps another';
      throw broken(`tensor ${shorten(entry.name)} ${problem}`, where, `data from byte ${end}`, `byte ${entry.begin}`);
    }
    end = entry.end;
  }
  if (end !== dataLength) {
    const problem = end > dataLength ? 'truncated in the data' : 'bytes after the last tensor';
    throw broken(problem, where, `${end} bytes of data`, `${dataLength}`);
  }
}

/** A value for a message, cut where a damaged file made it long. */
function shorten(value: JsonValue | undefined): string {
  const text = value === undefined ? 'nothing' : encode(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

function encode(value: JsonValue): string {
  try {
    return JSON.stringify(value);
  } catch {
    // The parser takes any depth, the writer does not.
    return 'deeply nested data';
  }
}

function broken(what: string, where: string, expected: string, received: string): FixheadError {
  return inputError(`not a whole safetensors file: ${what}`, { where, expected, received });
}
