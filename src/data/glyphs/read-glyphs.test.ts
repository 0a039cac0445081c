import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { barGlyphs, box, tinyFont, type Contour } from '../../../test/support/tiny-font.ts';
import { pixelsOf, sourceOf } from '../split.ts';
import type { ImageSet } from '../dataset.ts';
import { openDataset, type OpenOptions } from '../registry.ts';
import type { GlyphChoice } from './choice.ts';

/** Twenty ideographs. */
const characters = Array.from({ length: 20 }, (_, place) => 0x4e00 + place);
/** Names without a word in common, so that nothing but the drawings relates the families. */
const designs = ['Apricot', 'Birch', 'Cedar', 'Dahlia', 'Elder'];

let root = '';
let fonts = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'fixhead-glyphs-'));
  fonts = join(root, 'fonts');
  await mkdir(fonts);
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function put(name: string, bytes: Uint8Array): Promise<void> {
  await writeFile(join(fonts, name), bytes);
}

async function putDesigns(count = designs.length): Promise<void> {
  for (const [number, family] of designs.slice(0, count).entries()) {
    await put(`${family}.ttf`, tinyFont({ family, glyphs: barGlyphs(number, characters) }));
  }
}

async function open(glyphs?: GlyphChoice, options: OpenOptions = {}) {
  const choice = glyphs === undefined ? {} : { glyphs };
  return await openDataset(`glyphs:${fonts}`, { cacheDirectory: join(root, 'cache'), ...choice, ...options });
}

function sourcesOf(set: ImageSet): string[] {
  return [...new Set(Array.from(set.labels, (_, index) => sourceOf(set, index) ?? ''))].sort();
}

describe('characters of fonts', () => {
  test('are divided by font: every character of every font once, on one side', async () => {
    await putDesigns();
    const { classes, image, train, validation, notes } = await open();
    expect(classes).toHaveLength(20);
    expect(classes.slice(0, 2)).toEqual(['一 U+4E00', '丁 U+4E01']);
    expect(image).toEqual({ channels: 1, height: 32, width: 32 });
    expect([train.count, validation.count]).toEqual([80, 20]);
    const [held, trained] = [sourcesOf(validation), sourcesOf(train)];
    expect([...held, ...trained].sort()).toEqual(designs.map((name) => `${name}.ttf (${name} Regular)`));
    expect(held).toHaveLength(1);
    expect([...validation.labels].sort((a, b) => a - b)).toEqual(characters.map((_, label) => label));
    expect(notes.join('\n')).toContain('5 fonts with characters asked for, in 5 families');
    expect(notes.join('\n')).toContain('20 classes: characters drawn in at least 3 families of 5');
  });

  test('are held out as the seed says, or by name', async () => {
    await putDesigns();
    const bySeed = await Promise.all(
      [0, 1, 2, 3].map(async (seed) => sourcesOf((await open({}, { seed })).validation)),
    );
    expect(new Set(bySeed.flat()).size).toBeGreaterThan(1);
    expect(sourcesOf((await open({}, { seed: 3 })).validation)).toEqual(bySeed[3]);
    const named = await open({ heldOutFonts: ['cedar', 'ELDER'] });
    expect(sourcesOf(named.validation)).toEqual(['Cedar.ttf (Cedar Regular)', 'Elder.ttf (Elder Regular)']);
    expect(sourcesOf((await open({ heldOutFonts: 0.4 })).validation)).toHaveLength(2);
  });

  test('fill the picture up to the margin, in the middle, with ink 255 on 0', async () => {
    // Away from the origin and twice as high as wide: a block with a step of its own for each character.
    const steps = characters.map((each, place): [number, readonly Contour[]] => [
      each,
      [box(300, -400, 400, 700), box(300, 300, 100 + 10 * place, 100)],
    ]);
    const glyphs = new Map(steps);
    for (const [number, family] of ['Apricot', 'Birch'].entries()) {
      await put(`${family}.ttf`, tinyFont({ family, glyphs: number === 0 ? glyphs : barGlyphs(1, characters) }));
    }
    const { train, validation } = await open({}, { imageSize: { height: 32, width: 24 } });
    const set = sourcesOf(train)[0]?.startsWith('Apricot') === true ? train : validation;
    const [rows, columns] = [new Set<number>(), new Set<number>()];
    const pixels = pixelsOf(set);
    pixels.subarray(0, 32 * 24).forEach((level, place) => {
      if (level === 0) return;
      rows.add(Math.floor(place / 24));
      columns.add(place % 24);
    });
    expect(pixels[20 * 24 + 12]).toBe(255);
    // The margin is 24/16 = 1.5, rounded to 2: 28 rows, therefore 14 columns.
    expect([Math.min(...rows), Math.max(...rows)]).toEqual([2, 29]);
    expect([Math.min(...columns), Math.max(...columns)]).toEqual([5, 18]);
  });

  test('keep weights, copies and derivatives of a font on one side', async () => {
    await putDesigns(3);
    await put('bold.ttf', tinyFont({ family: 'Apricot Bold', glyphs: barGlyphs(77, characters) }));
    await put('copy.ttf', await readFile(join(fonts, 'Birch.ttf')));
    await put('relative.ttf', tinyFont({ family: 'Zebra', glyphs: barGlyphs(2, characters, 81) }));
    const dataset = await open({ heldOutFonts: ['Zebra'] });
    expect(sourcesOf(dataset.validation)).toEqual(['Cedar.ttf (Cedar Regular)', 'relative.ttf (Zebra Regular)']);
    const notes = dataset.notes.join('\n');
    expect(notes).toContain('6 font files, 1 of them with the contents of another one');
    expect(notes).toContain(
      'in 3 families; kept together, because of one file or nearly the same drawings: Apricot = Apricot Bold; Cedar = Zebra',
    );
  });

  test('take a few fonts of a family, and each picture of a character once', async () => {
    await putDesigns(2);
    for (const number of [1, 2, 3]) {
      await put(
        `Apricot-${number}.ttf`,
        tinyFont({
          family: 'Apricot',
          style: `Style ${number}`,
          glyphs: barGlyphs(0, characters, 80 + 20 * (number - 1)),
        }),
      );
    }
    const one = await open({ fontsPerFamily: 1, heldOutFonts: ['Birch'] });
    expect(sourcesOf(one.train)).toEqual(['Apricot.ttf (Apricot Regular)']);
    expect(one.notes.join('\n')).toContain('3 fonts not used: at most 1 of a family, those that differ most');
    const two = await open({ fontsPerFamily: 2, heldOutFonts: ['Birch'] });
    expect(sourcesOf(two.train)).toEqual(['Apricot-3.ttf (Apricot Style 3)', 'Apricot.ttf (Apricot Regular)']);
  });

  test('are chosen by how many families have them', async () => {
    await putDesigns(3);
    await put('more.ttf', tinyFont({ family: 'Dahlia', glyphs: barGlyphs(3, [...characters.slice(5), 0x5b57]) }));
    const common = await open({ maxClasses: 4, heldOutFonts: ['Birch'] });
    expect(common.classes).toEqual(
      [5, 6, 7, 8].map((place) => expect.stringContaining(String.fromCodePoint(0x4e00 + place)) as unknown),
    );
    expect((await open({ minFonts: 4, heldOutFonts: ['Birch'] })).classes).toHaveLength(15);
    expect((await open({ minFonts: 3, heldOutFonts: ['Birch'] })).classes).toHaveLength(20);
    expect((await open({ characters: 'U+4E00-U+4E02' })).classes).toHaveLength(3);
  });
});

describe('bad fonts', () => {
  test('blank pictures, the sign for missing characters and characters without an own picture are dropped and counted', async () => {
    await putDesigns(4);
    const tofu = [box(0, 0, 600, 900), box(100, 100, 50, 700)];
    const glyphs = new Map(barGlyphs(9, characters));
    glyphs.set(0x4e00, []);
    glyphs.set(0x4e01, tofu);
    glyphs.set(0x4e02, glyphs.get(0x4e03) ?? []);
    for (const each of [0x4e04, 0x4e05, 0x4e06, 0x4e07, 0x4e08]) glyphs.set(each, [box(0, 0, 500, 500)]);
    await put('odd.ttf', tinyFont({ family: 'Odd', glyphs, missing: tofu }));
    const { train, notes } = await open({ heldOutFonts: ['Apricot'] });
    const odd = [...train.labels].filter((_, place) => sourceOf(train, place)?.startsWith('odd.ttf'));
    // 0x4e02 keeps the picture that 0x4e03 has too; five characters with one picture are no characters.
    expect(odd.map((label) => label + 0x4e00)).toEqual([0x4e02, ...characters.filter((each) => each > 0x4e08)]);
    expect(notes.join('\n')).toContain(
      'pictures left out: 1 blank, 1 of characters that the font lacks or shows as its missing-character sign, 6 that their font uses for another character too',
    );
  });

  test('broken files are named and counted, and the others are used', async () => {
    await putDesigns(3);
    const whole = await readFile(join(fonts, 'Cedar.ttf'));
    await put('cut.ttf', whole.subarray(0, 300));
    await put('empty.otf', new Uint8Array());
    await put('text.woff2', Buffer.from('wOF2 is what a WOFF2 file starts with'));
    const { train, validation, notes } = await open();
    expect(train.count + validation.count).toBe(60);
    expect(notes.join('\n')).toMatch(
      /left out 3 fonts that cannot be read: cut\.ttf \(.+\), empty\.otf \(.+\), text\.woff2 \(.+\)/,
    );
  });

  test('glyphs that cannot be drawn are counted', async () => {
    await putDesigns(3);
    const bytes = tinyFont({ family: 'Broken', glyphs: barGlyphs(5, characters) });
    // The number of the last point of the first outline: points that are not there.
    const glyf = bytes.readUInt32BE(bytes.indexOf('glyf', 12) + 8);
    bytes.writeUInt16BE(60_000, glyf + 10 + 4);
    await put('broken.ttf', bytes);
    const { notes } = await open({ heldOutFonts: ['Apricot'] });
    expect(notes.join('\n')).toMatch(/pictures left out: .*1 that cannot be drawn/);
  });

  test('clear errors for no fonts, no characters, one family and too few classes', async () => {
    await expect(open()).rejects.toThrow(/no font file; expected files ending in \.ttf, \.otf, \.ttc/);
    await expect(openDataset(`glyphs:${root}/nowhere`)).rejects.toThrow(/nowhere: no such folder or font file/);
    await put('bad.ttf', Buffer.from('nothing'));
    await expect(open()).rejects.toThrow(
      /no font has any of the characters; received 1 font file, 1 that cannot be read: bad\.ttf/,
    );
    await putDesigns(1);
    await expect(open()).rejects.toThrow(/one font family cannot be divided.*received Apricot/);
    await putDesigns(3);
    await expect(open({ characters: 'Thai' })).rejects.toThrow(/no font has any of the characters/);
    await expect(open({ minFonts: 4 })).rejects.toThrow(
      /fewer than two characters can be classes.*at least 4 font families of 3.*received none/,
    );
    await expect(open({ characters: 'U+4E00' })).rejects.toThrow(/received only 一 U\+4E00/);
  });

  test('options out of range are usage errors', async () => {
    await putDesigns(3);
    const refused = async (glyphs: GlyphChoice, message: RegExp): Promise<void> => {
      await expect(open(glyphs)).rejects.toThrow(message);
    };
    await refused(
      { maxClasses: 1 },
      /largest number of classes is out of range; expected a whole number of at least 2/,
    );
    await refused({ minFonts: 0 }, /number of fonts that must have a character is out of range/);
    await refused({ fontsPerFamily: 1.5 }, /number of fonts that a family gives is out of range/);
    await refused({ heldOutFonts: 1 }, /share of held-out fonts is out of range/);
    await refused({ heldOutFonts: [] }, /no name of a held-out font family/);
    await refused(
      { heldOutFonts: ['Quince'] },
      /no font family of this name; received "Quince"; choose from Apricot, Birch, Cedar/,
    );
    await refused({ heldOutFonts: ['a', 'b', 'c'] }, /every font is held out/);
    await refused({ characters: 'kanjj' }, /unknown set of characters; received "kanjj".*did you mean kanji\?/);
    await expect(open({}, { imageSize: { height: 4, width: 32 } })).rejects.toThrow(/sides of 8 to 256 pixels/);
    await expect(openDataset('glyphs:')).rejects.toThrow(/a font folder without a name/);
    await expect(openDataset('mnist-small', { glyphs: {} })).rejects.toThrow(
      /only glyphs have characters and fonts to choose/,
    );
  });
});

describe('the cache of rendered characters', () => {
  test('gives the same data without drawing, and is drawn again when it is damaged or the options change', async () => {
    await putDesigns();
    let drawn = 0;
    const onProgress = ({ phase }: { phase: string }): void => {
      if (phase === 'draw') drawn++;
    };
    const first = await open({}, { onProgress });
    expect(drawn).toBeGreaterThan(0);
    drawn = 0;
    const again = await open({}, { onProgress });
    expect(drawn).toBe(0);
    expect(again).toEqual(first);

    const folder = join(root, 'cache', 'glyphs');
    const [file = ''] = await readdir(folder);
    const bytes = await readFile(join(folder, file));
    for (const damaged of [
      bytes.subarray(0, bytes.length >> 1),
      Buffer.from(bytes.map((byte, at) => (at === 5000 ? byte ^ 1 : byte))),
      Buffer.alloc(0),
    ]) {
      await writeFile(join(folder, file), damaged);
      const repaired = await open({});
      expect(repaired.fingerprint).toBe(first.fingerprint);
      expect(repaired.notes.at(-1)).toMatch(/was damaged: rendered again/);
      expect(await readFile(join(folder, file))).toEqual(bytes);
    }

    await open({ maxClasses: 7 });
    expect(await readdir(folder)).toHaveLength(2);
    await put('Birch.ttf', tinyFont({ family: 'Birch', glyphs: barGlyphs(40, characters) }));
    expect((await open({})).fingerprint).not.toBe(first.fingerprint);
  });

  test('is not needed: where it cannot be written the data are there and a note says so', async () => {
    await putDesigns();
    await writeFile(join(root, 'cache'), 'a file where the folder should be');
    const { notes, train } = await open();
    expect(train.count).toBe(80);
    expect(notes.at(-1)).toMatch(/the pictures could not be kept for the next time/);
  });
});
