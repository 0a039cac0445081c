import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { HeldDataset } from '../assemble.ts';
import type { ByteImages } from '../dataset.ts';
import { sharedBytes } from '../memory.ts';

/** A file of rendered characters: magic, length of the header (uint32), header (JSON), then of both sets labels, sources and pixels, then SHA-256 of all before it. */
const magic = Buffer.from('fixhead glyphs 1\n');
const digestBytes = 32;

const header = z.object({
  name: z.string(),
  classes: z.array(z.string()),
  image: z.object({ channels: z.number(), height: z.number(), width: z.number() }),
  notes: z.array(z.string()),
  /** The distinct sources; an image refers to one by its place. */
  sources: z.array(z.string()),
  counts: z.tuple([z.number().int().min(0), z.number().int().min(0)]),
});

/** What the file holds; `undefined` where there is none, `'damaged'` for one that is not whole. */
export async function readCache(file: string): Promise<HeldDataset | undefined | 'damaged'> {
  const bytes = await readFile(file).catch(() => undefined);
  if (bytes === undefined) return undefined;
  const body = bytes.subarray(0, Math.max(0, bytes.length - digestBytes));
  if (!createHash('sha256').update(body).digest().equals(bytes.subarray(body.length))) return 'damaged';
  if (!body.subarray(0, magic.length).equals(magic)) return 'damaged';
  const start = magic.length + 4;
  const end = start + body.readUInt32LE(magic.length);
  const parsed = header.safeParse(JSON.parse(body.toString('utf8', start, end)));
  if (!parsed.success) return 'damaged';
  const { name, classes, image, notes, sources, counts } = parsed.data;
  const plane = image.channels * image.height * image.width;
  let position = end;
  const take = (length: number): Uint8Array => body.subarray(position, (position += length));
  const sets = counts.map((count): ByteImages => {
    const labels = integers(take(4 * count));
    const places = integers(take(4 * count));
    const pixels = sharedBytes(count * plane);
    pixels.set(take(count * plane));
    const named = Array.from(places, (place) => sources[place] ?? '');
    return Object.freeze({ kind: 'bytes', count, pixels, labels, sources: named });
  });
  const [train, validation] = sets;
  return train === undefined || validation === undefined
    ? 'damaged'
    : { name, classes, image, notes, train, validation };
}

function integers(bytes: Uint8Array): Int32Array {
  // A copy: the bytes need not lie on a multiple of four.
  return new Int32Array(Uint8Array.from(bytes).buffer);
}

/** Writes the file in one step: under another name, flushed, renamed. Rejects where it cannot be written. */
export async function writeCache(file: string, raw: HeldDataset): Promise<void> {
  const { name, classes, image, train, validation, notes = [] } = raw;
  const places = new Map<string, number>();
  const placesOf = ({ sources = [] }: ByteImages): Int32Array =>
    Int32Array.from(sources, (source) => {
      const place = places.get(source) ?? places.size;
      places.set(source, place);
      return place;
    });
  const parts = [train, validation].flatMap((set) => [bytesOf(set.labels), bytesOf(placesOf(set)), set.pixels]);
  const text = JSON.stringify({
    name,
    classes: [...classes],
    image,
    notes: [...notes],
    sources: [...places.keys()],
    counts: [train.count, validation.count],
  } satisfies z.infer<typeof header>);
  const start = Buffer.alloc(4);
  start.writeUInt32LE(Buffer.byteLength(text));
  const hash = createHash('sha256');
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const handle = await open(temporary, 'wx');
    try {
      for (const part of [magic, start, Buffer.from(text), ...parts]) {
        hash.update(part);
        await handle.writeFile(part);
      }
      await handle.writeFile(hash.digest());
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

function bytesOf(values: Int32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
