import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FixheadError } from '../core/errors.ts';
import { float32, int64, tensor, tensorFromBytes, type DType, type HostTensor } from '../core/tensor.ts';
import { decodeSafetensors, encodeSafetensors, readSafetensors, type Safetensors } from './safetensors.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fixhead-safetensors-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** One tensor of each element type, an empty one, a scalar, and names that JSON has to escape or a parser to mistreat. */
function sample(): Safetensors {
  const tensors: Record<string, HostTensor> = {
    'weight "quoted"\n': float32([2, 3], [1.5, -0, 2 ** -100, 4, NaN, -Infinity]),
    float64: tensor('float64', [2], Float64Array.of(Math.PI, -1e300)),
    float16: tensor('float16', [2], Uint16Array.of(0x3c00, 0xc500)),
    bfloat16: tensor('bfloat16', [1, 2], Uint16Array.of(0x3f80, 0xc040)),
    int8: tensor('int8', [3], Int8Array.of(-128, 0, 127)),
    uint8: tensor('uint8', [3], Uint8Array.of(0, 7, 255)),
    int16: tensor('int16', [2], Int16Array.of(-32768, 12)),
    uint16: tensor('uint16', [2], Uint16Array.of(65535, 12)),
    int32: tensor('int32', [1], Int32Array.of(-2147483648)),
    uint32: tensor('uint32', [1], Uint32Array.of(4294967295)),
    int64: int64([2], [-3, 2 ** 40]),
    uint64: tensor('uint64', [1], BigUint64Array.of(2n ** 64n - 1n)),
    bool: tensor('bool', [4], Uint8Array.of(1, 0, 0, 1)),
    scalar: float32([], [42]),
    empty: float32([0, 5], []),
    '0': float32([1], [7]),
    größe: float32([1], [8]),
  };
  return {
    tensors: new Map([...Object.entries(tensors), ['__proto__', float32([1], [9])]]),
    metadata: { format: 'test', note: 'ü "x"' },
  };
}

function encode(content: Safetensors): Uint8Array {
  return Buffer.concat(encodeSafetensors(content));
}

/** A file with this header and data; the header's length is right. */
function fileOf(header: string | Uint8Array, data = new Uint8Array()): Uint8Array {
  const json = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

describe('safetensors', () => {
  it('reads back what it wrote, from memory and from a file, bit for bit', async () => {
    const content = sample();
    const bytes = encode(content);
    const path = join(folder, 'sample.safetensors');
    await writeFile(path, bytes);
    for (const back of [decodeSafetensors(bytes, 'memory'), await readSafetensors(path)]) {
      expect(back.metadata).toEqual(content.metadata);
      expect(new Map([...back.tensors].sort())).toEqual(new Map([...content.tensors].sort()));
    }
  });

  it('writes the same bytes whatever the order, aligns the data and fills the header with spaces', () => {
    const { tensors, metadata } = sample();
    const bytes = encode({ tensors, metadata });
    const reversed = { tensors: new Map([...tensors].reverse()), metadata: { note: 'ü "x"', format: 'test' } };
    expect(Buffer.compare(bytes, encode(reversed))).toBe(0);
    const length = Number(Buffer.from(bytes).readBigUInt64LE());
    expect(length % 8).toBe(0);
    const header = JSON.parse(Buffer.from(bytes.subarray(8, 8 + length)).toString()) as Record<
      string,
      { dtype: string; data_offsets: number[] }
    >;
    expect(header['float64']?.data_offsets[0]).toBe(0);
    for (const [name, { dtype, data_offsets: offsets }] of Object.entries(header)) {
      if (name !== '__metadata__') expect((offsets[0] ?? NaN) % (Number(/\d+/.exec(dtype) ?? 8) / 8)).toBe(0);
    }
  });

  it('takes the bytes of the example in the description of the format', () => {
    const header = '{"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}}     ';
    const { tensors, metadata } = decodeSafetensors(fileOf(header, new Uint8Array(16)), 'example');
    expect([...tensors]).toEqual([['test', tensor('int32', [2, 2], new Int32Array(4))]]);
    expect(metadata).toEqual({});
  });

  it('accepts a file without tensors', () => {
    expect(decodeSafetensors(encode({ tensors: new Map(), metadata: {} }), 'x').tensors.size).toBe(0);
  });

  const entry = (dtype: string, shape: string, offsets: string) =>
    `{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}`;
  const cases: readonly [what: string, bytes: Uint8Array, message: RegExp][] = [
    ['an empty file', new Uint8Array(), /f: .*too short; expected at least 8 bytes, received 0 bytes/],
    ['a huge header length', Buffer.alloc(16, 255), /header too long; expected at most 100000000 bytes/],
    ['a cut header', fileOf('{"a":1}').subarray(0, 12), /truncated in the header; expected 8 \+ 7 bytes of header/],
    ['a header that is no JSON', fileOf('{"a":'), /not a JSON object; expected .*, received "\{\\"a\\":"/],
    ['a header that is a list', fileOf('[]'), /header is not a JSON object/],
    ['space before the header', fileOf(' {}'), /header is not a JSON object/],
    ['a header that is not UTF-8', fileOf(Uint8Array.of(0x7b, 0xff, 0x7d)), /header is not UTF-8 text/],
    ['a byte order mark', fileOf('\ufeff{}'), /header is not a JSON object/],
    [
      'a name twice, one of them escaped',
      fileOf(`{"a":${entry('"U8"', '[1]', '[0,1]')},"\\u0061":${entry('"U8"', '[1]', '[0,1]')}}`, new Uint8Array(1)),
      /has "a" twice/,
    ],
    ['a field twice', fileOf('{"a":{"dtype":"U8","dtype":"I8","shape":[0],"data_offsets":[0,0]}}'), /"dtype" twice/],
    ['metadata that is no object', fileOf('{"__metadata__":[]}'), /wrong __metadata__; expected an object of texts/],
    [
      'metadata that is no text',
      fileOf('{"__metadata__":{"k":1}}'),
      /wrong __metadata__ "k"; expected a text, received 1/,
    ],
    ['a tensor that is a number', fileOf('{"a":1}'), /tensor "a" is not described; expected an object, received 1/],
    ['an unknown dtype', fileOf(`{"a":${entry('"F8"', '[1]', '[0,1]')}}`), /unknown element type; .*"F8"; .*F32, F64/],
    ['a dtype named as a method', fileOf(`{"a":${entry('"toString"', '[1]', '[0,1]')}}`), /unknown element type/],
    ['a negative size', fileOf(`{"a":${entry('"U8"', '[-1]', '[0,1]')}}`), /"a" has a wrong shape; .*received \[-1\]/],
    ['a broken size', fileOf(`{"a":${entry('"U8"', '[0.5]', '[0,1]')}}`), /wrong shape/],
    ['no shape', fileOf('{"a":{"dtype":"U8","data_offsets":[0,1]}}'), /wrong shape; .*received nothing/],
    ['one offset', fileOf(`{"a":${entry('"U8"', '[1]', '[0]')}}`), /wrong data_offsets; expected \[begin, end\]/],
    ['offsets in reverse', fileOf(`{"a":${entry('"U8"', '[1]', '[1,0]')}}`), /does not fit its shape/],
    ['one more field', fileOf('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1}}'), /unknown field; .*"x"/],
    [
      'a size that does not fit the shape',
      fileOf(`{"a":${entry('"F32"', '[2]', '[0,4]')}}`, new Uint8Array(4)),
      /data of tensor "a" does not fit its shape; expected 8 bytes for float32\[2\], received bytes 0 to 4/,
    ],
    [
      'a shape whose product is too large for a number',
      fileOf(`{"a":${entry('"F32"', '[9007199254740991,9007199254740991]', '[0,4]')}}`, new Uint8Array(4)),
      /does not fit its shape/,
    ],
    [
      'data with a gap',
      fileOf(`{"a":${entry('"U8"', '[1]', '[0,1]')},"b":${entry('"U8"', '[1]', '[2,3]')}}`, new Uint8Array(3)),
      /tensor "b" is after a gap; expected data from byte 1, received byte 2/,
    ],
    [
      'data that overlaps',
      fileOf(`{"a":${entry('"U8"', '[2]', '[0,2]')},"b":${entry('"U8"', '[2]', '[1,3]')}}`, new Uint8Array(3)),
      /tensor "b" overlaps another; expected data from byte 2, received byte 1/,
    ],
    [
      'cut data',
      fileOf(`{"a":${entry('"U8"', '[9]', '[0,9]')}}`, new Uint8Array(8)),
      /truncated in the data; expected 9/,
    ],
    ['data after the end', fileOf('{}', new Uint8Array(1)), /bytes after the last tensor; expected 0 bytes of data/],
    [
      'a boolean of 2',
      fileOf(`{"a":${entry('"BOOL"', '[2]', '[0,2]')}}`, Uint8Array.of(1, 2)),
      /"a" is not of booleans; expected 0 or 1, received 2 as element 1/,
    ],
    ['very deep nesting', fileOf(`{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}`), /"a" is not described/],
    ['a very long name', fileOf(`{"${'n'.repeat(2e7)}":1}`), /tensor "n{10,60}\.\.\. is not described/],
  ];
  it.each(cases)('refuses %s, saying what was expected', async (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, 'f')).toThrow(message);
    const path = join(folder, 'f');
    await writeFile(path, bytes);
    await expect(readSafetensors(path)).rejects.toThrow(message);
  });

  it('says that a file cannot be read', async () => {
    await expect(readSafetensors(join(folder, 'none'))).rejects.toThrow(/none: cannot be read; .*ENOENT/);
    await expect(readSafetensors(folder)).rejects.toThrow(/cannot be read; .*EISDIR/);
  });

  it('refuses a file that is cut at any byte', () => {
    const bytes = encode(sample());
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeSafetensors(bytes.subarray(0, length), 'cut')).toThrow(FixheadError);
    }
  });

  it('takes or refuses damaged bytes, and never needs more memory than the file has', () => {
    const bytes = encode(sample());
    const damage = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
    let refused = 0;
    fc.assert(
      fc.property(damage, fc.boolean(), (changes, headerOnly) => {
        const copy = Uint8Array.from(bytes);
        for (const [at, value] of changes) copy[headerOnly ? at % 900 : at] = value;
        try {
          const { tensors } = decodeSafetensors(copy, 'damaged');
          const total = [...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
          expect(total).toBeLessThan(copy.length);
        } catch (error) {
          if (!(error instanceof FixheadError)) throw error;
          expect(error.kind).toBe('input');
          refused++;
        }
      }),
      { numRuns: 2000, seed: 1 },
    );
    expect(refused).toBeGreaterThan(500);
  });

  it('refuses arbitrary JSON headers', () => {
    const value = fc.jsonValue();
    const header = fc.oneof(
      fc.dictionary(fc.string(), value),
      fc.dictionary(
        fc.string(),
        fc.record({ dtype: fc.constantFrom('F32', 'U8', 1), shape: value, data_offsets: value }),
      ),
    );
    fc.assert(
      fc.property(header, (json) => {
        fc.pre(Object.keys(json).length > 0);
        expect(() => decodeSafetensors(fileOf(JSON.stringify(json), new Uint8Array(3)), 'x')).toThrow(FixheadError);
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  const names = fc.string({ unit: 'binary' }).filter((name) => name !== '__metadata__');
  it('reads back any names, texts and shapes', () => {
    const tensors = fc.dictionary(
      names,
      fc.tuple(fc.constantFrom<DType>('float32', 'int64', 'uint8'), fc.array(fc.nat(3), { maxLength: 4 }), fc.nat(255)),
    );
    fc.assert(
      fc.property(tensors, fc.dictionary(names, fc.string({ unit: 'binary' })), (described, metadata) => {
        const content = {
          metadata,
          tensors: new Map(
            Object.entries(described).map(([name, [dtype, shape, fill]]) => {
              const width = dtype === 'int64' ? 8 : dtype === 'float32' ? 4 : 1;
              const size = shape.reduce((product, dim) => product * dim, width);
              return [name, tensorFromBytes(dtype, shape, new Uint8Array(size).fill(fill))];
            }),
          ),
        };
        const back = decodeSafetensors(encode(content), 'any');
        expect(new Map([...back.tensors].sort())).toEqual(new Map([...content.tensors].sort()));
        expect(Object.entries(back.metadata).sort()).toEqual(Object.entries(metadata).sort());
      }),
      { numRuns: 300, seed: 1 },
    );
  });
});

const python = ['/usr/bin/python3', 'python3'].find(
  (command) => spawnSync(command, ['-c', 'import numpy']).status === 0,
);
const reference = python !== undefined && spawnSync(python, ['-c', 'import safetensors']).status === 0;

function runPython(script: string, path: string): Record<string, unknown> {
  const { status, stdout, stderr } = spawnSync(python ?? '', ['-c', script, path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** What is in {@link sample}, as NumPy prints it. */
const expectedText = {
  'weight "quoted"\n': ['float32', [2, 3], '[1.5, -0.0, 7.888609052210118e-31, 4.0, nan, -inf]'],
  float64: ['float64', [2], '[3.141592653589793, -1e+300]'],
  float16: ['float16', [2], '[1.0, -5.0]'],
  int8: ['int8', [3], '[-128, 0, 127]'],
  uint8: ['uint8', [3], '[0, 7, 255]'],
  int16: ['int16', [2], '[-32768, 12]'],
  uint16: ['uint16', [2], '[65535, 12]'],
  int32: ['int32', [1], '[-2147483648]'],
  uint32: ['uint32', [1], '[4294967295]'],
  int64: ['int64', [2], '[-3, 1099511627776]'],
  uint64: ['uint64', [1], '[18446744073709551615]'],
  bool: ['bool', [4], '[True, False, False, True]'],
  scalar: ['float32', [], '[42.0]'],
  empty: ['float32', [0, 5], '[]'],
  '0': ['float32', [1], '[7.0]'],
  größe: ['float32', [1], '[8.0]'],
};

async function writeForPython(): Promise<string> {
  const path = join(folder, 'python.safetensors');
  const { tensors, metadata } = sample();
  // NumPy has no bfloat16; and a JavaScript object literal cannot name __proto__ in the expected values.
  const known = [...tensors].filter(([name]) => name !== 'bfloat16' && name !== '__proto__');
  await writeFile(path, encode({ tensors: new Map(known), metadata }));
  return path;
}

describe('safetensors read by others', () => {
  it.skipIf(python === undefined)('has the values that NumPy reads by the description of the format', async () => {
    const script = `
import json, struct, sys, numpy as np
raw = open(sys.argv[1], 'rb').read()
n = struct.unpack('<Q', raw[:8])[0]
kinds = dict(F64='f8', F32='f4', F16='f2', I8='i1', U8='u1', I16='i2', U16='u2', I32='i4', U32='u4', I64='i8', U64='u8', BOOL='?')
out = {}
for name, t in json.loads(raw[8:8+n]).items():
    if name == '__metadata__': continue
    a, b = t['data_offsets']
    x = np.frombuffer(raw[8+n+a:8+n+b], dtype=np.dtype('<' + kinds[t['dtype']])).reshape(t['shape'])
    out[name] = [x.dtype.name, list(x.shape), str(x.ravel().tolist())]
print(json.dumps(out))`;
    expect(runPython(script, await writeForPython())).toEqual(expectedText);
  });

  it.skipIf(!reference)('has the values that the reference implementation reads', async () => {
    const script = `
import json, sys
from safetensors import safe_open
out = {}
with safe_open(sys.argv[1], framework='np') as f:
    assert f.metadata() == {'format': 'test', 'note': 'ü "x"'}
    for name in f.keys():
        x = f.get_tensor(name)
        out[name] = [x.dtype.name, list(x.shape), str(x.ravel().tolist())]
print(json.dumps(out))`;
    expect(runPython(script, await writeForPython())).toEqual(expectedText);
  });
});
