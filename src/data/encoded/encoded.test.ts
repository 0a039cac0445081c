import { mkdir, mkdtemp, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { create } from 'tar';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { batchesInOrder, openBatchLoader, type LoaderOptions } from '../batches.ts';
import type { Batch, EncodedImages, ImageDataset } from '../dataset.ts';
import { openDataset, type OpenOptions } from '../registry.ts';
import { imageNetCrop, resizeCrop } from '../resized-crop.ts';
import { pixelsOf, sourceOf } from '../split.ts';
import { decodeView } from './decode-view.ts';
import { openUnlabelledImages } from './open-encoded.ts';
import { cachedTarIndex, indexTar } from './tar-index.ts';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'fixhead-encoded-'));
  await writeSet(join(root, 'set'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** An image that depends on its class and number, smooth enough that ways of scaling agree. */
function picture(height: number, width: number, label: number, number: number): Uint8Array {
  return Uint8Array.from({ length: 3 * height * width }, (_, place) => {
    const [channel, x, y] = [place % 3, Math.floor(place / 3) % width, Math.floor(place / 3 / width)];
    return 128 + 90 * Math.sin((x * (1 + label) + y * (channel + 1) + 11 * number) / 25);
  });
}

async function write(file: string, height: number, width: number, label: number, number: number): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const raw = { width, height, channels: 3 } as const;
  await sharp(picture(height, width, label, number), { raw })
    .jpeg({ quality: 90 })
    .toFile(file);
}

async function writeSet(folder: string): Promise<void> {
  for (const [label, name] of ['ant', 'bee', 'cat'].entries()) {
    for (let number = 0; number < 8; number++) {
      await write(join(folder, 'train', name, `${number}.JPEG`), 40 + number, 52 - number, label, number);
    }
    for (let number = 0; number < 3; number++) {
      await write(join(folder, 'val', name, `v${label}${number}.JPEG`), 44, 48, label, 20 + number);
    }
  }
}

const never = { inMemory: 'never', imageSize: { height: 16, width: 16, channels: 3 } } as const;

async function open(spec: string, options: OpenOptions = {}): Promise<ImageDataset> {
  return await openDataset(spec, { ...never, cacheDirectory: join(root, 'cache'), ...options });
}

async function all(batches: AsyncIterable<Batch>): Promise<{ images: number[]; labels: number[] }[]> {
  const result: { images: number[]; labels: number[] }[] = [];
  for await (const { images, labels } of batches) result.push({ images: [...images], labels: [...labels] });
  return result;
}

async function epoch(dataset: ImageDataset, options: Partial<LoaderOptions> = {}, start = 0) {
  const augmentation = { cropPadding: 2, horizontalFlip: true, randomResizedCrop: imageNetCrop };
  await using loader = openBatchLoader(dataset, { batchSize: 5, seed: 3, augmentation, ...options });
  const batches = await all(loader.epoch(1, start));
  return { batches, activity: loader.activity() };
}

describe('images decoded when they are asked for', () => {
  test('give the same batches on any number of workers and from the middle of an epoch', async () => {
    const dataset = await open(join(root, 'set'));
    expect(dataset.train.kind).toBe('encoded');
    const inline = await epoch(dataset, { workers: 0 });
    expect(inline.batches).toHaveLength(4);
    for (const workers of [1, 2]) expect((await epoch(dataset, { workers })).batches).toEqual(inline.batches);
    expect((await epoch(dataset, { workers: 1 }, 2)).batches).toEqual(inline.batches.slice(2));
    expect(inline.activity.images).toBe(20);
    expect(inline.activity.imagesPerSecond).toBeGreaterThan(0);
  });

  test('are in order, whole and not augmented in an evaluation, in the labels of their folders', async () => {
    const { validation, image, normalization } = await open(join(root, 'set'));
    const batches = await all(batchesInOrder(validation, image, normalization, 4));
    expect(batches.map(({ labels }) => labels)).toEqual([[0, 0, 0, 1], [1, 1, 2, 2], [2]]);
    expect(sourceOf(validation, 3)).toBe('val/bee/v10.JPEG');
    expect(() => pixelsOf(validation)).toThrow('these images are not held in memory as pixels');
  });

  test('are divided by class where the data has no split, and have a fingerprint of names, lengths and labels', async () => {
    const folder = join(root, 'set', 'train');
    const { train, validation, fingerprint } = await open(folder, { seed: 1 });
    expect([train.count, validation.count]).toEqual([19, 5]);
    expect((await open(folder, { seed: 1 })).fingerprint).toBe(fingerprint);
    expect((await open(folder, { seed: 2 })).fingerprint).not.toBe(fingerprint);
  });

  test('are normalised as measured on decoded images, or by the constants of ImageNet', async () => {
    const { normalization } = await open(join(root, 'set'));
    // A sine around 128 of amplitude 90.
    for (const mean of normalization.mean) expect(Math.abs(mean - 128 / 255)).toBeLessThan(0.12);
    expect((await open(join(root, 'set'), { normalization: 'imagenet' })).normalization.mean[0]).toBe(0.485);
    await expect(
      open(join(root, 'set'), { normalization: 'imagenet', imageSize: { height: 8, width: 8, channels: 1 } }),
    ).rejects.toThrow('the constants of ImageNet are for colour images; received 1 channels');
  });

  test('auto holds what is small', async () => {
    expect((await open(join(root, 'set'), { inMemory: 'auto' })).train.kind).toBe('bytes');
  });

  test('only image files can be', async () => {
    await expect(openDataset('mnist-small', { inMemory: 'never' })).rejects.toThrow(
      'mnist-small: only image files are decoded when they are asked for',
    );
  });
});

describe('unreadable images', () => {
  test('fail naming the file when their turn comes, or are replaced by the next one and named', async () => {
    const folder = join(root, 'broken');
    await writeSet(folder);
    const file = join(folder, 'train', 'bee', '3.JPEG');
    await truncate(file, 300);
    const size = { imageSize: never.imageSize, normalization: 'imagenet' } as const;
    const failing = await open(folder, size);
    for (const workers of [0, 1]) {
      await expect(epoch(failing, { workers, batchSize: 24 })).rejects.toMatchObject({
        kind: 'input',
        message: expect.stringMatching(
          /broken\/train\/bee\/3\.JPEG: not a readable image; received .*--on-unreadable skip/,
        ) as unknown,
      });
    }
    const skipping = await open(folder, { ...size, onUnreadable: 'skip' });
    const { batches, activity } = await epoch(skipping, { workers: 1, batchSize: 24 });
    expect(activity.unreadable).toEqual([file]);
    // Place 11 shows the next image, of the same class.
    expect(batches[0]?.labels.filter((label) => label === 1)).toHaveLength(8);
    expect((await epoch(skipping, { workers: 0, batchSize: 24 })).batches).toEqual(batches);
  });

  test('are left out of an evaluation', async () => {
    const folder = join(root, 'broken-val');
    await writeSet(folder);
    await writeFile(join(folder, 'val', 'ant', 'v01.JPEG'), 'no image');
    const { validation, image, normalization } = await open(folder, { onUnreadable: 'skip' });
    const [batch] = await all(batchesInOrder(validation, image, normalization, 9));
    expect(batch?.labels).toEqual([0, -1, 0, 1, 1, 1, 2, 2, 2]);
  });
});

describe('decodeView', () => {
  const shape = { channels: 3, height: 32, width: 40 };

  test('agrees with our own bilinear enlargement of the same part', async () => {
    const raw = { width: 40, height: 32, channels: 3 } as const;
    const interleaved = picture(32, 40, 1, 2);
    const png = await sharp(interleaved, { raw }).png().toBuffer();
    const planes = Uint8Array.from(
      interleaved,
      (_, place) => interleaved[(place % 1280) * 3 + Math.floor(place / 1280)] ?? 0,
    );
    const crop = { left: 5, top: 3, width: 22, height: 25 };
    const decoded = await decodeView(png, shape, { kind: 'crop', draw: () => crop });
    const own = resizeCrop(planes, shape, crop);
    const worst = Math.max(...own.map((value, place) => Math.abs(value - (decoded[place] ?? 0))));
    // libvips enlarges half a pixel of the result off centre: at the steepest place of this picture 7 levels.
    expect(worst).toBeLessThanOrEqual(8);
  });

  test('a reduced decoding of a large JPEG shows the same part to less than a pixel', async () => {
    const [height, width] = [480, 640];
    const raw = { width, height, channels: 3 } as const;
    // A ramp across and one down: a shift by a pixel of the result would change values by 8 and 7.
    const ramp = Uint8Array.from({ length: 3 * height * width }, (_, place) => {
      const [x, y] = [Math.floor(place / 3) % width, Math.floor(place / 3 / width)];
      return place % 3 === 0 ? (x * 255) / width : (y * 255) / height;
    });
    const small = { channels: 3, height: 32, width: 32 };
    const view = { kind: 'crop', draw: () => ({ left: 37, top: 21, width: 551, height: 410 }) } as const;
    const jpeg = await decodeView(await sharp(ramp, { raw }).jpeg({ quality: 95 }).toBuffer(), small, view);
    const png = await decodeView(await sharp(ramp, { raw }).png().toBuffer(), small, view);
    const worst = Math.max(...png.map((value, place) => Math.abs(value - (jpeg[place] ?? 0))));
    expect(worst).toBeLessThanOrEqual(4);
  });

  test('the centre is torchvision’s Resize(256/224·size) and CenterCrop: an eighth is cut off', async () => {
    const raw = { width: 96, height: 64, channels: 3 } as const;
    const ramp = Uint8Array.from({ length: 3 * 96 * 64 }, (_, place) => Math.floor(place / 3) % 96);
    const png = await sharp(ramp, { raw }).png().toBuffer();
    const seen = await decodeView(png, { channels: 3, height: 56, width: 56 }, { kind: 'centre' });
    // 64 rows stay 64, of 96 columns 20 … 75 remain.
    expect([seen[0], seen[55]]).toEqual([20, 75]);
  });
});

describe('tar archives', () => {
  test('give the same as the folder, by offset, also with a folder around everything and long names', async () => {
    const file = join(root, 'set.tar');
    await create({ file, cwd: root }, ['set']);
    const fromTar = await open(file);
    const fromFolder = await open(join(root, 'set'));
    expect(fromTar.classes).toEqual(['ant', 'bee', 'cat']);
    expect((await epoch(fromTar, { workers: 1 })).batches).toEqual((await epoch(fromFolder, { workers: 1 })).batches);
    expect(sourceOf(fromTar.validation, 0)).toBe('set/val/ant/v00.JPEG');
    const long = join(root, 'long');
    const name = `${'n'.repeat(120)}/${'m'.repeat(90)}.JPEG`;
    await write(join(long, name), 8, 8, 0, 0);
    await create({ file: join(root, 'long.tar'), cwd: long }, [name]);
    const [entry] = await indexTar(join(root, 'long.tar'));
    expect(entry?.name).toBe(name);
    const bytes = (await readFile(join(root, 'long.tar'))).subarray(
      entry?.offset,
      (entry?.offset ?? 0) + (entry?.bytes ?? 0),
    );
    expect(bytes.equals(await readFile(join(long, name)))).toBe(true);
  });

  test('of ImageNet’s layout: an archive for each class in one, validation images without folders and a list', async () => {
    const folder = join(root, 'imagenet');
    await mkdir(folder);
    const train = join(root, 'set', 'train');
    for (const name of ['ant', 'bee', 'cat']) {
      const files = Array.from({ length: 8 }, (_, number) => `${number}.JPEG`);
      await create({ file: join(root, `${name}.tar`), cwd: join(train, name) }, files);
    }
    await create({ file: join(folder, 'ILSVRC2012_img_train.tar'), cwd: root }, ['ant.tar', 'bee.tar', 'cat.tar']);
    const flat = join(root, 'flat');
    for (const [label, name] of ['ant', 'bee', 'cat'].entries()) {
      await write(join(flat, `ILSVRC2012_val_${label}.JPEG`), 44, 48, label, 20);
      expect(name).toHaveLength(3);
    }
    const names = [0, 1, 2].map((label) => `ILSVRC2012_val_${label}.JPEG`);
    await create({ file: join(folder, 'ILSVRC2012_img_val.tar'), cwd: flat }, names);
    await expect(open(folder)).rejects.toThrow(
      'the validation images lie in no folders, and nothing says their classes',
    );
    await writeFile(
      join(folder, 'val.txt'),
      'ILSVRC2012_val_2.JPEG 0\nILSVRC2012_val_0.JPEG 1\nILSVRC2012_val_1.JPEG 9\n',
    );
    await expect(open(folder)).rejects.toThrow(
      /val\.txt, line 3: not a class of the training images; expected a class name, or a number from 0 to 2, received "9"/,
    );
    await rm(join(folder, 'val.txt'));
    await writeFile(
      join(folder, 'LOC_val_solution.csv'),
      'ImageId,PredictionString\nILSVRC2012_val_2,ant 1 2 3 4\nILSVRC2012_val_0,bee 5 6\nILSVRC2012_val_1,cat\n',
    );
    const { classes, train: set, validation } = await open(folder);
    expect([classes, set.count, [...validation.labels]]).toEqual([['ant', 'bee', 'cat'], 24, [1, 2, 0]]);
    expect(sourceOf(set, 8)).toBe('bee.tar/0.JPEG');
    await expect(open(folder, { inMemory: 'always' })).rejects.toThrow(
      'read while they are trained on, not into memory',
    );
  });

  test('are listed once, and again when the archive has changed or the list is damaged', async () => {
    const file = join(root, 'again.tar');
    await create({ file, cwd: join(root, 'set') }, ['val']);
    const options = { cacheDirectory: join(root, 'again') };
    const counted: number[] = [];
    const list = async (): Promise<number> => {
      let passes = 0;
      const notes: string[] = [];
      const entries = await cachedTarIndex(file, { ...options, onProgress: () => passes++ }, notes);
      counted.push(passes);
      expect(notes).toEqual([]);
      return entries.length;
    };
    expect(await list()).toBe(9);
    const { atime } = await stat(file);
    await create({ file, cwd: join(root, 'set') }, ['train']);
    await utimes(file, atime, new Date(2020, 1, 1));
    expect(await list()).toBe(24);
    expect(await list()).toBe(24);
  });

  test('that are none, are cut short or hold no classes are errors that say so', async () => {
    const file = join(root, 'cut.tar');
    await create({ file, cwd: root }, ['set']);
    const { size } = await stat(file);
    await truncate(file, Math.floor(size / 2));
    await expect(indexTar(file)).rejects.toThrow(/cut\.tar, byte \d+: not a whole tar archive; received an entry of/);
    await writeFile(file, Buffer.alloc(2048, 'x'));
    await expect(indexTar(file)).rejects.toThrow('byte 0: not a whole tar archive; received no tar header here');
    await writeFile(file, '');
    await expect(indexTar(file)).rejects.toThrow('not a tar archive, or an empty one');
    await create({ file, cwd: join(root, 'set', 'train') }, ['ant']);
    await expect(open(file)).rejects.toThrow('not an archive of images by class');
    await expect(open(join(root, 'x.tar.gz'))).rejects.toThrow('no such folder');
    await create({ file: join(root, 'y.tar.gz'), gzip: true, cwd: join(root, 'set') }, ['train']);
    await expect(open(join(root, 'y.tar.gz'))).rejects.toThrow('a compressed archive cannot be read by offset');
  });
});

test('openUnlabelledImages takes every image of a folder, all with label 0', async () => {
  const { set, image, notes } = await openUnlabelledImages(join(root, 'set'), { onUnreadable: 'fail' });
  const encoded: EncodedImages = set;
  expect([encoded.count, new Set(encoded.labels), notes]).toEqual([33, new Set([0]), []]);
  expect(image.channels).toBe(3);
  expect(sourceOf(set, 0)).toBe('train/ant/0.JPEG');
  await mkdir(join(root, 'none'));
  await expect(openUnlabelledImages(join(root, 'none'), { onUnreadable: 'fail' })).rejects.toThrow(
    'no image in the folder',
  );
});
