import { inputError, type FixheadError } from '../core/errors.ts';

/**
 * A walk over the bytes of a model before they are decoded: decoding makes objects of what may be two bytes in the file, so a
 * file that nests or repeats without end has to be found before memory is taken for it. Follows the encoding of protocol buffers
 * (https://protobuf.dev/programming-guides/encoding/) and the fields of onnx.proto.
 */

/** What a field holds: messages of a kind, or integers that become objects each. Other fields cost what they take in the file. */
type Field = Kind | 'integers';
type Kind = keyof typeof kinds;

const kinds = {
  model: { 7: 'graph', 8: 'leaf', 14: 'leaf', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph', 3: 'leaf', 4: 'leaf' },
  function: { 7: 'node', 9: 'leaf', 11: 'attribute', 12: 'value', 14: 'leaf' },
  graph: { 1: 'node', 5: 'tensor', 11: 'value', 12: 'value', 13: 'value', 14: 'annotation', 15: 'sparse', 16: 'leaf' },
  node: { 5: 'attribute', 9: 'leaf' },
  attribute: {
    5: 'tensor',
    6: 'graph',
    8: 'integers',
    10: 'tensor',
    11: 'graph',
    14: 'type',
    15: 'type',
    22: 'sparse',
    23: 'sparse',
  },
  tensor: { 1: 'integers', 3: 'leaf', 7: 'integers', 11: 'integers', 13: 'leaf', 16: 'leaf' },
  sparse: { 1: 'tensor', 2: 'tensor', 3: 'integers' },
  annotation: { 2: 'leaf' },
  value: { 2: 'type', 4: 'leaf' },
  type: { 1: 'tensorType', 4: 'nestedType', 5: 'nestedType', 8: 'tensorType', 9: 'nestedType' },
  nestedType: { 1: 'type', 2: 'type' },
  tensorType: { 2: 'shape' },
  shape: { 1: 'leaf' },
  leaf: {},
} as const satisfies Record<string, Readonly<Record<number, string>>>;

/** As deep as protocol buffers nest by default. */
const DEEPEST = 100;
/** Messages of a file: some hundred bytes of memory each. The first of them are free; then the file has to be as large as that. */
const FREE_MESSAGES = 10_000;
const BYTES_PER_MESSAGE = 4;
const MOST_MESSAGES = 4_000_000;
/** Integers that are decoded to an object each; large tensors keep theirs as raw bytes. */
const MOST_INTEGERS = 4_000_000;

/** What decoding alone would not tell. */
export interface Scan {
  /** The bytes of `attribute_proto` (attributes with defaults) of each function, which the codec does not know. */
  readonly functionDefaults: readonly (readonly Uint8Array[])[];
}

/** The error for bytes that are no model. */
export function notOnnx(where: string, cause?: unknown): FixheadError {
  return inputError('this is not an ONNX model, or it is damaged', {
    where,
    ...(cause === undefined ? {} : { cause }),
    hint: 'expected the bytes of a .onnx file; if it was downloaded, check that the download is complete',
  });
}

/** @throws an input error for bytes that are no protocol buffer, end early, nest too deeply or hold too many messages */
export function scanModel(bytes: Uint8Array, where: string): Scan {
  const budget = Math.min(MOST_MESSAGES, FREE_MESSAGES + bytes.length / BYTES_PER_MESSAGE);
  const functionDefaults: Uint8Array[][] = [];
  let messages = 0;
  let integers = 0;
  let position = 0;

  const tooLarge = (what: string): FixheadError =>
    inputError('the file would take far more memory than its size', { where, received: `more than ${what}` });

  /** Lengths and field numbers; of larger numbers only that they end. */
  const varint = (end: number): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[position++];
      if (byte === undefined || position > end) throw notOnnx(where);
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw notOnnx(where);
  };

  const count = (amount: number): void => {
    integers += amount;
    if (integers > MOST_INTEGERS) throw tooLarge(`${MOST_INTEGERS} integers outside of raw data`);
  };

  const message = (kind: Kind, end: number, depth: number): void => {
    if (depth > DEEPEST) throw inputError('the file nests too deeply', { where, expected: `up to ${DEEPEST} levels` });
    if (++messages > budget) throw tooLarge(`${Math.floor(budget)} parts in ${bytes.length} bytes`);
    const fields: Readonly<Record<number, Field>> = kinds[kind];
    if (kind === 'function') functionDefaults.push([]);
    while (position < end) {
      const tag = varint(end);
      const number = Math.floor(tag / 8);
      const field = fields[number];
      if (number === 0) throw notOnnx(where);
      switch (tag % 8) {
        case 0:
          varint(end);
          if (field === 'integers') count(1);
          break;
        case 1:
          position += 8;
          break;
        case 5:
          position += 4;
          break;
        case 2: {
          const length = varint(end);
          const inner = position + length;
          if (inner > end) throw notOnnx(where);
          if (field === 'integers') count(length);
          else if (field !== undefined) {
            if (kind === 'function' && number === 11) functionDefaults.at(-1)?.push(bytes.subarray(position, inner));
            message(field, inner, depth + 1);
          }
          position = inner;
          break;
        }
        // Groups ended with the protocol's second version; ONNX never had them.
        default:
          throw notOnnx(where);
      }
      if (position > end) throw notOnnx(where);
    }
  };
  message('model', bytes.length, 0);
  return { functionDefaults };
}
