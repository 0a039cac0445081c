import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { charactersOf, className, contains } from './characters.ts';
import { splitCharacters } from './choice.ts';

async function sizeOf(text: string): Promise<number> {
  const set = await charactersOf(text);
  return set.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
}

describe('sets of characters', () => {
  test('have the published sizes', async () => {
    expect(await sizeOf('ascii')).toBe(94);
    expect(await sizeOf('digits')).toBe(10);
    // JIS X 0208, level 1; GB 2312, level 1.
    expect(await sizeOf('jis-1')).toBe(2965);
    expect(await sizeOf('gb-1')).toBe(3755);
    expect(await sizeOf('U+3041-U+3096')).toBe(86);
  });

  test('join and overlap', async () => {
    expect(await sizeOf('ascii+digits')).toBe(94);
    expect(await sizeOf('U+0030+U+0041-U+0043')).toBe(4);
    expect(splitCharacters('kana+U+3041-U+3096+u+0041+list.txt')).toEqual([
      'kana',
      'U+3041-U+3096',
      'u+0041',
      'list.txt',
    ]);
  });

  test('leave out blanks, marks, private use and what looks like another character by definition', async () => {
    const all = await charactersOf('all');
    // Space, combining acute, private use, Kelvin sign, a compatibility ideograph, a surrogate, a control.
    for (const codePoint of [0x20, 0x301, 0xe000, 0x212a, 0xf900, 0xd800, 0x7f])
      expect(contains(all, codePoint)).toBe(false);
    for (const character of 'Aж1∑字あ한𠀀') expect(contains(all, character.codePointAt(0) ?? 0)).toBe(true);
    const han = await charactersOf('han');
    expect(['字', '𠀀', 'あ', '⼀'].map((each) => contains(han, each.codePointAt(0) ?? 0))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test('may be a script or a text file', async () => {
    expect(contains(await charactersOf('thai'), 0xe01)).toBe(true);
    const folder = await mkdtemp(join(tmpdir(), 'fixhead-characters-'));
    try {
      const file = join(folder, 'mine.txt');
      await writeFile(file, '字 あ\nA A');
      expect(await sizeOf(file)).toBe(3);
      await writeFile(file, ' \n');
      await expect(charactersOf(file)).rejects.toThrow(/no character that can be drawn/);
      await writeFile(file, Buffer.from([0xff, 0xfe, 0x41]));
      await expect(charactersOf(file)).rejects.toThrow(/not a text file in UTF-8/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('refuse what they are not', async () => {
    await expect(charactersOf('U+0042-U+0041')).rejects.toThrow(/not a range of code points/);
    await expect(charactersOf('latn1')).rejects.toThrow(
      /unknown set of characters; received "latn1".*did you mean latin\?/,
    );
    await expect(charactersOf('ascii+')).rejects.toThrow(/unknown set of characters; received ""/);
  });

  test('name their classes by character and code point', () => {
    expect([className(0x5b57), className(0x41), className(0x20000)]).toEqual(['字 U+5B57', 'A U+0041', '𠀀 U+20000']);
  });
});
