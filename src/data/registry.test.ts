import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { create } from 'tar';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { idxBytes, temporaryFolder } from '../../test/fixtures/data/files.ts';
import { catalog } from './catalog.ts';
import { fetchEntry } from './fetch.ts';
import { listDatasets, verifyDataset } from './overview.ts';
import type { DataProgress } from './progress.ts';
import { fetchDataset, openDataset, type OpenOptions } from './registry.ts';

const offline: OpenOptions = { onUnreadable: 'skip', allowDownload: false };

/** The data folder of this machine must play no part. */
beforeEach(async () => {
  vi.stubEnv('FIXHEAD_DATA', '');
  vi.stubEnv('XDG_CACHE_HOME', await temporaryFolder());
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
});

async function writeIdx(folder: string, count: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [part, images] of [
    ['train', count],
    ['t10k', 10],
  ] as const) {
    const pixels = Array.from({ length: images * 784 }, (_, place) => place % 200);
    const labels = Array.from({ length: images }, (_, index) => index % 10);
    await writeFile(join(folder, `${part}-images-idx3-ubyte`), idxBytes([images, 28, 28], pixels));
    await writeFile(join(folder, `${part}-labels-idx1-ubyte`), idxBytes([images], labels));
  }
}

/** Ten records of CIFAR-10 for training and ten for test, in a folder of the official name. */
async function writeCifar(root: string): Promise<void> {
  const folder = join(root, 'cifar-10-batches-bin');
  await mkdir(folder, { recursive: true });
  const records = Buffer.concat(
    Array.from({ length: 10 }, (_, label) => Buffer.concat([Buffer.of(label), Buffer.alloc(3072, label * 20)])),
  );
  await writeFile(join(folder, 'data_batch_1.bin'), records);
  await writeFile(join(folder, 'test_batch.bin'), records);
  await writeFile(
    join(folder, 'batches.meta.txt'),
    'airplane automobile bird cat deer dog frog horse ship truck'.replaceAll(' ', '\n'),
  );
}

describe('openDataset', () => {
  test('opens the embedded digits by any of their names, divided as asked', async () => {
    const data = await openDataset('MNIST-10k', { ...offline, validationFraction: 0.1, seed: 2 });
    expect([data.name, data.train.count, data.validation.count]).toEqual(['mnist-small', 9000, 1000]);
  });

  test('an unknown name is a usage error with the nearest name and all names', async () => {
    await expect(openDataset('fashon-mnist', offline)).rejects.toMatchObject({
      kind: 'usage',
      message:
        'unknown dataset, and no folder of this name; received "fashon-mnist"; choose from mnist-small, mnist, fashion-mnist, cifar-10, cifar-100, glyphs; did you mean fashion-mnist? A path to a folder is also possible',
    });
    await expect(openDataset('imagenet-21k', offline)).rejects.not.toThrow('did you mean');
    await expect(fetchDataset('cifar-1O')).rejects.toThrow('did you mean cifar-10?');
  });

  test('a path that is not there, and a file that is no dataset', async () => {
    await expect(openDataset('./nowhere', offline)).rejects.toThrow(
      './nowhere: no such folder; or name a dataset: mnist-small',
    );
    const file = join(await temporaryFolder(), 'notes.txt');
    await writeFile(file, 'x');
    await expect(openDataset(file, offline)).rejects.toThrow('expected a folder, or an archive ending in .tar');
  });

  test('a named dataset that is not here: where it was looked for and how to get it', async () => {
    vi.stubEnv('FIXHEAD_DATA', '/data/here');
    await expect(openDataset('cifar10', offline)).rejects.toThrow(
      /dataset cifar-10 is not on this machine; expected it in one of \/data\/here\/cifar-10\/cifar-10-batches-bin, .*fixhead data fetch cifar-10" \(170 MB\)/,
    );
  });

  test('finds a named dataset in FIXHEAD_DATA, and notes that it is not as published', async () => {
    const root = await temporaryFolder();
    vi.stubEnv('FIXHEAD_DATA', root);
    await writeIdx(join(root, 'mnist'), 20);
    const data = await openDataset('mnist', offline);
    expect([data.train.count, data.validation.count, data.classes.length]).toEqual([20, 10, 10]);
    expect(data.notes).toEqual([
      `${join(root, 'mnist')} holds 20 training and 10 test images; as published it has 60000 training and 10000 test images`,
    ]);
    const report = await verifyDataset('mnist');
    expect(report).toMatchObject({
      ok: false,
      problems: ['mnist: expected 60000 and 10000 images, as published, received 20 and 10'],
    });
  });

  test('opens folders of each format by path', async () => {
    const root = await temporaryFolder();
    await writeIdx(join(root, 'idx'), 20);
    await writeCifar(root);
    expect((await openDataset(join(root, 'idx'), offline)).name).toBe('idx');
    const cifar = await openDataset(join(root, 'cifar-10-batches-bin'), offline);
    expect([cifar.image.channels, cifar.classes[3]]).toEqual([3, 'cat']);
    await expect(openDataset(root, offline)).rejects.toThrow('2 classes without images');
    const size = { height: 16, width: 16 };
    await expect(openDataset(join(root, 'idx'), { ...offline, imageSize: size })).rejects.toThrow(
      'an image size can be chosen for folders of images only; expected no size, or its own: 28×28 with 1 channel, received 16×16',
    );
    const own = { height: 28, width: 28, channels: 1 };
    expect((await openDataset(join(root, 'idx'), { ...offline, imageSize: own })).image).toEqual(own);
  });

  test('opens an archive by path and leaves nothing behind', async () => {
    const root = await temporaryFolder();
    await writeCifar(root);
    const file = join(root, 'my-cifar.tar.gz');
    await create({ gzip: true, file, cwd: root }, ['cifar-10-batches-bin']);
    const before = await readdir(root);
    const data = await openDataset(file, offline);
    expect([data.name, data.train.count]).toEqual(['my-cifar', 10]);
    expect(await readdir(root)).toEqual(before);
  });

  test('unpacks a published archive that lies in the data folder', async () => {
    const root = await temporaryFolder();
    await writeCifar(root);
    const data = await temporaryFolder();
    await create({ gzip: true, file: join(data, 'cifar-10-binary.tar.gz'), cwd: root }, ['cifar-10-batches-bin']);
    expect((await openDataset('cifar-10', { ...offline, cacheDirectory: data })).classes[9]).toBe('truck');
    expect((await readdir(join(data, 'cifar-10', 'cifar-10-batches-bin'))).sort()).toEqual([
      'batches.meta.txt',
      'data_batch_1.bin',
      'test_batch.bin',
    ]);
  });
});

describe('listDatasets and verifyDataset', () => {
  test('list says what is here and how to get the rest', async () => {
    const root = await temporaryFolder();
    await writeIdx(join(root, 'mnist'), 20);
    const list = await listDatasets({ cacheDirectory: root });
    expect(list.map(({ name }) => name)).toEqual(['mnist-small', 'mnist', 'fashion-mnist', 'cifar-10', 'cifar-100']);
    const [small, mnist, , cifar] = list;
    expect(small).toMatchObject({ available: true, places: [], howToGet: 'comes with fixhead', train: 10_000 });
    expect(mnist).toMatchObject({ available: true, found: join(root, 'mnist') });
    expect(cifar).toMatchObject({ available: false, howToGet: 'run "fixhead data fetch cifar-10" (170 MB)' });
    expect(cifar).not.toHaveProperty('found');
  });

  test('verify names a damaged file, and is content with whole data', async () => {
    const root = await temporaryFolder();
    await writeIdx(join(root, 'x'), 20);
    expect(await verifyDataset(join(root, 'x'))).toMatchObject({
      ok: true,
      contents: { train: 20, validation: 10, classes: 10 },
    });
    const file = join(root, 'x', 't10k-images-idx3-ubyte');
    await writeFile(file, (await readFile(file)).subarray(0, 500));
    const report = await verifyDataset(join(root, 'x'));
    expect(report).toMatchObject({
      ok: false,
      problems: [`${file}: truncated IDX file; expected 7856 bytes for 10×28×28 pixels, received 500`],
    });
    await expect(verifyDataset('cifar-100')).rejects.toThrow('is not on this machine');
    await expect(verifyDataset('nonsense')).rejects.toThrow('unknown dataset');
    expect(await verifyDataset('mnist-small')).toMatchObject({ ok: true, problems: [] });
  });
});

describe('fetchDataset', () => {
  /** Serves a folder's files on this machine. */
  async function serveFolder(folder: string): Promise<{ url: string; asked: string[] }> {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      const name = (request.url ?? '').slice(1);
      asked.push(name);
      readFile(join(folder, name)).then(
        (bytes) => response.writeHead(200, { 'content-length': bytes.length }).end(bytes),
        () => response.writeHead(404).end(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
  }

  function entryWithoutMirrors(name: string): (typeof catalog)[number] {
    const entry = catalog.find((each) => each.name === name);
    if (entry === undefined) throw new Error(name);
    return { ...entry, mirrors: [] };
  }

  test('downloads an archive, unpacks it, removes it, and does not fetch it again', async () => {
    const source = await temporaryFolder();
    await writeCifar(source);
    await create({ gzip: true, file: join(source, 'cifar-10-binary.tar.gz'), cwd: source }, ['cifar-10-batches-bin']);
    const md5 = createHash('md5')
      .update(await readFile(join(source, 'cifar-10-binary.tar.gz')))
      .digest('hex');
    const entry = { ...entryWithoutMirrors('cifar-10'), files: [{ file: 'cifar-10-binary.tar.gz', md5 }] };
    const { url, asked } = await serveFolder(source);
    const cacheDirectory = await temporaryFolder();
    const phases = new Set<DataProgress['phase']>();
    const options = { cacheDirectory, mirror: url, onProgress: ({ phase }: DataProgress) => void phases.add(phase) };
    // Two at once: the second waits and finds what the first has fetched.
    const folders = await Promise.all([fetchEntry(entry, options), fetchEntry(entry, options)]);
    const folder = join(cacheDirectory, 'cifar-10', 'cifar-10-batches-bin');
    expect(folders).toEqual([folder, folder]);
    expect(await fetchEntry(entry, options)).toBe(folder);
    expect(asked).toEqual(['cifar-10-binary.tar.gz']);
    expect(await readdir(join(cacheDirectory, 'cifar-10'))).toEqual(['cifar-10-batches-bin']);
    expect([...phases]).toEqual(['download', 'extract']);
    expect((await openDataset('cifar-10', { ...offline, cacheDirectory })).train.count).toBe(10);
  });

  test('refuses what is not the published file and leaves no dataset', async () => {
    const source = await temporaryFolder();
    await writeFile(join(source, 'train-labels-idx1-ubyte.gz'), 'something else');
    const { url } = await serveFolder(source);
    const cacheDirectory = await temporaryFolder();
    await expect(fetchEntry(entryWithoutMirrors('mnist'), { cacheDirectory, mirror: url })).rejects.toThrow(
      /cannot download train-labels-idx1-ubyte\.gz; received .*wrong checksum: expected MD5 d53e105ee54ea40749a09fcbcd1e9432/,
    );
    expect(await readdir(join(cacheDirectory, 'mnist'))).toEqual([]);
  });

  test('a data folder that cannot be written to is named', async () => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, 'x');
    await expect(fetchDataset('mnist', { cacheDirectory: file })).rejects.toThrow(
      /file\/mnist: cannot be made; received ENOTDIR.*set FIXHEAD_DATA/,
    );
  });

  test('has nothing to fetch for what comes with fixhead', async () => {
    expect(await fetchDataset('mnist-small')).toBeUndefined();
  });
});

const fashion = '/usr/share/datasets/fashion-mnist';
test.skipIf(!existsSync(fashion))(
  'Fashion-MNIST of the Debian package is found and whole, though compressed anew',
  async () => {
    const report = await verifyDataset('fashion');
    expect(report).toMatchObject({ name: 'fashion-mnist', ok: true, contents: { train: 60_000, validation: 10_000 } });
    expect(report.files).toHaveLength(4);
  },
);
