import { permutation, randomStream } from '../../core/random.ts';
import { bytewise } from '../files.ts';
import { outcome, type Pictures } from './raster.ts';

/** One face of one font file, with some of its characters drawn to compare it by. */
export interface FontFace {
  /** Name of the file, relative to the folder that was searched. */
  readonly file: string;
  readonly path: string;
  /** Place in a collection. */
  readonly index: number;
  readonly family: string;
  readonly style: string;
  /** Who claims the design; empty where nobody does. */
  readonly copyright: string;
  /** The wanted characters that it claims to have, ascending. */
  readonly codePoints: Uint32Array;
  readonly probe: Probe;
}

/** Pictures of some characters. */
export type Probe = ReadonlyMap<number, Uint8Array>;

/** The characters of a probe that were drawn. */
export function probeOf(codePoints: Uint32Array, pictures: Pictures | undefined): Probe {
  const { pixels, outcomes } = pictures ?? { pixels: new Uint8Array(), outcomes: new Uint8Array() };
  const plane = pixels.length / Math.max(1, codePoints.length);
  const drawn = [...codePoints.entries()].filter(([place]) => outcomes[place] === outcome.drawn);
  return new Map(drawn.map(([place, codePoint]) => [codePoint, pixels.subarray(place * plane, (place + 1) * plane)]));
}

/** Faces that must not be divided between training and validation. */
export interface FontFamily {
  /** The names of the families in it, in byte order. */
  readonly names: readonly string[];
  readonly faces: readonly FontFace[];
}

/** How many characters two faces are compared by, at most. */
export const probeSize = 48;
/** Faces with fewer characters in common are told apart by their names only. */
const fewestCompared = 12;
/**
 * When two faces are relatives: a share of their common characters has a {@link difference} below a bound. Measured on 350 Japanese and Chinese faces at 32 × 32 pixels (median of the
 * characters): copies and derivatives (IPA and Takao Gothic, M+ and VL Gothic) 0.00 to 0.05; two cuts of one skeleton (Motoya Cedar and Maruberi) 0.06; the next weight of a family 0.10;
 * unrelated faces from 0.12 for very bold ones to 0.18 and more for text. A font that took over a part of another one has that part in common exactly (BabelStone Han and AR PL UMing: 36 %).
 */
const relations = [
  { below: 0.02, share: 1 / 8, sameOwner: false },
  { below: 0.1, share: 1 / 2, sameOwner: false },
  // Further weights and variants that their makers give a name of their own.
  { below: 0.2, share: 1 / 2, sameOwner: true },
] as const;

/**
 * Puts faces together that come from one design: of one file, of one family name (without words such as Bold or Light) or
 * {@link relations}. In byte order of names.
 */
export function groupFaces(faces: readonly FontFace[]): readonly FontFamily[] {
  const parents = faces.map((_, index) => index);
  const rootOf = (index: number): number => {
    let root = index;
    while (parents[root] !== root) root = parents[root] ?? root;
    parents[index] = root;
    return root;
  };
  const join = (a: number, b: number): void => {
    const [low, high] = [rootOf(a), rootOf(b)].sort((first, second) => first - second);
    if (low !== undefined && high !== undefined) parents[high] = low;
  };
  const firstWith = new Map<string, number>();
  faces.forEach((face, index) => {
    for (const key of [`file ${face.path}`, `family ${familyKey(face)}`]) {
      const first = firstWith.get(key);
      if (first === undefined) firstWith.set(key, index);
      else join(first, index);
    }
  });
  faces.forEach((face, index) => {
    for (let other = 0; other < index; other++) {
      const before = faces[other];
      if (before !== undefined && rootOf(other) !== rootOf(index) && related(face, before)) join(other, index);
    }
  });
  const groups = new Map<number, FontFace[]>();
  faces.forEach((face, index) => {
    const root = rootOf(index);
    groups.set(root, [...(groups.get(root) ?? []), face]);
  });
  return [...groups.values()]
    .map((members) => ({ names: [...new Set(members.map(nameOf))].sort(bytewise), faces: members }))
    .sort((a, b) => bytewise(a.names[0] ?? '', b.names[0] ?? ''));
}

/** The family's name, or its file's where it has none. */
function nameOf({ family, file }: FontFace): string {
  return family === '' ? file : family;
}

const styleWords =
  /[\s_-]+(thin|hairline|extra-?light|ultra-?light|demi-?light|light|book|regular|normal|roman|medium|semi-?bold|demi-?bold|bold|extra-?bold|ultra-?bold|black|heavy|italic|oblique|condensed|narrow)$/;

function familyKey(face: FontFace): string {
  let name = nameOf(face).toLowerCase();
  while (styleWords.test(name)) name = name.replace(styleWords, '');
  return name;
}

function related(a: FontFace, b: FontFace): boolean {
  const owned = a.copyright !== '' && a.copyright === b.copyright;
  const apart: number[] = [];
  for (const distance of differences(a.probe, b.probe)) {
    apart.push(distance);
    // Most pairs have nothing in common, and a look at a few characters shows it.
    if (apart.length === fewestCompared && apart.every((each) => each > 0.25)) return false;
  }
  if (apart.length < fewestCompared) return false;
  return relations.some(({ below, share, sameOwner }) => {
    const alike = apart.filter((each) => each < below).length;
    return (!sameOwner || owned) && alike >= share * apart.length;
  });
}

/** {@link difference} of every character that both have drawn. */
function* differences(a: Probe, b: Probe): Generator<number, void, void> {
  for (const [codePoint, picture] of a) {
    const other = b.get(codePoint);
    if (other !== undefined) yield difference(picture, other);
  }
}

/** Σ|a−b| / Σ(a+b): 0 for equal pictures, 1 where no ink is in the same place. */
function difference(a: Uint8Array, b: Uint8Array): number {
  let [apart, ink] = [0, 0];
  for (let pixel = 0; pixel < a.length; pixel++) {
    const [p, q] = [a[pixel] ?? 0, b[pixel] ?? 0];
    apart += Math.abs(p - q);
    ink += p + q;
  }
  return ink === 0 ? 0 : apart / ink;
}

/**
 * At most `count` faces of a family: first the one with the most characters (of several a regular one), then again and again the one that differs most from its nearest one already chosen.
 * Faces that differ from a chosen one in nothing are left out.
 */
export function chooseFaces(family: FontFamily, count: number): readonly FontFace[] {
  const [first, ...rest] = [...family.faces].sort(
    (a, b) =>
      b.codePoints.length - a.codePoints.length ||
      weightRank(a) - weightRank(b) ||
      bytewise(a.file, b.file) ||
      a.index - b.index,
  );
  if (first === undefined) return [];
  const chosen = [first];
  const apart = new Map(rest.map((face) => [face, distanceOf(face, first)]));
  while (chosen.length < count) {
    const next = rest.reduce<FontFace | undefined>(
      (best, face) => ((apart.get(face) ?? 0) > (best === undefined ? 0 : (apart.get(best) ?? 0)) ? face : best),
      undefined,
    );
    if (next === undefined) break;
    chosen.push(next);
    for (const face of rest) apart.set(face, Math.min(apart.get(face) ?? 0, distanceOf(face, next)));
  }
  return family.faces.filter((face) => chosen.includes(face));
}

/** 0 for a face of ordinary weight, as far as its names tell. */
function weightRank({ family, style }: FontFace): number {
  if (styleWords.test(` ${family}`.toLowerCase())) return 2;
  return /^(regular|book|normal|roman|)$/i.test(style) ? 0 : 1;
}

/** Mean difference of the characters that both have drawn; 1 where there is none. */
function distanceOf(a: FontFace, b: FontFace): number {
  const all = [...differences(a.probe, b.probe)];
  return all.length === 0 ? 1 : all.reduce((sum, value) => sum + value, 0) / all.length;
}

/** Which of `count` families are held out: round(share·count) of them, at least one and not all, by the shuffle `(seed, 'held-out fonts')`. */
export function heldOutByShare(count: number, share: number, seed: number): ReadonlySet<number> {
  const size = Math.min(Math.max(1, Math.round(share * count)), count - 1);
  return new Set(permutation(count, randomStream(seed, 'held-out fonts')).slice(0, Math.max(0, size)));
}
