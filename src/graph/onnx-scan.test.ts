import proto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { readOnnx } from './onnx-read.ts';

/** A field with content, as protocol buffers have it. */
function field(number: number, content: Uint8Array): Uint8Array {
  const length: number[] = [];
  let rest = content.length;
  for (; rest > 127; rest = Math.floor(rest / 128)) length.push((rest % 128) | 128);
  const bytes = new Uint8Array(length.length + 2 + content.length);
  bytes.set([number * 8 + 2, ...length, rest]);
  bytes.set(content, length.length + 2);
  return bytes;
}

const empty = new Uint8Array(0);
/** Two bytes over and over: as small as a message can be. */
const repeated = (number: number, count: number): Uint8Array =>
  Uint8Array.from({ length: 2 * count }, (_, k) => (k % 2 === 0 ? number * 8 + 2 : 0));

describe('files that would take far more than their size', () => {
  const hostile: readonly [string, Uint8Array, string][] = [
    ['empty nodes', field(7, repeated(1, 100_000)), 'the file would take far more memory than its size'],
    ['empty attributes', field(7, field(1, repeated(5, 100_000))), 'the file would take far more memory than its size'],
    ['empty initializers', field(7, repeated(5, 100_000)), 'the file would take far more memory than its size'],
    ['empty functions', Uint8Array.from({ length: 300_000 }, (_, k) => [202, 1, 0][k % 3] ?? 0), 'far more memory'],
    [
      'integers in millions',
      field(7, field(5, field(7, new Uint8Array(4_000_001)))),
      'received more than 4000000 integers outside of raw data',
    ],
    [
      'graphs in graphs',
      Array.from({ length: 60 }).reduce<Uint8Array>(
        (inner) => field(7, field(1, field(5, field(6, inner)))).slice(),
        empty,
      ),
      'not an ONNX model',
    ],
    ['a length beyond the end', Uint8Array.of(7 * 8 + 2, 100, 0), 'not an ONNX model'],
    [
      'a length beyond all numbers',
      Uint8Array.of(58, 255, 255, 255, 255, 255, 255, 255, 255, 255, 127),
      'not an ONNX model',
    ],
    ['a number without end', new Uint8Array(20).fill(255), 'not an ONNX model'],
    ['a group', Uint8Array.of(7 * 8 + 3, 0), 'not an ONNX model'],
  ];
  it.each(hostile)('%s', (_, bytes, message) => {
    const attempt = () => readOnnx(bytes);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ kind: 'input' }));
  });

  it('sub-graphs nested without end', () => {
    let graph: Uint8Array = empty;
    for (let depth = 0; depth < 40; depth++) graph = field(1, field(5, field(6, graph)));
    expect(() => readOnnx(field(7, graph))).toThrow('the file nests too deeply; expected up to 100 levels');
  });

  it('functions that call each other ten times over', () => {
    const functions = Array.from({ length: 8 }, (_, level) => ({
      name: `f${level}`,
      domain: 'own',
      input: ['a'],
      output: ['b'],
      opsetImport: [
        { domain: '', version: 18 },
        { domain: 'own', version: 1 },
      ],
      node: Array.from({ length: 10 }, (__, k) => ({
        opType: level === 7 ? 'Relu' : `f${level + 1}`,
        domain: level === 7 ? '' : 'own',
        input: [k === 0 ? 'a' : `v${k - 1}`],
        output: [k === 9 ? 'b' : `v${k}`],
      })),
    }));
    const bytes = proto.onnx.ModelProto.encode({
      irVersion: 8,
      opsetImport: [
        { domain: '', version: 18 },
        { domain: 'own', version: 1 },
      ],
      functions,
      graph: { name: 'g', node: [{ opType: 'f0', domain: 'own', input: ['x'], output: ['y'] }] },
    }).finish();
    expect(bytes.length).toBeLessThan(5000);
    expect(() => readOnnx(bytes)).toThrow('the functions of the model come to too many nodes');
  });
});
