import { readdir, readFile, writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { create, Header } from 'tar';
import { describe, expect, test } from 'vitest';
import { extractArchive } from './archive.ts';
import type { DataProgress } from './progress.ts';
import { temporaryFolder } from '../../test/fixtures/data/files.ts';

type EntryType = 'File' | 'SymbolicLink' | 'Link' | 'CharacterDevice';

/** A tar file made header by header, as no honest program would. */
function tarOf(entries: readonly { path: string; type?: EntryType; linkpath?: string }[]): Buffer {
  const blocks = entries.map(({ path, type = 'File', linkpath }) => {
    const header = new Header({
      path,
      type,
      mode: 0o644,
      size: type === 'File' ? 4 : 0,
      mtime: new Date(0),
      ...(linkpath === undefined ? {} : { linkpath }),
    });
    header.encode();
    const data = type === 'File' ? Buffer.concat([Buffer.from('data'), Buffer.alloc(508)]) : Buffer.alloc(0);
    return Buffer.concat([header.block ?? Buffer.alloc(0), data]);
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

describe('extractArchive', () => {
  test('unpacks files and folders and reports progress', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'top', 'inner'), { recursive: true });
    await writeFile(join(folder, 'top', 'inner', 'a.bin'), 'hello');
    await writeFile(join(folder, 'top', 'b.bin'), 'hello');
    await create({ gzip: true, file: join(folder, 'x.tar.gz'), cwd: folder }, ['top']);
    const seen: DataProgress[] = [];
    await extractArchive(join(folder, 'x.tar.gz'), join(folder, 'out'), (progress) => seen.push(progress));
    expect(await readFile(join(folder, 'out', 'inner', 'a.bin'), 'utf8')).toBe('hello');
    expect(seen.at(-1)).toEqual({ phase: 'extract', what: 'x.tar.gz', done: 4, total: 4, unit: 'entries' });
    await expect(extractArchive(join(folder, 'x.tar.gz'), join(folder, 'out'))).rejects.toThrow('out: already exists');
    expect((await readdir(folder)).sort()).toEqual(['out', 'top', 'x.tar.gz']);
  });

  test.each([
    [
      'a path upwards',
      [{ path: 'fine.txt' }, { path: 'a/../../evil.txt' }],
      'leaves the folder by ".."; received "a/../../evil.txt"',
    ],
    ['an absolute path', [{ path: 'fine.txt' }, { path: '/tmp/evil.txt' }], 'absolute path; received "/tmp/evil.txt"'],
    ['a Windows path', [{ path: 'C:\\evil.txt' }], 'absolute path; received "C:'],
    ['a backward slash upwards', [{ path: 'a\\..\\evil.txt' }], 'leaves the folder by ".."'],
    [
      'a symbolic link',
      [{ path: 'fine.txt' }, { path: 'link', type: 'SymbolicLink', linkpath: '/etc' }],
      'an entry is a link; received "link"',
    ],
    ['a hard link', [{ path: 'link', type: 'Link', linkpath: '../x' }], 'an entry is a link'],
    ['a device', [{ path: 'null', type: 'CharacterDevice' }], 'neither a file nor a folder (CharacterDevice)'],
  ] as const)('refuses %s and unpacks nothing', async (_, entries, message) => {
    const folder = await temporaryFolder();
    const file = join(folder, 'evil.tar.gz');
    await writeFile(file, gzipSync(tarOf(entries)));
    await expect(extractArchive(file, join(folder, 'out'))).rejects.toThrow(message);
    await expect(extractArchive(file, join(folder, 'out'))).rejects.toThrow('unsafe archive, nothing was unpacked');
    expect(await readdir(folder)).toEqual(['evil.tar.gz']);
  });

  test.each([
    ['cut short', (good: Buffer) => gzipSync(good).subarray(0, 60)],
    ['cut short inside', (good: Buffer) => good.subarray(0, 700)],
    ['something else', () => Buffer.alloc(2000, 'no archive at all ')],
    ['empty', () => Buffer.alloc(0)],
  ])('refuses an archive that is %s and leaves nothing', async (_, change) => {
    const folder = await temporaryFolder();
    const file = join(folder, 'x.tar.gz');
    await writeFile(file, change(tarOf([{ path: 'a.txt' }, { path: 'b.txt' }])));
    await expect(extractArchive(file, join(folder, 'out'))).rejects.toThrow(
      /cannot be read: damaged|not a tar archive/,
    );
    expect(await readdir(folder)).toEqual(['x.tar.gz']);
  });
});
