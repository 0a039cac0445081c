import { mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { float32, int32, tensor } from '../core/tensor.ts';
import { parseHead } from '../heads/parse.ts';
import { createRun, openRun } from '../train/run-folder.ts';
import { encodeSafetensors } from '../train/safetensors.ts';
import { keepVectors, keptVectors, readClassVectors, vectorsFor } from './class-vectors.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fixhead-vectors-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function file(name: string, content: string | Uint8Array | readonly Uint8Array[]): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, Array.isArray(content) ? Buffer.concat(content) : (content as string | Uint8Array));
  return path;
}

/** What numpy.save writes for a header dictionary (without its padding, which readers must not rely on) and data. */
function npy(header: string, data: ArrayBufferView, major = 1): Uint8Array {
  const text = Buffer.from(`${header}\n`, 'latin1');
  const length = Buffer.alloc(major === 1 ? 2 : 4);
  if (major === 1) length.writeUInt16LE(text.length);
  else length.writeUInt32LE(text.length);
  const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), major, 0]);
  return Buffer.concat([start, length, text, Buffer.from(data.buffer, data.byteOffset, data.byteLength)]);
}

const header = (descr: string, shape: string, order = 'False'): string =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }`;

const six = [1, -2.5, 3, 4, 5e-3, 6];
const expected = { classes: 2, features: 3, data: Float32Array.from(six) };

describe('.npy', () => {
  test('is read as float32 or float64, whatever the version and the alignment', async () => {
    for (const major of [1, 2, 3]) {
      for (const padding of ['', ' ', '    ']) {
        const single = npy(header('<f4', '2, 3') + padding, Float32Array.from(six), major);
        const double = npy(header('<f8', '2, 3') + padding, Float64Array.from(six), major);
        expect(await readClassVectors(await file('a.npy', single))).toEqual(expected);
        expect(await readClassVectors(await file('a.NPY', double))).toEqual(expected);
      }
    }
  });

  test('that numpy itself wrote is read', async () => {
    // numpy.save(f, numpy.arange(6, dtype='<f4').reshape(2, 3)) of numpy 2.
    const saved = `93 4e 55 4d 50 59 01 00 76 00 ${Buffer.from(
      `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }${' '.repeat(58)}\n`,
    ).toString('hex')} ${Buffer.from(Float32Array.of(0, 1, 2, 3, 4, 5).buffer).toString('hex')}`;
    const bytes = Buffer.from(saved.replaceAll(' ', ''), 'hex');
    expect(bytes.length).toBe(128 + 24);
    expect(await readClassVectors(await file('n.npy', bytes))).toEqual({
      classes: 2,
      features: 3,
      data: Float32Array.of(0, 1, 2, 3, 4, 5),
    });
  });

  test.each([
    ['another type', header('<i8', '2, 3'), 'received dtype <i8, shape (2, 3), C order'],
    ['big-endian numbers', header('>f4', '2, 3'), 'received dtype >f4, shape (2, 3), C order'],
    ['columns first', header('<f4', '2, 3', 'True'), 'received dtype <f4, shape (2, 3), Fortran order'],
    ['one axis', header('<f4', '6,'), 'received dtype <f4, shape (6,), C order'],
    ['three axes', header('<f4', '1, 2, 3'), 'received dtype <f4, shape (1, 2, 3), C order'],
    ['records', "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3), }", 'dtype of records'],
  ])('of %s is refused', async (_, text, message) => {
    const path = await file('a.npy', npy(text, Float32Array.from(six)));
    await expect(readClassVectors(path)).rejects.toThrow(
      `${path}: not a matrix of class vectors; expected two axes of float32 ('<f4') or float64 ('<f8'), in C order, `,
    );
    await expect(readClassVectors(path)).rejects.toThrow(message);
  });

  test('that is cut, too long or something else is refused', async () => {
    const whole = npy(header('<f4', '2, 3'), Float32Array.from(six));
    for (const [bytes, message] of [
      [whole.subarray(0, -1), 'not a whole NumPy array file; expected 2 × 3 × 4 = 24 bytes of numbers, received 23'],
      [Buffer.concat([whole, Buffer.alloc(4)]), '= 24 bytes of numbers, received 28'],
      [whole.subarray(0, 40), 'not a whole NumPy array file; expected a header of '],
      [whole.subarray(0, 8), 'not a NumPy array file; expected a file made by numpy.save'],
      [Buffer.from('1,2\n3,4\n'), 'not a NumPy array file'],
      [Buffer.alloc(0), 'not a NumPy array file'],
    ] as const) {
      await expect(readClassVectors(await file('a.npy', bytes))).rejects.toThrow(message);
    }
  });
});

describe('.csv', () => {
  test.each(['1,-2.5,3\n4,5e-3,6\n', '\uFEFF1, -2.5 ,3\r\n4,.005,6', '1,-2.5,3\n4,0.005,6\n\n \n'])(
    'is read with any line ends: %j',
    async (text) => {
      expect(await readClassVectors(await file('a.csv', text))).toEqual(expected);
    },
  );

  test.each([
    ['1,2\n3\n', 'line 2: a row of another length; expected 2 numbers, as in line 1, received 1'],
    ['a,b\n1,2\n', 'line 1, column 1: not a number; received "a"; there must be no header line'],
    ['1,2\n3,x\n', 'line 2, column 2: not a number; received "x"'],
    ['1,2\n\n3,4\n', 'line 2, column 1: not a number; received ""'],
    ['1,,2\n', 'line 1, column 2: not a number; received ""'],
    ['1;2\n', 'line 1, column 1: not a number; received "1;2"'],
    ['1,NaN\n', 'line 1, column 2: not a number; received "NaN"'],
    ['', 'no class vectors'],
  ])('%j is refused', async (text, message) => {
    await expect(readClassVectors(await file('a.csv', text))).rejects.toThrow(message);
  });
});

describe('.safetensors', () => {
  const content = (entries: Parameters<typeof encodeSafetensors>[0]['tensors']): readonly Uint8Array[] =>
    encodeSafetensors({ tensors: entries, metadata: {} });

  test('is read where it holds one matrix', async () => {
    const single = content(new Map([['names', float32([2, 3], six)]]));
    expect(await readClassVectors(await file('a.safetensors', single))).toEqual(expected);
    // 1 and −2 in bfloat16.
    const half = content(new Map([['names', tensor('bfloat16', [1, 2], Uint16Array.of(0x3f80, 0xc000))]]));
    expect(await readClassVectors(await file('b.safetensors', half))).toEqual({
      classes: 1,
      features: 2,
      data: Float32Array.of(1, -2),
    });
  });

  test('is refused where it holds anything else', async () => {
    const matrix = float32([2, 3], six);
    for (const [tensors, message] of [
      [new Map(), 'class vectors must be the only tensor of their file; received none'],
      [new Map([['a', matrix] as const, ['b', matrix] as const]), 'received 2: a, b'],
      [
        new Map([['a', float32([6], six)] as const]),
        'expected a floating-point tensor [classes, features], received float32[6]',
      ],
      [new Map([['a', int32([2, 3], six)] as const]), 'received int32[2, 3]'],
    ] as const) {
      await expect(readClassVectors(await file('a.safetensors', content(tensors)))).rejects.toThrow(message);
    }
    await expect(readClassVectors(await file('a.safetensors', 'nothing'))).rejects.toThrow(
      'not a whole safetensors file',
    );
  });
});

describe('other files', () => {
  test('are refused by name, missing ones by reason', async () => {
    await expect(readClassVectors('vectors.txt')).rejects.toThrow(
      'vectors.txt: class vectors in a file of an unknown kind; choose from .npy, .csv, .safetensors',
    );
    for (const name of ['no.npy', 'no.csv', 'no.safetensors'])
      await expect(readClassVectors(join(folder, name))).rejects.toThrow(
        /no\.\w+: .*cannot be read; received .*ENOENT/,
      );
  });
});

describe('a run', () => {
  test('keeps the vectors of its custom heads, so that their file may go', async () => {
    const path = await file('v.csv', '1,-2.5,3\n4,0.005,6\n');
    const heads = [parseHead('learned'), parseHead(`custom:file=${path}`), parseHead(`custom:file=${path}:bias=off`)];
    const vectors = await vectorsFor(heads);
    expect(vectors.size).toBe(2);
    {
      await using run = await createRun(join(folder, 'run'), { version: 1, kind: 'train' });
      await keepVectors(run.paths, vectors, heads);
    }
    await unlink(path);
    const run = await openRun(join(folder, 'run'));
    const kept = await keptVectors(run, heads);
    expect([...kept.values()]).toEqual([expected, expected]);
    expect([...kept.keys()]).toEqual([`custom:file=${path}`, `custom:file=${path}:bias=off`]);
    await expect(keptVectors(run, [parseHead('custom:file=other.npy')])).rejects.toThrow(
      'not a matrix of class vectors',
    );
    await unlink(run.paths.vectors);
    await expect(keptVectors(run, heads)).rejects.toThrow('the class vectors of this run are missing');
    expect((await keptVectors(run, [parseHead('learned')])).size).toBe(0);
  });

  test('has no copy where it has no custom head, and a replaced run loses it', async () => {
    const target = join(folder, 'run');
    const head = parseHead('custom:file=v.npy');
    const vectors = new Map([['custom:file=v.npy', expected]]);
    {
      await using run = await createRun(target, { version: 1, kind: 'train' });
      await keepVectors(run.paths, vectors, [head]);
    }
    await using run = await createRun(target, { version: 1, kind: 'train' }, { overwrite: true });
    await keepVectors(run.paths, vectors, [parseHead('learned')]);
    await expect(keptVectors(run, [head])).rejects.toThrow('the class vectors of this run are missing');
  });
});
