import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/fixtures/data/files.ts';
import { assembleDataset } from './assemble.ts';
import { decodeImage } from './decode-image.ts';
import { readImageFolder, type ImageFolderOptions } from './image-folder.ts';
import type { DataProgress } from './progress.ts';

type Format = 'png' | 'jpeg' | 'webp' | 'tiff' | 'avif';

/** An image of one colour. */
async function plain(colour: string, width = 8, height = 8, format: Format = 'png'): Promise<Buffer> {
  return await sharp({ create: { width, height, channels: 3, background: colour } })
    .toFormat(format)
    .toBuffer();
}

/** A grey image file of 4×4 pixels with this value. */
async function grey(value: number): Promise<Buffer> {
  return await sharp(Buffer.alloc(16, value), { raw: { width: 4, height: 4, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
}

async function folderWith(files: Readonly<Record<string, Buffer | string>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

const skip: ImageFolderOptions = { onUnreadable: 'skip' };

describe('readImageFolder', () => {
  test('one sub-folder a class: bytewise order, planar colour, sources, progress', async () => {
    const folder = await folderWith({
      'b/2.png': await plain('#0a141e'),
      'b/10.webp': await sharp({ create: { width: 8, height: 8, channels: 3, background: '#0a141e' } })
        .webp({ lossless: true })
        .toBuffer(),
      'B/x.png': await plain('#010203'),
      'é/deep/inside/y.tiff': await plain('#0000ff', 8, 8, 'tiff'),
      '.hidden/x.png': await plain('#ffffff'),
      'b/.x.png': 'not an image',
    });
    const seen: DataProgress[] = [];
    const raw = await readImageFolder(folder, { ...skip, onProgress: (progress) => seen.push(progress) });
    expect(raw.classes).toEqual(['B', 'b', 'é']);
    expect(raw.image).toEqual({ channels: 3, height: 8, width: 8 });
    expect(raw.train.sources).toEqual(['B/x.png', 'b/10.webp', 'b/2.png', 'é/deep/inside/y.tiff']);
    expect([...raw.train.labels]).toEqual([0, 1, 1, 2]);
    // Image 1, red plane, green plane, blue plane.
    expect([192, 192 + 64, 192 + 128].map((place) => raw.train.pixels[place])).toEqual([10, 20, 30]);
    expect(raw.notes).toEqual([]);
    expect(seen.at(-1)).toMatchObject({ phase: 'decode', done: 4, total: 4, unit: 'images' });
  });

  test('is divided by class where the folder has no split of its own', async () => {
    const files: Record<string, Buffer> = {};
    for (let index = 0; index < 10; index++) {
      files[`dark/${index}.png`] = await grey(index);
      files[`light/${index}.png`] = await grey(255 - index);
    }
    const folder = await folderWith(files);
    const data = assembleDataset(await readImageFolder(folder, skip), { validationFraction: 0.3, seed: 4 });
    expect(data.image.channels).toBe(1);
    expect([...data.validation.labels]).toEqual([0, 0, 0, 1, 1, 1]);
    expect(new Set([...(data.train.sources ?? []), ...(data.validation.sources ?? [])]).size).toBe(20);
    const again = assembleDataset(await readImageFolder(folder, skip), { validationFraction: 0.3, seed: 4 });
    expect(again.fingerprint).toBe(data.fingerprint);
  });

  test('takes train/ and val/, and notes what it does not use', async () => {
    const folder = await folderWith({
      'train/a/1.png': await grey(10),
      'train/b/1.png': await grey(20),
      'val/b/1.png': await grey(30),
      'test/a/1.png': await grey(40),
      'train/b/readme.txt': 'hello',
    });
    const raw = await readImageFolder(folder, skip);
    expect([raw.train.count, raw.validation?.count, raw.validation?.labels[0]]).toEqual([2, 1, 1]);
    expect(raw.validation?.pixels[0]).toBe(30);
    expect(raw.notes).toEqual(['passed over 1 file of other kinds: train/b/readme.txt', 'not used: test/']);
  });

  test('names unreadable and truncated images; skips them or fails', async () => {
    const noise = await sharp(Buffer.from(Array.from({ length: 64 * 64 }, (_, place) => (place * place) % 251)), {
      raw: { width: 64, height: 64, channels: 1 },
    })
      .jpeg()
      .toBuffer();
    const folder = await folderWith({
      'a/1.png': await plain('#ff0000', 64, 64),
      'a/2-cut.jpg': noise.subarray(0, noise.length >> 1),
      'a/3.png': await plain('#00ff00', 64, 64),
      'b/1-text.png': 'not an image',
      'b/2-empty.png': '',
      'b/3.png': await plain('#0000ff', 64, 64),
    });
    await symlink('nowhere.png', join(folder, 'b', '4-broken-link.png'));
    const raw = await readImageFolder(folder, skip);
    expect(raw.train.sources).toEqual(['a/1.png', 'a/3.png', 'b/3.png']);
    const plane = 64 * 64;
    // Green of the second image and blue of the third: the gaps are closed.
    expect([raw.train.pixels[4 * plane], raw.train.pixels[8 * plane]]).toEqual([255, 255]);
    expect(raw.train.pixels.length).toBe(9 * plane);
    expect(raw.notes).toEqual([
      'left out 4 of 7 images that cannot be read: a/2-cut.jpg, b/1-text.png, b/2-empty.png, b/4-broken-link.png',
    ]);
    await expect(readImageFolder(folder, { onUnreadable: 'fail' })).rejects.toThrow(
      /4 of 7 images cannot be read: a\/2-cut\.jpg, .*; received .*2-cut\.jpg: not a readable image.*choose to skip/,
    );
  });

  test('follows links to files and to class folders, not links to folders below', async () => {
    const folder = await folderWith({ 'a/1.png': await grey(1), 'b/1.png': await grey(2) });
    await symlink(join(folder, 'a'), join(folder, 'c'));
    await symlink(join(folder, 'a', '1.png'), join(folder, 'b', '2.png'));
    await symlink(folder, join(folder, 'b', 'loop'));
    const raw = await readImageFolder(folder, skip);
    expect(raw.train.sources).toEqual(['a/1.png', 'b/1.png', 'b/2.png', 'c/1.png']);
    expect(raw.notes).toEqual(['passed over 1 file of other kinds: b/loop']);
  });

  test.each([
    [
      'one class',
      { 'cat/1.png': 'x' },
      'expected at least two sub-folders, one for each class, with its images in it, received one sub-folder, cat',
    ],
    ['images without classes', { '1.png': 'x', '2.png': 'x' }, 'received no sub-folder (but 2 images)'],
    ['nothing', {}, 'not a folder of images by class'],
    [
      'an empty class',
      { 'a/1.png': 'x', 'b/readme.txt': 'x' },
      /a class without images; expected files ending in \.jpg.*received b; add images/,
    ],
    [
      'a class of damaged images',
      { 'a/1.png': 'x', 'b/1.png': 'x' },
      'no readable training image of a class; received a, b',
    ],
    [
      'an unknown validation class',
      { 'train/a/1.png': 'x', 'train/b/1.png': 'x', 'val/c/1.png': 'x' },
      'val: classes without training images; received c; choose from a, b',
    ],
  ])('refuses %s', async (_, files: Readonly<Record<string, string>>, message) => {
    await expect(readImageFolder(await folderWith(files), skip)).rejects.toThrow(message);
  });

  test('refuses a file in place of a folder, and sizes out of range', async () => {
    const folder = await folderWith({ 'a/1.png': await grey(1), 'b/1.png': await grey(2) });
    await expect(readImageFolder(join(folder, 'a', '1.png'), skip)).rejects.toThrow('1.png: not a folder');
    for (const [imageSize, message] of [
      [{ height: 0, width: 8 }, 'the image height is out of range'],
      [{ height: 8, width: 1.5 }, 'the image width is out of range'],
      [{ height: 8, width: 8, channels: 2 }, 'expected 1 (grey) or 3 (colour), received 2'],
    ] as const) {
      await expect(readImageFolder(folder, { ...skip, imageSize })).rejects.toThrow(message);
    }
  });
});

describe('the size that images are brought to', () => {
  test('is the common one, scaled down to 64 with its aspect ratio', async () => {
    const folder = await folderWith({
      'a/1.png': await plain('#111111', 200, 100),
      'a/2.png': await plain('#222222', 200, 100),
      'b/1.png': await plain('#333333', 30, 90),
    });
    expect((await readImageFolder(folder, skip)).image).toEqual({ channels: 3, height: 32, width: 64 });
    const asked = await readImageFolder(folder, { ...skip, imageSize: { height: 5, width: 7, channels: 1 } });
    expect([asked.image, asked.train.pixels.length]).toEqual([{ channels: 1, height: 5, width: 7 }, 105]);
  });

  test('is a square of the median shorter side where sizes differ', async () => {
    const folder = await folderWith({
      'a/1.png': await plain('#111111', 20, 31),
      'a/2.png': await plain('#222222', 50, 24),
      'b/1.png': await plain('#333333', 40, 90),
    });
    expect((await readImageFolder(folder, skip)).image).toEqual({ channels: 3, height: 24, width: 24 });
  });
});

describe('decodeImage', () => {
  test('honours the EXIF rotation', async () => {
    // Left half black, right half white; orientation 6 turns it a quarter clockwise: the top becomes black.
    const half = Buffer.from(Array.from({ length: 16 * 16 }, (_, place) => (place % 16 < 8 ? 0 : 255)));
    const image = sharp(half, { raw: { width: 16, height: 16, channels: 1 } }).toColourspace('b-w');
    const folder = await folderWith({
      'x.jpg': await image.withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toBuffer(),
    });
    const pixels = await decodeImage(join(folder, 'x.jpg'), { channels: 1, height: 16, width: 16 });
    expect(
      [pixels[3], pixels[12], pixels[13 * 16 + 3], pixels[13 * 16 + 12]].map((value) => (value ?? 0) > 127),
    ).toEqual([false, false, true, true]);
  });

  test('covers the shape and cuts the rest off evenly', async () => {
    // Three squares side by side: the middle one stays.
    const row = Array.from({ length: 24 }, (_, x) => (x < 8 ? 10 : x < 16 ? 100 : 200));
    const wide = Buffer.from(Array.from({ length: 8 }, () => row).flat());
    const folder = await folderWith({
      'x.png': await sharp(wide, { raw: { width: 24, height: 8, channels: 1 } })
        .toColourspace('b-w')
        .png()
        .toBuffer(),
    });
    const pixels = await decodeImage(join(folder, 'x.png'), { channels: 1, height: 8, width: 8 });
    expect(new Set(pixels)).toEqual(new Set([100]));
  });

  test('puts transparent images on white, keeps the high bits of 16-bit ones, and makes grey colour', async () => {
    const clear = sharp({ create: { width: 2, height: 2, channels: 4, background: { r: 9, g: 9, b: 9, alpha: 0 } } });
    const deep = sharp(new Uint16Array([0, 0x8000, 0xffff, 0x0100]), { raw: { width: 2, height: 2, channels: 1 } });
    const folder = await folderWith({
      'clear.png': await clear.png().toBuffer(),
      'deep.png': await deep.toColourspace('grey16').png().toBuffer(),
    });
    expect([...(await decodeImage(join(folder, 'clear.png'), { channels: 1, height: 2, width: 2 }))]).toEqual([
      255, 255, 255, 255,
    ]);
    expect([...(await decodeImage(join(folder, 'deep.png'), { channels: 3, height: 2, width: 2 }))]).toEqual([
      0, 128, 255, 1, 0, 128, 255, 1, 0, 128, 255, 1,
    ]);
  });

  test('reads every format that is listed, sees a file that changes, and names a damaged one', async () => {
    const folder = await folderWith({});
    for (const format of ['png', 'jpeg', 'webp', 'tiff', 'avif'] as const) {
      await writeFile(join(folder, 'x'), await plain('#ffffff', 16, 16, format));
      expect((await decodeImage(join(folder, 'x'), { channels: 1, height: 1, width: 1 }))[0]).toBeGreaterThan(250);
      await writeFile(join(folder, 'x'), await plain('#000000', 16, 16, format));
      expect((await decodeImage(join(folder, 'x'), { channels: 1, height: 1, width: 1 }))[0]).toBeLessThan(5);
    }
    const whole = await readFile(join(folder, 'x'));
    await writeFile(join(folder, 'cut.avif'), whole.subarray(0, whole.length - 20));
    await expect(decodeImage(join(folder, 'cut.avif'), { channels: 1, height: 1, width: 1 })).rejects.toThrow(
      /cut\.avif: not a readable image; received/,
    );
  });
});
