import { isUtf8 } from 'node:buffer';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/fixtures/data/files.ts';
import { firstMalformed, readPieces } from './read-text.ts';

async function piecesOf(file: string): Promise<string[]> {
  const pieces: string[] = [];
  for await (const piece of readPieces(file)) pieces.push(piece);
  return pieces;
}

async function textOf(content: string | Uint8Array): Promise<string> {
  const file = join(await temporaryFolder(), 'some.txt');
  await writeFile(file, content);
  return (await piecesOf(file)).join('');
}

describe('readPieces', () => {
  test('gives the text in whole lines, whatever its size, without a byte order mark', async () => {
    const line = `${'Füße 字 😀 '.repeat(500)}\n`;
    const file = join(await temporaryFolder(), 'large.txt');
    await writeFile(file, `\ufeff${line.repeat(300)}last`);
    const pieces = await piecesOf(file);
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces.slice(0, -1).every((piece) => piece.endsWith('\n'))).toBe(true);
    expect(pieces.join('')).toBe(`${line.repeat(300)}last`);
  });

  test('a line may be longer than what is read at once', async () => {
    const text = 'ü'.repeat(2_000_000);
    expect((await textOf(text)) === text).toBe(true);
  });

  test('a link to a file counts as the file', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'a.txt'), 'text');
    await symlink(join(folder, 'a.txt'), join(folder, 'b.txt'));
    expect(await piecesOf(join(folder, 'b.txt'))).toEqual(['text']);
  });

  test.each([
    ['an empty file', new Uint8Array(), 'some.txt: an empty file; expected text'],
    [
      'a picture',
      Buffer.from('89504e470d0a1a0a0000000d', 'hex'),
      'a binary file, not text; received a zero byte at offset 8',
    ],
    ['Latin-1', Buffer.from('a caf\u00e9 there', 'latin1'), 'not UTF-8 text; received byte 0xe9 at offset 5'],
    [
      'a fault far into the file',
      Buffer.concat([Buffer.from('é\n'.repeat(1_000_000)), Buffer.of(0x41, 0xc0, 0x41)]),
      'not UTF-8 text; received byte 0xc0 at offset 3000001',
    ],
    ['a character that is cut off', Buffer.from('ok 字').subarray(0, 5), 'received byte 0xe5 at offset 3'],
    [
      'UTF-16',
      Buffer.from('\ufefftext', 'utf16le'),
      'not UTF-8 text; received the byte order mark of UTF-16; save the file as UTF-8',
    ],
  ])('refuses %s', async (_, content, message) => {
    await expect(textOf(content)).rejects.toThrow(message);
  });

  test('refuses what is no file', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'inner.txt'));
    const read = async (name: string): Promise<unknown> => piecesOf(join(folder, name));
    await expect(read('inner.txt')).rejects.toThrow('inner.txt: a folder, not a text file');
    await expect(read('none.txt')).rejects.toThrow('none.txt: no such file');
    await symlink(join(folder, 'gone'), join(folder, 'broken.txt'));
    await expect(read('broken.txt')).rejects.toThrow('broken.txt: no such file');
  });
});

describe('firstMalformed', () => {
  test('finds a fault where Node.js finds one, and what is before it is well-formed', () => {
    const byte = fc.oneof(
      fc.constantFrom(0x41, 0x80, 0xa0, 0xbf, 0x9f, 0x90, 0x8f, 0xc3, 0xe0, 0xed, 0xf0, 0xf4),
      fc.nat(255),
    );
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 8 }), fc.string({ unit: 'binary', maxLength: 3 }), (tail, text) => {
        const bytes = Buffer.concat([Buffer.from(text), Buffer.from(tail)]);
        const fault = firstMalformed(bytes);
        expect(fault === undefined).toBe(isUtf8(bytes));
        if (fault === undefined) return;
        expect(isUtf8(bytes.subarray(0, fault))).toBe(true);
        for (const end of [1, 2, 3, 4])
          expect(isUtf8(bytes.subarray(fault, fault + end)) && fault + end <= bytes.length).toBe(false);
      }),
    );
  });
});
