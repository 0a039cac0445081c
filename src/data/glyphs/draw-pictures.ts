import { createHash } from 'node:crypto';
import { inputError } from '../../core/errors.ts';
import type { HeldDataset } from '../assemble.ts';
import type { ByteImages, ImageShape } from '../dataset.ts';
import { sharedBytes } from '../memory.ts';
import type { OnDataProgress } from '../progress.ts';
import { className } from './characters.ts';
import type { FontFace, FontFamily } from './families.ts';
import { FontFailure, type FontReader } from './font-reader.ts';
import { countOf, groupBy, someOf } from './notes.ts';
import { outcome } from './raster.ts';
import { byCount } from './selection.ts';

/** What is drawn and how it is divided. */
export interface DrawingPlan {
  readonly spec: string;
  readonly reader: FontReader;
  readonly image: ImageShape;
  readonly families: readonly {
    readonly family: FontFamily;
    readonly faces: readonly FontFace[];
    readonly heldOut: boolean;
  }[];
  /** Characters that may become classes, the commonest first. */
  readonly ranked: readonly number[];
  readonly minFonts: number;
  readonly maxClasses: number;
  /** What was left out before; more is added. */
  readonly notes: readonly string[];
  readonly onProgress: OnDataProgress | undefined;
}

/** A face's pictures that are good for something. */
interface Drawn {
  readonly source: string;
  readonly family: number;
  readonly heldOut: boolean;
  readonly codePoints: readonly number[];
  /** `[codePoints.length, height, width]` */
  readonly pixels: Uint8Array;
}

/** A picture that more characters of one font share than this stands for missing ones; fewer are lookalikes, such as Latin, Greek and Cyrillic A. */
const mostLookalikes = 4;

/**
 * Draws the characters of all chosen faces and makes a dataset of what can be used. Left out and counted: blank pictures, characters that a font lacks or cannot draw, pictures
 * that one font uses for several characters (the first character keeps its own), and pictures that repeat one of the same character, first of a training font.
 */
export async function drawPictures(plan: DrawingPlan): Promise<HeldDataset> {
  const { families, ranked, maxClasses } = plan;
  // Fonts claim characters that turn out blank, so some are drawn in reserve.
  const candidates = ranked.slice(0, Math.ceil(1.25 * maxClasses) + 64);
  if (candidates.length < 2) throw tooFew(plan, candidates);
  const tally = { [outcome.missing]: 0, [outcome.blank]: 0, [outcome.failed]: 0, shared: 0 };
  const drawn = await drawAll(plan, new Set(candidates), tally);
  const classes = chooseClasses(plan, drawn, candidates);
  if (classes.length < 2) throw tooFew(plan, classes);
  const labels = new Map([...classes].sort((a, b) => a - b).map((codePoint, label) => [codePoint, label]));
  const seen = new Set<string>();
  const train = collect(
    plan.image,
    drawn.filter(({ heldOut }) => !heldOut),
    labels,
    seen,
  );
  const validation = collect(
    plan.image,
    drawn.filter(({ heldOut }) => heldOut),
    labels,
    seen,
  );
  const dropped = [
    [tally[outcome.blank], 'blank'],
    [tally[outcome.missing], 'of characters that the font lacks or shows as its missing-character sign'],
    [tally[outcome.failed], 'that cannot be drawn'],
    [tally.shared, 'that their font uses for another character too'],
    [
      train.repeated + validation.repeated,
      `that repeat one of the same character (${validation.repeated} of held-out fonts)`,
    ],
  ] as const;
  const counted = dropped.flatMap(([count, why]) => (count === 0 ? [] : [`${count} ${why}`]));
  const limit = classes.length === maxClasses && ranked.length > maxClasses ? `, the most asked for` : '';
  return {
    name: 'glyphs',
    classes: [...labels.keys()].map(className),
    image: plan.image,
    train: train.set,
    validation: validation.set,
    notes: [
      ...plan.notes,
      `${countOf(classes.length, 'class', 'classes')}${limit}: characters drawn in at least ${countOf(plan.minFonts, 'family', 'families')} of ${families.length}, held-out ones among them`,
      ...(counted.length === 0 ? [] : [`pictures left out: ${counted.join(', ')}`]),
    ],
  };
}

async function drawAll(
  { reader, families, image, onProgress }: DrawingPlan,
  candidates: ReadonlySet<number>,
  tally: Record<number | 'shared', number>,
): Promise<readonly Drawn[]> {
  const jobs = families.flatMap(({ faces, heldOut }, family) =>
    faces.map((face) => ({
      ...face,
      family,
      heldOut,
      source: `${face.file} (${[face.family, face.style].filter((part) => part !== '').join(' ')})`,
      codePoints: face.codePoints.filter((each) => candidates.has(each)),
    })),
  );
  const total = jobs.reduce((sum, { codePoints }) => sum + codePoints.length, 0);
  let done = 0;
  const onDrawn = (count: number): void => {
    done += count;
    onProgress?.({ phase: 'draw', what: 'characters', done, total, unit: 'images' });
  };
  const plane = image.height * image.width;
  // One file after the other, the faces of a collection together: opening one again takes longer than drawing from it.
  const drawn = await Promise.all(
    groupBy(jobs, ({ path }) => path).map(async (members): Promise<readonly Drawn[]> => {
      try {
        const pictures = await reader.draw(
          members[0]?.path ?? '',
          members.map(({ index, codePoints }) => ({ index, codePoints })),
          onDrawn,
        );
        return members.map(({ source, family, heldOut, codePoints }, place) => {
          const { pixels, outcomes } = pictures[place] ?? { pixels: new Uint8Array(), outcomes: new Uint8Array() };
          const usable = withoutShared(pixels, outcomes, plane, tally);
          const kept = new Uint8Array(usable.length * plane);
          usable.forEach((from, to) => {
            kept.set(pixels.subarray(from * plane, (from + 1) * plane), to * plane);
          });
          return { source, family, heldOut, codePoints: usable.map((from) => codePoints[from] ?? 0), pixels: kept };
        });
      } catch (error) {
        if (!(error instanceof FontFailure)) throw error;
        for (const { codePoints } of members) tally[outcome.failed] = (tally[outcome.failed] ?? 0) + codePoints.length;
        return [];
      }
    }),
  );
  return drawn.flat();
}

/** The places of pictures that show something, each picture once; counts the others. */
function withoutShared(
  pixels: Uint8Array,
  outcomes: Uint8Array,
  plane: number,
  tally: Record<number | 'shared', number>,
): readonly number[] {
  const byPicture = new Map<string, number[]>();
  outcomes.forEach((result, place) => {
    if (result === outcome.drawn) {
      const key = digestOf(pixels.subarray(place * plane, (place + 1) * plane));
      byPicture.set(key, [...(byPicture.get(key) ?? []), place]);
    } else tally[result] = (tally[result] ?? 0) + 1;
  });
  const usable: number[] = [];
  for (const places of byPicture.values()) {
    const kept = places.length > mostLookalikes ? [] : places.slice(0, 1);
    usable.push(...kept);
    tally.shared += places.length - kept.length;
  }
  return usable.sort((a, b) => a - b);
}

function digestOf(picture: Uint8Array): string {
  return createHash('md5').update(picture).digest('base64');
}

/** The commonest candidates that enough families have really drawn, some for training and some held out. */
function chooseClasses(
  { minFonts, maxClasses }: DrawingPlan,
  drawn: readonly Drawn[],
  candidates: readonly number[],
): readonly number[] {
  const families = new Map(
    candidates.map((codePoint) => [codePoint, { all: new Set<number>(), training: 0, heldOut: 0 }]),
  );
  for (const { family, heldOut, codePoints } of drawn) {
    for (const codePoint of codePoints) {
      const entry = families.get(codePoint);
      entry?.all.add(family);
      if (entry !== undefined) entry[heldOut ? 'heldOut' : 'training']++;
    }
  }
  const counts = new Map(
    [...families]
      .filter(([, { all, training, heldOut }]) => all.size >= minFonts && training > 0 && heldOut > 0)
      .map(([codePoint, { all }]) => [codePoint, all.size]),
  );
  return byCount(counts).slice(0, maxClasses);
}

/** The pictures of the classes, in the order of the faces, without those in `seen`, which grows. */
function collect(
  { height, width }: ImageShape,
  drawn: readonly Drawn[],
  labelOf: ReadonlyMap<number, number>,
  seen: Set<string>,
): { readonly set: ByteImages; readonly repeated: number } {
  const plane = height * width;
  const labels: number[] = [];
  const sources: string[] = [];
  const pictures: Uint8Array[] = [];
  let repeated = 0;
  for (const { source, codePoints, pixels } of drawn) {
    codePoints.forEach((codePoint, place) => {
      const label = labelOf.get(codePoint);
      if (label === undefined) return;
      const picture = pixels.subarray(place * plane, (place + 1) * plane);
      const key = `${label} ${digestOf(picture)}`;
      if (seen.has(key)) repeated++;
      else {
        seen.add(key);
        labels.push(label);
        sources.push(source);
        pictures.push(picture);
      }
    });
  }
  const pixels = sharedBytes(pictures.length * plane);
  pictures.forEach((picture, place) => {
    pixels.set(picture, place * plane);
  });
  return {
    set: Object.freeze({
      kind: 'bytes' as const,
      count: labels.length,
      pixels,
      labels: Int32Array.from(labels),
      sources: Object.freeze(sources),
    }),
    repeated,
  };
}

function tooFew({ spec, minFonts, families }: DrawingPlan, classes: readonly number[]): Error {
  return inputError('fewer than two characters can be classes', {
    where: spec,
    expected: `characters drawn by at least ${countOf(minFonts, 'font family', 'font families')} of ${families.length}, one of them held out and one not`,
    received: classes.length === 0 ? 'none' : `only ${className(classes[0] ?? 0)}`,
    hint: `ask for fewer families (--min-fonts), or name other characters or fonts; held out: ${someOf(
      families.filter(({ heldOut }) => heldOut).map(({ family }) => family.names.join(' = ')),
    )}`,
  });
}
