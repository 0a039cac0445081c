import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { create, type Font } from 'fontkit';
import { contains, type CodePointSet } from './characters.ts';
import { drawOutlines, outcome } from './raster.ts';

/** What every worker of one reading knows. */
export interface FontWorkerData {
  readonly wanted: CodePointSet;
  readonly height: number;
  readonly width: number;
}

/** One face of a font file; a collection (`.ttc`) has several. */
export interface Face {
  readonly index: number;
  readonly family: string;
  readonly style: string;
  /** Whose design it is, without years and versions. */
  readonly copyright: string;
  /** The wanted characters that the font claims to have, ascending. */
  readonly codePoints: Uint32Array;
}

export type FontRequest =
  | { readonly kind: 'inspect'; readonly path: string }
  | { readonly kind: 'draw'; readonly path: string; readonly faces: readonly FaceRequest[] };

/** Characters of one face of a file. */
export interface FaceRequest {
  readonly index: number;
  readonly codePoints: Uint32Array;
}

/** `faces` answers `inspect`; `pictures` come in pieces, in the order of the characters of the faces, until `done`. */
export type FontReply =
  | { readonly kind: 'faces'; readonly faces: readonly Face[] }
  | { readonly kind: 'pictures'; readonly pixels: Uint8Array; readonly outcomes: Uint8Array }
  | { readonly kind: 'done' }
  | { readonly kind: 'error'; readonly reason: string };

/** A sign of life is sent this often. */
const perMessage = 512;

/** Reads fonts in a thread of its own, because a damaged font can keep the reader busy for ever. */
const { wanted, height, width } = workerData as FontWorkerData;
let latest: { readonly path: string; readonly faces: readonly Font[] } | undefined;

parentPort?.on('message', (request: FontRequest) => {
  try {
    if (request.kind === 'inspect') send({ kind: 'faces', faces: facesOf(request.path).map(describe) });
    else drawAll(request);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    send({ kind: 'error', reason: text.replaceAll(/\s+/g, ' ').slice(0, 200) });
  }
});

function send(reply: FontReply): void {
  parentPort?.postMessage(reply);
}

function facesOf(path: string): readonly Font[] {
  if (latest?.path !== path) {
    const file = create(readFileSync(path));
    latest = { path, faces: 'fonts' in file ? file.fonts : [file] };
  }
  return latest.faces;
}

function describe(font: Font, index: number): Face {
  // Name 16 is the family of all weights; name 1 has at most four styles.
  const family = clean(font.getName('preferredFamily', 'en') ?? font.familyName);
  const style = clean(font.getName('preferredSubfamily', 'en') ?? font.subfamilyName);
  const copyright = clean(font.copyright)
    .toLowerCase()
    .replaceAll(/[^\p{L}]+/gu, ' ')
    .trim();
  const codePoints = Uint32Array.from(new Set(font.characterSet.filter((codePoint) => contains(wanted, codePoint))));
  return { index, family, style, copyright, codePoints: codePoints.sort() };
}

/** Names come from the file: anything, of any length. */
function clean(name: unknown): string {
  return typeof name === 'string'
    ? name
        .replaceAll(/[\p{C}\s]+/gu, ' ')
        .trim()
        .slice(0, 80)
    : '';
}

function drawAll({ path, faces }: Extract<FontRequest, { kind: 'draw' }>): void {
  for (const { index, codePoints } of faces) {
    const font = facesOf(path)[index];
    if (font === undefined) throw new Error('the font is gone');
    const missing = drawOutlines(1, () => font.getGlyph(0).path, height, width);
    const missingPicture = missing.outcomes[0] === outcome.drawn ? missing.pixels : undefined;
    for (let start = 0; start < codePoints.length; start += perMessage) {
      const some = codePoints.subarray(start, start + perMessage);
      const outlineOf = (place: number) => {
        const glyph = font.glyphForCodePoint(some[place] ?? 0);
        return glyph.id === 0 ? undefined : glyph.path;
      };
      const { pixels, outcomes } = drawOutlines(some.length, outlineOf, height, width);
      if (missingPicture !== undefined) markMissing(pixels, outcomes, missingPicture);
      send({ kind: 'pictures', pixels, outcomes });
    }
  }
  send({ kind: 'done' });
}

/** Some fonts give a glyph of its own the look of the missing-glyph picture. */
function markMissing(pixels: Uint8Array, outcomes: Uint8Array, missing: Uint8Array): void {
  const plane = missing.length;
  outcomes.forEach((_, place) => {
    if (missing.every((level, pixel) => pixels[place * plane + pixel] === level)) outcomes[place] = outcome.missing;
  });
}
