import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { randomStream } from '../src/core/random.ts';
import { alternate, withContenders } from './alternate.ts';
import { isMissing, openOurs, openPython } from './contender.ts';
import type { Measured, Progress, Row } from './document.ts';
import { copyMilliseconds } from './floor.ts';
import { compareRounds, ratioOf } from './statistics.ts';

export interface DecodeBenchOptions {
  readonly batch: number;
  /** Height and width of the batches' images. */
  readonly image: number;
  /** Files of an epoch. */
  readonly images: number;
  readonly rounds: number;
  readonly interpreters: readonly string[];
  readonly threads: number;
}

/** Sizes of the files: ImageNet's median, and a photograph of a telephone. */
const SIZES = [
  { height: 375, width: 500, share: 1 },
  { height: 1500, width: 2000, share: 1 / 8 },
] as const;
const OURS = 'a worker thread, sharp';
const PEER = 'PyTorch DataLoader, Pillow';
const FLOAT_BYTES = 4;

/**
 * The time of an image of ImageNet's training recipe (decoded, RandomResizedCrop, mirrored, normalised, in a batch), against torchvision's transforms with Pillow in
 * as many worker processes as threads are given. An epoch over files that the system holds in memory is timed and divided by its images.
 *
 * The files are JPEGs of quality 90 of smooth noise in three sizes on a gradient, which take about as many bytes as photographs. The floor is a copy of the
 * finished floats in memory.
 */
export async function benchDecode(options: DecodeBenchOptions, progress: Progress): Promise<Measured> {
  const rows: Row[] = [];
  const peers: Record<string, string> = {};
  const root = await mkdtemp(join(tmpdir(), 'fixhead-decode-'));
  try {
    for (const [index, size] of SIZES.entries()) {
      const count = Math.max(2 * options.batch, Math.round(options.images * size.share));
      const folder = join(root, String(index));
      progress(`making ${count} JPEGs of ${size.width}×${size.height}`);
      const bytes = await writePhotographs(folder, count, size);
      const { row, facts } = await benchSize(folder, `${size.width}×${size.height}`, count, bytes, options, progress);
      rows.push(row);
      Object.assign(peers, facts);
    }
    return { rows, peers };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function benchSize(
  folder: string,
  size: string,
  count: number,
  bytes: number,
  { batch, image, rounds, threads, interpreters }: DecodeBenchOptions,
  progress: Progress,
): Promise<{ readonly row: Row; readonly facts: Readonly<Record<string, string>> }> {
  const shared = { folder, image, batch };
  const openers = [
    () => openOurs(OURS, 'decode.ts', { ...shared, workers: 1 }),
    () => openPython(PEER, 'decode.py', { ...shared, threads, workers: threads }, interpreters),
  ];
  return await withContenders(openers, async (contenders) => {
    const times = await alternate(contenders, { warmup: 1, rounds, calls: 1 }, progress);
    // Both leave out the last images that do not fill a batch; ours also holds an image of each class out.
    const decoded = Math.floor((count - CLASSES) / batch) * batch;
    const perImage = (name: string): readonly number[] => (times.get(name) ?? []).map((time) => time / decoded);
    const compared = compareRounds(perImage(OURS), perImage(PEER));
    const floor = copyMilliseconds(FLOAT_BYTES * batch * 3 * image ** 2) / batch;
    const peer = contenders.find(({ name }) => name === PEER);
    const perSecond = (time: number | null): number | null => (time === null ? null : Math.round(1000 / time));
    const row: Row = {
      case: `${size} JPEG of ${Math.round(bytes / 1000)} kB to ${image}×${image}`,
      peerName: PEER,
      unit: 'ms',
      ...compared,
      floor,
      oursOverFloor: ratioOf(compared.ours, floor),
      oursImagesPerSecond: perSecond(compared.ours),
      peerImagesPerSecond: perSecond(compared.peer),
      ...(peer !== undefined && isMissing(peer) ? { note: peer.missing } : {}),
    };
    const facts = peer === undefined || isMissing(peer) ? {} : { PyTorch: peer.facts['version'] ?? '' };
    return { row, facts };
  });
}

const CLASSES = 2;

/** Writes files that take about as long to decode as photographs; gives their mean length in bytes. */
async function writePhotographs(
  folder: string,
  count: number,
  { height, width }: { readonly height: number; readonly width: number },
): Promise<number> {
  let bytes = 0;
  for (let index = 0; index < count; index++) {
    const random = randomStream(0, 'bench', 'photograph', index);
    // Noise of three sizes: surfaces, shapes and grain.
    const layers = await Promise.all(
      [24, 6, 1.5].map(async (scale) => {
        const small = { width: Math.ceil(width / scale), height: Math.ceil(height / scale), channels: 3 as const };
        const noise = Uint8Array.from({ length: small.width * small.height * 3 }, () => random.integer(256));
        return await sharp(noise, { raw: small })
          .resize(width, height, { fit: 'fill', kernel: 'cubic' })
          .ensureAlpha(scale < 2 ? 0.12 : 0.4)
          .png()
          .toBuffer();
      }),
    );
    const target = join(folder, `class${index % CLASSES}`);
    await mkdir(target, { recursive: true });
    const background = { r: random.integer(256), g: random.integer(256), b: random.integer(256) };
    const { size } = await sharp({ create: { width, height, channels: 3, background } })
      .composite(layers.map((input) => ({ input })))
      .jpeg({ quality: 90 })
      .toFile(join(target, `${index}.jpg`));
    bytes += size;
  }
  return bytes / count;
}
