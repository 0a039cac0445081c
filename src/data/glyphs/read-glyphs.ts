import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { inputError, usageError } from '../../core/errors.ts';
import { permutation, randomStream } from '../../core/random.ts';
import type { HeldDataset, RawDataset } from '../assemble.ts';
import type { ByteImages, ImageShape } from '../dataset.ts';
import { reasonOf } from '../files.ts';
import { dataRoots } from '../locations.ts';
import type { OnDataProgress } from '../progress.ts';
import { readCache, writeCache } from './cache.ts';
import { charactersOf, type CodePointSet } from './characters.ts';
import {
  checkedChoice,
  defaultFontsPerFamily,
  defaultMaxClasses,
  defaultSide,
  glyphPlaces,
  type GlyphChoice,
} from './choice.ts';
import { chooseFaces, groupFaces, probeOf, probeSize, type FontFace } from './families.ts';
import { findFonts, type FontFiles } from './font-files.ts';
import { FontFailure, openFontReader, type FontReader } from './font-reader.ts';
import { drawPictures } from './draw-pictures.ts';
import { countOf, groupBy, someOf } from './notes.ts';
import { divideFamilies, rankCharacters } from './selection.ts';

/** How characters are read; the seed decides which fonts are held out. */
export interface GlyphOptions {
  readonly glyphs?: GlyphChoice;
  readonly imageSize?: { readonly height: number; readonly width: number; readonly channels?: number };
  readonly seed?: number;
  readonly cacheDirectory?: string;
  readonly onProgress?: OnDataProgress;
}

/** Part of every cache key: another number where the pictures or the choice of fonts would come out differently. */
const renderingVersion = 1;

/**
 * Pictures of characters from font files, divided by font: `glyphs` for the installed fonts, `glyphs:FOLDER,FOLDER` for one's own. What was rendered is kept in the
 * data cache, under a key of the fonts' contents and the options.
 *
 * Usage errors are about options; input errors about missing folders, no fonts, and fewer than two classes.
 */
export async function readGlyphs(spec: string, options: GlyphOptions): Promise<RawDataset<ByteImages>> {
  const choice = checkedChoice(options.glyphs ?? {});
  const image = shapeOf(spec, options);
  const { paths, installed } = glyphPlaces(spec);
  const wanted = await charactersOf(choice.characters ?? 'all');
  const fonts = await findFonts(paths, installed);
  const file = join(
    dataRoots(options.cacheDirectory)[0],
    'glyphs',
    `${keyOf(fonts, wanted, image, choice, options.seed ?? 0)}.bin`,
  );
  const cached = await readCache(file);
  if (cached !== undefined && cached !== 'damaged') return cached;
  const raw = await render(spec, fonts, wanted, image, choice, options);
  const notes = cached === 'damaged' ? [`${file} was damaged: rendered again`] : [];
  await writeCache(file, raw).catch((error: unknown) => {
    notes.push(`the pictures could not be kept for the next time: ${reasonOf(error)}`);
  });
  return { ...raw, notes: [...(raw.notes ?? []), ...notes] };
}

function shapeOf(where: string, { imageSize }: GlyphOptions): ImageShape {
  const { height, width, channels = 1 } = imageSize ?? { height: defaultSide, width: defaultSide };
  const inRange = [height, width].every((side) => Number.isInteger(side) && side >= 8 && side <= 256);
  if (inRange && channels === 1) return { channels, height, width };
  throw usageError('not a size for pictures of characters', {
    where,
    expected: 'sides of 8 to 256 pixels and 1 channel',
    received: `${height}×${width} with ${channels}`,
  });
}

function keyOf(fonts: FontFiles, wanted: CodePointSet, image: ImageShape, choice: GlyphChoice, seed: number): string {
  const { minFonts, maxClasses, heldOutFonts, fontsPerFamily } = choice;
  const characters = createHash('sha256').update(wanted).digest('hex');
  const options = [
    image,
    characters,
    minFonts ?? null,
    maxClasses ?? null,
    heldOutFonts ?? null,
    fontsPerFamily ?? null,
    seed,
  ];
  const contents = fonts.files.map(({ name, hash }) => [name, hash]);
  return createHash('sha256')
    .update(JSON.stringify([renderingVersion, options, contents]))
    .digest('hex')
    .slice(0, 32);
}

async function render(
  spec: string,
  fonts: FontFiles,
  wanted: CodePointSet,
  image: ImageShape,
  choice: GlyphChoice,
  { seed = 0, onProgress }: GlyphOptions,
): Promise<HeldDataset> {
  const notes: string[] = [];
  await using reader = openFontReader({ wanted, height: image.height, width: image.width });
  const faces = await openFaces(spec, fonts, reader, notes, onProgress);
  const families = groupFaces(faces);
  const merged = families.filter(({ names }) => names.length > 1).map(({ names }) => names.join(' = '));
  notes.push(
    `${countOf(faces.length, 'font')} with characters asked for, in ${countOf(families.length, 'family', 'families')}` +
      (merged.length === 0
        ? ''
        : `; kept together, because of one file or nearly the same drawings: ${someOf(merged, '; ')}`),
  );
  const division = divideFamilies(spec, families, choice, seed);
  notes.push(
    `held out for validation: ${someOf(
      division.heldOut.map(({ names }) => names.join(' = ')),
      '; ',
    )}`,
  );
  const perFamily = choice.fontsPerFamily ?? defaultFontsPerFamily;
  const chosen = families.map((family) => chooseFaces(family, perFamily));
  const unused = faces.length - chosen.reduce((sum, some) => sum + some.length, 0);
  if (unused > 0)
    notes.push(`${countOf(unused, 'font')} not used: at most ${perFamily} of a family, those that differ most`);
  const ranked = rankCharacters(families, division);
  return await drawPictures({
    spec,
    reader,
    image,
    families: families.map((family, index) => ({
      family,
      faces: chosen[index] ?? [],
      heldOut: division.heldOut.includes(family),
    })),
    ranked,
    minFonts: division.minFonts,
    maxClasses: choice.maxClasses ?? defaultMaxClasses,
    notes,
    onProgress,
  });
}

/** The faces that can be read and have a character that is asked for, each with some of them drawn. */
async function openFaces(
  spec: string,
  fonts: FontFiles,
  reader: FontReader,
  notes: string[],
  onProgress: OnDataProgress | undefined,
): Promise<readonly FontFace[]> {
  const broken = [...fonts.unreadable];
  let done = 0;
  const inspected = await Promise.all(
    fonts.files.map(async ({ path, name }) => {
      try {
        const faces = await reader.inspect(path);
        return faces.map((face) => ({ ...face, file: name, path }));
      } catch (error) {
        if (!(error instanceof FontFailure)) throw error;
        broken.push(`${name} (${error.message})`);
        return [];
      } finally {
        onProgress?.({ phase: 'decode', what: 'font files', done: ++done, total: fonts.files.length, unit: 'fonts' });
      }
    }),
  );
  const all = inspected.flat();
  const useful = all.filter(({ codePoints }) => codePoints.length > 0);
  const files = countOf(fonts.files.length + fonts.copies + fonts.unreadable.length, 'font file');
  if (fonts.copies > 0) notes.push(`${files}, ${fonts.copies} of them with the contents of another one`);
  const probes = probeOrder(useful);
  const faces = await Promise.all(
    groupBy(useful, ({ path }) => path).map(async (members): Promise<readonly FontFace[]> => {
      const path = members[0]?.path ?? '';
      const requests = members.map(({ index, codePoints }) => {
        const has = new Set(codePoints);
        const some = probes.filter((codePoint) => has.has(codePoint)).slice(0, probeSize);
        return { index, codePoints: Uint32Array.from(some) };
      });
      try {
        const pictures = await reader.draw(path, requests);
        return members.map((face, place) => ({
          ...face,
          probe: probeOf(requests[place]?.codePoints ?? new Uint32Array(), pictures[place]),
        }));
      } catch (error) {
        if (!(error instanceof FontFailure)) throw error;
        broken.push(`${members[0]?.file ?? path} (${error.message})`);
        return [];
      }
    }),
  );
  if (broken.length > 0)
    notes.push(`left out ${countOf(broken.length, 'font')} that cannot be read: ${someOf(broken.sort())}`);
  const without = all.length - useful.length;
  if (without > 0) notes.push(`passed over ${countOf(without, 'font')} without any of the characters`);
  const found = faces.flat();
  if (found.length > 0) return found;
  throw inputError('no font has any of the characters', {
    where: spec,
    received: `${files}${broken.length === 0 ? '' : `, ${broken.length} that cannot be read: ${someOf(broken)}`}`,
    hint: 'name other fonts, or other characters (--characters)',
  });
}

/** The characters that most faces have, in a fixed random order: neighbours in Unicode look alike, and would make faces look alike. */
function probeOrder(faces: readonly { readonly codePoints: Uint32Array }[]): readonly number[] {
  const counts = new Map<number, number>();
  for (const { codePoints } of faces) for (const each of codePoints) counts.set(each, (counts.get(each) ?? 0) + 1);
  const common = [...counts].sort(([a, m], [b, n]) => n - m || a - b).map(([codePoint]) => codePoint);
  const block = 1024;
  const order: number[] = [];
  for (let start = 0; start < common.length; start += block) {
    const some = common.slice(start, start + block);
    for (const place of permutation(some.length, randomStream('font comparison', start))) order.push(some[place] ?? 0);
  }
  return order;
}
