import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { canMountDisks, withSmallDisk } from '../../test/support/small-disk.ts';
import { formatBytes, removeTemporaryFiles, writeFileAtomically } from './atomic.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fixhead-atomic-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true });
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** The class of all file handles: Node does not export it. */
async function fileHandles(): Promise<{ writeFile(data: Uint8Array): Promise<void>; sync(): Promise<void> }> {
  const handle = await open(folder, 'r');
  await handle.close();
  return Object.getPrototypeOf(handle) as { writeFile(data: Uint8Array): Promise<void>; sync(): Promise<void> };
}

describe('writeFileAtomically', () => {
  it('writes text, bytes and pieces, over what was there, and leaves nothing else', async () => {
    const path = join(folder, 'file');
    await writeFileAtomically(path, 'grün\n');
    expect(await readFile(path, 'utf8')).toBe('grün\n');
    await writeFileAtomically(path, Uint8Array.of(1, 2));
    expect([...(await readFile(path))]).toEqual([1, 2]);
    await writeFileAtomically(path, [Uint8Array.of(3), new Uint8Array(), Uint8Array.of(4, 5)]);
    expect([...(await readFile(path))]).toEqual([3, 4, 5]);
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('flushes the file before and the folder after the rename', async () => {
    const path = join(folder, 'file');
    const present: boolean[] = [];
    vi.spyOn(await fileHandles(), 'sync').mockImplementation(async () => {
      present.push((await readdir(folder)).includes('file'));
    });
    await writeFileAtomically(path, 'x');
    expect(present).toEqual([false, true]);
  });

  it.each([
    [
      'writeFile',
      'ENOSPC',
      /file: the disk is full; expected 6 B of free space, received .*B; the previous file is whole;/,
    ],
    ['writeFile', 'EDQUOT', /the disk quota is used up; expected 6 B of free space/],
    ['writeFile', 'EIO', /file: cannot be written; received EIO: injected; the previous file is whole;/],
    ['sync', 'EIO', /file: cannot be written; received EIO: injected; the previous file is whole;/],
  ] as const)('keeps the old file when %s fails with %s', async (method, code, message) => {
    const path = join(folder, 'file');
    await writeFile(path, 'old');
    vi.spyOn(await fileHandles(), method).mockRejectedValueOnce(failure(code));
    await expect(writeFileAtomically(path, [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6)])).rejects.toThrow(message);
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('removes a half written file, and promises nothing about one that was not there', async () => {
    const handles = await fileHandles();
    vi.spyOn(handles, 'sync').mockRejectedValueOnce(failure('ENOSPC'));
    const error: unknown = await writeFileAtomically(join(folder, 'new'), 'half').catch((reason: unknown) => reason);
    expect(String(error)).toMatch(/new: the disk is full/);
    expect(String(error)).not.toMatch(/previous/);
    expect(await readdir(folder)).toEqual([]);
  });

  it('does not mind a system that cannot flush folders', async () => {
    const path = join(folder, 'file');
    vi.spyOn(await fileHandles(), 'sync')
      .mockResolvedValueOnce()
      .mockRejectedValueOnce(failure('EINVAL'));
    await writeFileAtomically(path, 'x');
    expect(await readFile(path, 'utf8')).toBe('x');
  });

  it('says what is wrong with the folder', async () => {
    await expect(writeFileAtomically(join(folder, 'none', 'file'), 'x')).rejects.toThrow(
      /none\/file: cannot be written; received ENOENT.*; is the folder there/,
    );
    await mkdir(join(folder, 'taken'));
    await expect(writeFileAtomically(join(folder, 'taken'), 'x')).rejects.toThrow(
      /taken: cannot be written; received E/,
    );
    expect(await readdir(folder)).toEqual(['taken']);
  });

  it.skipIf(!canMountDisks)('keeps the old file on a disk that is really full', async () => {
    await withSmallDisk(256, async (disk) => {
      const path = join(disk, 'file');
      const old = new Uint8Array(100_000).fill(1);
      await writeFileAtomically(path, old);
      // More than the rest of the disk, in one piece of which a part still fits.
      await expect(writeFileAtomically(path, new Uint8Array(200_000).fill(2))).rejects.toThrow(
        /the disk is full; expected 200\.0 kB of free space, received 1\d\d\.\d kB; the previous file is whole/,
      );
      expect(Buffer.compare(await readFile(path), old)).toBe(0);
      expect(await readdir(disk)).toEqual(['file']);
      // The room that the failed write took is free again.
      await writeFileAtomically(path, new Uint8Array(120_000).fill(3));
      expect((await readFile(path)).length).toBe(120_000);
    });
  });

  it('leaves the old or the new file when its process is killed, and a leftover that can be removed', async () => {
    const path = join(folder, 'file');
    const size = 2_000_000;
    await writeFile(path, Buffer.alloc(size, 255));
    const script = `
      import { writeFileAtomically } from ${JSON.stringify(join(import.meta.dirname, 'atomic.ts'))};
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), Number(process.env.AFTER));
      for (let i = 0; ; i++) await writeFileAtomically(${JSON.stringify(path)}, new Uint8Array(${size}).fill(i % 250));`;
    for (const after of [3, 20]) {
      const command = ['--import', 'tsx', '--input-type=module', '-e', script];
      const { signal } = spawnSync(process.execPath, command, { env: { ...process.env, AFTER: String(after) } });
      expect(signal).toBe('SIGKILL');
      const content = await readFile(path);
      expect(content.length).toBe(size);
      expect(content.every((byte) => byte === content[0])).toBe(true);
    }
    await removeTemporaryFiles(folder, ['file']);
    expect(await readdir(folder)).toEqual(['file']);
  });
});

describe('removeTemporaryFiles', () => {
  it('removes temporary files of the given files only', async () => {
    const own = ['.a.json.0123456789ab.tmp', '.a.json.ffffffffffff.tmp'];
    const others = ['a.json', '.a.json.0123.tmp', 'a.json.0123456789ab.tmp', '.b.json.0123456789ab.tmp', 'x.tmp'];
    for (const name of [...own, ...others]) await writeFile(join(folder, name), '');
    expect([...(await removeTemporaryFiles(folder, ['a.json']))].sort()).toEqual(own);
    expect((await readdir(folder)).sort()).toEqual(others.sort());
  });

  it('does nothing where there is no folder', async () => {
    expect(await removeTemporaryFiles(join(folder, 'none'), ['a'])).toEqual([]);
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [1_234_567, '1.2 MB'],
    [5e15, '5000.0 TB'],
  ])('writes %d as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});
