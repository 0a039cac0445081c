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
  /** The wanted characters that it claims to have, ascending. */
  readonly codePoints: Uint32Array;
  readonly probe: Probe;
}

export interface Probe {
  readonly codePoints: Uint32Array;
  readonly pictures: Pictures;
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
/** Two pictures of one character that differ less count as the same drawing; measured in {@link difference}. */
const sameDrawing = 0.12;
/** The share of characters drawn the same that makes two faces relatives. */
const relatedShare = 0.5;

/**
 * Puts faces together that come from one design: of one file, of one family name (without words such as Bold or Light), or that draw at least half of the
 * characters they share nearly alike (IPA Gothic and Takao Gothic; the Japanese and the Korean Noto Sans). In byte order of names.
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
      if (before !== undefined && rootOf(other) !== rootOf(index) && related(face.probe, before.probe))
        join(other, index);
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

function related(a: Probe, b: Probe): boolean {
  let [compared, same] = [0, 0];
  for (const distance of differences(a, b)) {
    compared++;
    if (distance < sameDrawing) same++;
    // Most pairs have nothing in common, and a look at a few characters shows it.
    if (compared === fewestCompared && same === 0) return false;
  }
  return compared >= fewestCompared && same >= relatedShare * compared;
}

/** {@link difference} of every character that both have drawn. */
function* differences(a: Probe, b: Probe): Generator<number, void, void> {
  const plane = a.pictures.pixels.length / Math.max(1, a.codePoints.length);
  const places = new Map(Array.from(b.codePoints, (codePoint, place) => [codePoint, place]));
  for (const [place, codePoint] of a.codePoints.entries()) {
    const other = places.get(codePoint);
    if (other === undefined) continue;
    if (a.pictures.outcomes[place] !== outcome.drawn || b.pictures.outcomes[other] !== outcome.drawn) continue;
    yield difference(
      a.pictures.pixels.subarray(place * plane, (place + 1) * plane),
      b.pictures.pixels.subarray(other * plane, (other + 1) * plane),
    );
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
 * At most `count` faces of a family: first the one with the most characters, then again and again the one that differs most from its nearest one already chosen.
 * Faces that differ from a chosen one in nothing are left out.
 */
export function chooseFaces(family: FontFamily, count: number): readonly FontFace[] {
  const [first, ...rest] = [...family.faces].sort(
    (a, b) => b.codePoints.length - a.codePoints.length || bytewise(a.file, b.file) || a.index - b.index,
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
