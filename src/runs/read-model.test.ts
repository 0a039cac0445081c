import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import proto from 'onnx-proto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesOf, float32 } from '../core/tensor.ts';
import { openModel, readModel, readModelFile } from './read-model.ts';

let root: string;
let folder: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'fixhead-model-'));
  folder = join(root, 'model');
  await mkdir(join(folder, 'weights'), { recursive: true });
  const numbers = float32([4], [0, 1, 2, 3]);
  await writeFile(join(folder, 'weights/w.bin'), bytesOf(numbers));
  await writeFile(join(root, 'secret.bin'), bytesOf(numbers));
  await symlink(join(root, 'secret.bin'), join(folder, 'link.bin'));
  await symlink(root, join(folder, 'up'));
  await symlink(join(folder, 'weights/w.bin'), join(folder, 'inside.bin'));
  execFileSync('mkfifo', [join(folder, 'pipe')]);
});
afterAll(() => rm(root, { recursive: true, force: true }));

type Entries = Readonly<Record<string, string>>;

/** A model whose initializer `w` [2] lies where the entries say. */
async function modelWith(entries: Entries): Promise<string> {
  const path = join(folder, 'model.onnx');
  const bytes = proto.onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 18 }],
    graph: {
      name: 'g',
      output: [{ name: 'w' }],
      initializer: [
        {
          name: 'w',
          dims: [2],
          dataType: 1,
          dataLocation: proto.onnx.TensorProto.DataLocation.EXTERNAL,
          externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
        },
      ],
    },
  }).finish();
  await writeFile(path, bytes);
  return path;
}

describe('readModel', () => {
  const readable: readonly [string, Entries, readonly number[]][] = [
    ['at an offset', { location: 'weights/w.bin', offset: '4', length: '8' }, [1, 2]],
    ['from the start, of the length that the shape needs', { location: 'weights/w.bin' }, [0, 1]],
    ['through a link that stays inside', { location: 'inside.bin', offset: '8' }, [2, 3]],
  ];
  it.each(readable)('reads external data %s', async (_, entries, expected) => {
    const { onnx, external } = await openModel(await modelWith(entries));
    expect([...(onnx.graph.initializers.get('w')?.data ?? [])]).toEqual(expected);
    expect(external).toEqual([entries['location']]);
  });

  const outside = 'external data outside of the model’s folder; expected a path inside';
  const refused: readonly [string, Entries, string][] = [
    ['an absolute path', { location: '/etc/hostname' }, outside],
    ['an absolute path of another system', { location: 'C:\\w.bin' }, outside],
    ['a path with a drive', { location: 'C:w.bin' }, outside],
    ['a path upwards', { location: '../secret.bin' }, outside],
    ['a path that goes down and up', { location: 'weights/../../secret.bin' }, outside],
    ['a path upwards in the other style', { location: '..\\secret.bin' }, outside],
    ['a path with an end inside', { location: 'weights/w.bin\0.txt' }, 'received weights/w.bin\\0.txt'],
    ['a link that leads outside', { location: 'link.bin' }, outside],
    ['a folder that leads outside', { location: 'up/secret.bin' }, outside],
    ['the folder itself', { location: '.' }, 'expected a regular file, received a folder'],
    ['a pipe', { location: 'pipe' }, 'received a device, a pipe or a socket'],
    ['a missing file', { location: 'lost.bin' }, 'external data is missing; expected'],
    ['a file below a file', { location: 'weights/w.bin/x' }, 'the file cannot be read'],
    ['no location', { offset: '0' }, 'external data without a location'],
    [
      'data that ends early',
      { location: 'weights/w.bin', offset: '12' },
      'expected 8 bytes from 12 on, received weights/w.bin with 16 bytes',
    ],
    [
      'another length than the shape’s',
      { location: 'weights/w.bin', length: '12' },
      'expected 8 bytes, received a length of 12',
    ],
    ['a negative offset', { location: 'weights/w.bin', offset: '-8' }, 'impossible offset of external data'],
    ['an offset that is no number', { location: 'weights/w.bin', offset: '1e3' }, 'impossible offset of external data'],
    ['an offset beyond exact integers', { location: 'weights/w.bin', offset: '9'.repeat(16) }, 'impossible offset'],
  ];
  it.each(refused)('refuses %s', async (_, entries, message) => {
    const attempt = readModel(await modelWith(entries));
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toMatchObject({ kind: 'input' });
  });

  it('refuses what is no file', async () => {
    await expect(readModel(join(folder, 'none.onnx'))).rejects.toThrow(
      'the file cannot be read; received nothing there',
    );
    await expect(readModelFile(folder)).rejects.toThrow('expected a regular file, received a folder');
    await expect(readModelFile('/dev/null')).rejects.toThrow('received a device, a pipe or a socket');
  });
});
