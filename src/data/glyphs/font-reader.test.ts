import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { barGlyphs, tinyFont } from '../../../test/support/tiny-font.ts';
import { charactersOf } from './characters.ts';
import { openFontReader } from './font-reader.ts';

test('a font that gives no answer in time is given up, and the reader goes on with the next', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fixhead-font-'));
  try {
    const file = join(folder, 'font.ttf');
    await writeFile(file, tinyFont({ family: 'Apricot', glyphs: barGlyphs(0, [0x41, 0x42, 0x4e00]) }));
    const data = { wanted: await charactersOf('ascii'), height: 16, width: 16 };
    // No thread starts within a microsecond.
    await using hasty = openFontReader(data, 0.001);
    const asked = Array.from({ length: 20 }, () => hasty.inspect(file));
    for (const answer of await Promise.allSettled(asked)) {
      expect(answer).toMatchObject({ status: 'rejected', reason: { message: 'no answer within 0.000001 s' } });
    }
    await using patient = openFontReader(data);
    await expect(patient.inspect(join(folder, 'nowhere.ttf'))).rejects.toThrow(/ENOENT/);
    const [face] = await patient.inspect(file);
    expect(face).toMatchObject({ family: 'Apricot', style: 'Regular', codePoints: Uint32Array.of(0x41, 0x42) });
    const [pictures] = await patient.draw(file, [{ index: 0, codePoints: Uint32Array.of(0x41, 0x43) }]);
    expect(pictures?.outcomes).toEqual(Uint8Array.of(0, 1));
  } finally {
    await rm(folder, { recursive: true });
  }
});
