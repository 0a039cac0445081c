import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, writeImages } from '../../test/support/cli.ts';
import { assembleDataset } from './assemble.ts';
import { batchesInOrder } from './batches.ts';
import type { ImageDataset, ImageSet } from './dataset.ts';
import { openDataset } from './index.ts';
import { withExtraClass } from './merge.ts';
import { sharedFloats } from './memory.ts';
import { sourceOf } from './split.ts';

const options = { onUnreadable: 'fail', seed: 3 } as const;

/** A folder of two classes, and a folder of images of a third. */
async function folders(): Promise<{ readonly old: string; readonly fresh: string }> {
  const folder = await temporaryFolder();
  const all = await writeImages(join(folder, 'all'), { classes: ['a', 'b', 'c'] });
  const old = join(folder, 'old');
  await mkdir(old);
  for (const name of ['a', 'b']) await rename(join(all, name), join(old, name));
  return { old, fresh: join(all, 'c') };
}

async function pixelsOf(
  { image, normalization }: Pick<ImageDataset, 'image' | 'normalization'>,
  set: ImageSet,
): Promise<readonly number[]> {
  const pixels: number[] = [];
  for await (const batch of batchesInOrder(set, image, normalization, 4)) pixels.push(...batch.images);
  return pixels;
}

const filesOf = (set: ImageSet): readonly string[] =>
  Array.from({ length: set.count }, (_, index) => sourceOf(set, index) ?? '');

describe('withExtraClass', () => {
  it('puts the images of one class more behind the others, in training and validation', async () => {
    const { old, fresh } = await folders();
    const base = await openDataset(old, options);
    const merged = await withExtraClass(base, { class: 'c', folder: fresh }, options);
    expect(merged.classes).toEqual(['a', 'b', 'c']);
    expect([merged.train.count, merged.validation.count]).toEqual([base.train.count + 8, base.validation.count + 2]);
    expect([...merged.train.labels]).toEqual([...base.train.labels, ...new Array<number>(8).fill(2)]);
    expect([...merged.validation.labels]).toEqual([...base.validation.labels, 2, 2]);
    expect(merged.normalization).toEqual(base.normalization);
    // Every new image once, on one side.
    const added = [...filesOf(merged.train).slice(base.train.count), ...filesOf(merged.validation).slice(-2)];
    expect(added.sort()).toEqual(Array.from({ length: 10 }, (_, index) => `${index}.png`));
  });

  it('decodes the new images when they are asked for, where the others are', async () => {
    const { old, fresh } = await folders();
    const chosen = { ...options, inMemory: 'never' } as const;
    const merged = await withExtraClass(await openDataset(old, chosen), { class: 'c', folder: fresh }, options);
    const held = await withExtraClass(await openDataset(old, options), { class: 'c', folder: fresh }, options);
    expect(merged.train.kind).toBe('encoded');
    for (const part of ['train', 'validation'] as const) {
      expect([...merged[part].labels]).toEqual([...held[part].labels]);
      expect(filesOf(merged[part]).slice(-2)).toEqual(filesOf(held[part]).slice(-2));
    }
    // As if they had been in one folder from the start.
    await rename(fresh, join(old, 'c'));
    const whole = await openDataset(old, chosen);
    const size = whole.image.channels * whole.image.height * whole.image.width;
    const imageOf = async (set: ImageSet, name: string): Promise<readonly number[]> => {
      const place = filesOf(set).indexOf(name);
      const { normalization } = merged;
      const pixels = await pixelsOf({ ...whole, normalization }, set);
      return pixels.slice(place * size, (place + 1) * size);
    };
    await rename(join(old, 'c'), fresh);
    const own = await pixelsOf(merged, merged.validation);
    await rename(fresh, join(old, 'c'));
    const name = `c/${filesOf(merged.validation).at(-1) ?? ''}`;
    const set = filesOf(whole.train).includes(name) ? whole.train : whole.validation;
    expect(own.slice(-size)).toEqual(await imageOf(set, name));
  });

  it('has a fingerprint of both, the same whenever it is opened', async () => {
    const { old, fresh } = await folders();
    const base = await openDataset(old, options);
    const merge = (name: string) => withExtraClass(base, { class: name, folder: fresh }, options);
    const first = await merge('c');
    expect((await merge('c')).fingerprint).toBe(first.fingerprint);
    const others = [base.fingerprint, (await merge('d')).fingerprint];
    await rm(join(fresh, '0.png'));
    others.push((await merge('c')).fingerprint);
    expect(new Set([first.fingerprint, ...others]).size).toBe(4);
  });

  it('refuses a class that is there, and features', async () => {
    const { old, fresh } = await folders();
    const base = await openDataset(old, options);
    await expect(withExtraClass(base, { class: 'b', folder: fresh }, options)).rejects.toThrow(
      /the data has this class already; received "b"/,
    );
    const set = { kind: 'floats', count: 2, values: sharedFloats(4), labels: Int32Array.of(0, 1) } as const;
    const image = { channels: 2, height: 1, width: 1 };
    const floats = assembleDataset({ name: 'numbers', classes: ['a', 'b'], image, train: set, validation: set });
    await expect(withExtraClass(floats, { class: 'c', folder: fresh }, options)).rejects.toThrow(
      /a class of images cannot be added to features/,
    );
  });

  it('leaves unreadable images out where it is told to, and says so', async () => {
    const { old, fresh } = await folders();
    await writeFile(join(fresh, 'no.png'), 'not an image');
    const base = await openDataset(old, options);
    const extra = { class: 'c', folder: fresh };
    await expect(withExtraClass(base, extra, options)).rejects.toThrow(/no\.png: 1 of 11 images cannot be read/);
    const merged = await withExtraClass(base, extra, { ...options, onUnreadable: 'skip' });
    expect(merged.train.count).toBe(base.train.count + 8);
    expect(merged.notes).toContain('c: left out 1 of 11 images that cannot be read');
  });
});
