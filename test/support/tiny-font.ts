/** One closed outline of straight lines: points in font units, clockwise where it is filled. */
export type Contour = readonly (readonly [x: number, y: number])[];

export interface TinyFont {
  readonly family: string;
  readonly style?: string;
  readonly copyright?: string;
  /** The outlines of each character, by code point; none for a blank one. */
  readonly glyphs: ReadonlyMap<number, readonly Contour[]>;
  /** The picture of missing characters; blank unless given. */
  readonly missing?: readonly Contour[];
}

/** A TrueType file (OpenType specification 1.9: head, hhea, maxp, hmtx, cmap format 12, loca, glyf, name, post) with 1000 units an em. */
export function tinyFont({ family, style = 'Regular', copyright = '', glyphs, missing = [] }: TinyFont): Buffer {
  const codePoints = [...glyphs.keys()].sort((a, b) => a - b);
  const outlines = [missing, ...codePoints.map((codePoint) => glyphs.get(codePoint) ?? [])].map(glyph);
  const offsets = outlines.reduce((ends, bytes) => [...ends, (ends.at(-1) ?? 0) + bytes.length], [0]);
  const count = outlines.length;
  const tables: Record<string, Buffer> = {
    cmap: join(
      u16(0, 1, 3, 10),
      u32(12),
      u16(12, 0),
      u32(16 + 12 * codePoints.length, 0, codePoints.length),
      ...codePoints.map((codePoint, place) => u32(codePoint, codePoint, place + 1)),
    ),
    glyf: join(...outlines),
    head: join(
      u32(0x10000, 0x10000, 0, 0x5f0f3cf5),
      u16(0, 1000),
      Buffer.alloc(16),
      u16(0, 0, 1000, 1000, 0, 8, 2, 1, 0),
    ),
    hhea: join(u32(0x10000), u16(800, 0x10000 - 200, 0, 1000, 0, 0, 1000, 1, 0, 0, 0, 0, 0, 0, 0, count)),
    hmtx: join(...outlines.map(() => u16(1000, 0))),
    loca: join(...offsets.map((offset) => u32(offset))),
    maxp: join(u32(0x10000), u16(count, 64, 8, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)),
    name: names([
      [0, copyright],
      [1, family],
      [2, style],
    ]),
    post: join(u32(0x30000), Buffer.alloc(28)),
  };
  const entries = Object.entries(tables);
  let offset = 12 + 16 * entries.length;
  const directory = entries.map(([tag, bytes]) => {
    const entry = join(Buffer.from(tag), u32(0, offset, bytes.length));
    offset += padded(bytes).length;
    return entry;
  });
  return join(u32(0x10000), u16(entries.length, 0, 0, 0), ...directory, ...entries.map(([, bytes]) => padded(bytes)));
}

/** A design by number: for each character three bars whose places follow from the design and the character, so that two designs differ everywhere. */
export function barGlyphs(
  design: number,
  codePoints: readonly number[],
  weight = 80,
): ReadonlyMap<number, readonly Contour[]> {
  return new Map(
    codePoints.map((codePoint) => {
      let state = (design * 7919 + codePoint * 104_729) >>> 0;
      const next = (limit: number): number => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return Math.floor((state / 2 ** 32) * limit);
      };
      return [
        codePoint,
        [box(next(900), 0, weight, 1000), box(0, next(900), 1000, weight), box(next(700), next(700), 250, 250)],
      ];
    }),
  );
}

export function box(x: number, y: number, width: number, height: number): Contour {
  return [
    [x, y],
    [x, y + height],
    [x + width, y + height],
    [x + width, y],
  ];
}

function glyph(contours: readonly Contour[]): Buffer {
  if (contours.length === 0) return Buffer.alloc(0);
  const points = contours.flat();
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const ends = contours.map((_, place) => contours.slice(0, place + 1).flat().length - 1);
  const steps = (values: readonly number[]): Buffer =>
    u16(...values.map((value, place) => (value - (values[place - 1] ?? 0)) & 0xffff));
  const bounds = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)].map((value) => value & 0xffff);
  // Every point on the curve (flag 1), both coordinates as 16-bit differences.
  const flags = Buffer.alloc(points.length, 1);
  return padded(join(u16(contours.length, ...bounds, ...ends, 0), flags, steps(xs), steps(ys)));
}

function names(values: readonly (readonly [id: number, text: string])[]): Buffer {
  const texts = values.map(([, text]) => Buffer.from(text, 'utf16le').swap16());
  let offset = 0;
  const records = values.map(([id], place) => {
    const length = texts[place]?.length ?? 0;
    const record = u16(3, 1, 0x409, id, length, offset);
    offset += length;
    return record;
  });
  return join(u16(0, values.length, 6 + 12 * values.length), ...records, ...texts);
}

function padded(bytes: Buffer): Buffer {
  return join(bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4));
}

function join(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts);
}

function u16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  values.forEach((value, place) => bytes.writeUInt16BE(value & 0xffff, 2 * place));
  return bytes;
}

function u32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, place) => bytes.writeUInt32BE(value, 4 * place));
  return bytes;
}
